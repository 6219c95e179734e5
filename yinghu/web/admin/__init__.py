"""Set-up pages: what a city is made of, edited by its administrator, with history.

One module for each kind of thing (`areas.py`, `units.py` …) says what it is made of and what is
right for it; lists, forms, history and CSV are the same code for all of them.
"""
