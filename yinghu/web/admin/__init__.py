"""Set-up pages: lists, forms, history and CSV of all configuration types."""
