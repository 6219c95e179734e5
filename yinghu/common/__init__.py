"""Building blocks without domain knowledge."""
