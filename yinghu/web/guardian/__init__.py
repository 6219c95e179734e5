"""Guardian tags: pages for finders, guardians and those who hand out the strips."""
