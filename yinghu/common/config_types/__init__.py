"""Configuration types: what a city edits, described once for pages, CSV and commands."""
