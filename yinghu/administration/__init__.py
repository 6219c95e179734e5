"""Changing what a city is made of: one service for pages, files, the demo loader and commands."""
