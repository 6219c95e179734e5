"""The reader and the writers of CSV, JSON lines and Excel files."""
