"""Services for changing a city's configuration: for pages, files, the demo loader and commands."""
