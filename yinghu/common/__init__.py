"""Helpers that know nothing of what Yinghu does."""
