"""Hostile values in each part and query of every address are answered, never by a server error.

The values go round, two to each address and login, so that a run costs seconds and all of them
together meet each address.
"""

from __future__ import annotations

import itertools
from urllib.parse import quote

import pytest

from tests.addresses import fill, parts_of, routes
from tests.cast import Cast, taken_milk
from tests.web.conftest import Browse
from yinghu.site.methods import methods_of

POISON = (
    "\x00",
    "９" * 40,
    "-1",
    "9" * 25,
    "NaN",
    "1e400",
    "%s%d{0}",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "\ud7ff\uffff\u202e",
    "../../etc/passwd",
    "x" * 3000,
)
QUERIES = (
    *("q", "status", "category", "unit", "area", "since", "until", "after", "before", "page"),
    *("part", "key", "sort", "urgency", "flag", "view", "from", "to", "kind", "under", "which"),
    *("lon", "lat", "limit", "phone", "code", "case", "number", "place", "day", "version", "next"),
)


@pytest.mark.parametrize("who", ["", "admin", "milk-handler"])
def test_no_address_breaks_on_hostile_values(browse: Browse, city: Cast, who: str) -> None:
    number = taken_milk(city).number
    client = browse(who, raise_request_exception=False)
    asked = 0
    queries, poisons = itertools.cycle(QUERIES), itertools.cycle(POISON)
    # Each login begins at another value.
    for _skipped in range(len(who)):
        next(poisons)
    for template, view in routes():
        if "GET" not in (methods_of(view) or ()):
            continue
        parts = [name for kind, name in parts_of(template) if kind != "int"]
        good = {"number": number, "code": "330782", "unit_code": "milk"}
        # Each part in turn, the others good; and some values of the query.
        for bad, _turn in itertools.product(parts or [""], range(2)):
            poison = next(poisons)
            address = fill(template, **{**good, bad: quote(poison, safe="")})
            query = {next(queries): poison for _number in range(4)}
            page = client.get(address, query)
            assert page.status_code < 500, (address[:200], query)
            asked += 1
    assert asked > 170


@pytest.mark.parametrize("who", ["admin", "milk-handler"])
def test_no_form_breaks_on_hostile_values(browse: Browse, city: Cast, who: str) -> None:
    """Forms with every field poisoned at once; what is taken is written by who may."""
    case = taken_milk(city)
    client = browse(who, raise_request_exception=False)
    fields = ("words", "why", "category", "unit", "area", "version", "phone", "until", "name")
    asked = 0
    poisons = itertools.cycle(POISON[len(who) :] + POISON[: len(who)])
    for template, view in routes():
        if "POST" not in (methods_of(view) or ()) or "logout" in template:
            continue
        for _turn in range(2):
            poison = next(poisons)
            given = dict.fromkeys(fields, poison)
            page = client.post(fill(template, number=case.number, verb="note"), given)
            assert page.status_code < 500, (template, poison[:40])
            asked += 1
    assert asked > 100
