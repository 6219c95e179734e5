"""Seals personal data and secrets, opens them, masks phones and names."""
