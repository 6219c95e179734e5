"""Cases shared with task forces (专班): the list page, and a panel of the case page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from yinghu.appeals import inboxes
from yinghu.appeals.handling_actions import NOTE
from yinghu.appeals.models import Appeal, Event
from yinghu.common.privacy.masking import without_numbers
from yinghu.oversight import shared_cases
from yinghu.oversight.actions import REPLY
from yinghu.oversight.models import Share
from yinghu.oversight.shared_cases import SharedPair
from yinghu.people.access import Actor, forces_of, may_read_why
from yinghu.people.models import Unit
from yinghu.ui.case_rows import CaseRow, case_rows, with_marks
from yinghu.ui.decorators import staff_page
from yinghu.ui.pagination import case_page
from yinghu.ui.requests import is_part, who

SHOWN = 10
"""Rows per unit when several units are shown; the list of one unit is paginated."""

_KEYS = ("-urgency", "id")

_INTERNAL_VERBS = frozenset({NOTE.name, REPLY.name})
"""Verbs with internal texts only."""


@dataclass(slots=True)
class SharedSection:
    """Cases shared with one unit: with one of ours (`for_us`) or with another (`by_us`)."""

    name: str
    unit: Unit
    found: QuerySet[Appeal]
    lines: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    more: str = ""
    """URL of the whole list or its next page; "" at the end."""


@dataclass(frozen=True, slots=True)
class SharedCasesQuery:
    """List (`for_us`, `by_us`, "" for both), unit code, only without a contact, pagination key."""

    name: str
    unit: str
    bare: bool
    after: str

    @classmethod
    def of(cls, request: HttpRequest) -> SharedCasesQuery:
        name = request.GET.get("list", "")
        return cls(
            name if name in ("for_us", "by_us") else "",
            request.GET.get("unit", "")[:40].replace("\x00", ""),
            request.GET.get("contact") == "none",
            request.GET.get("after", "")[:80],
        )

    def address(self, **changed: str) -> str:
        """Return the query string with some parameters changed."""
        now = {"list": self.name, "unit": self.unit, "contact": "none" if self.bare else ""}
        given = {name: value for name, value in (now | changed).items() if value}
        return f"?{urlencode(given)}"


@staff_page("shared")
def list_shared_cases(request: HttpRequest) -> HttpResponse:
    """List cases shared with us and by us: the first ones of each unit, or one unit in pages."""
    actor, asked = who(request), SharedCasesQuery.of(request)
    units = {"for_us": shared_cases.given_to(actor), "by_us": shared_cases.given_by(actor)}
    sections = [
        SharedSection(name, unit, _section_cases(actor, name, unit, bare=asked.bare))
        for name, own in units.items()
        for unit in own
        if asked.name in ("", name) and asked.unit in ("", unit.code)
    ]
    if asked.name and len(sections) == 1:
        _load_page(sections[0], actor, asked)
    else:
        _load_first_rows(sections, actor, asked)
    counts = inboxes.counted({str(n): each.found for n, each in enumerate(sections)})
    for n, each in enumerate(sections):
        each.count = counts.get(str(n), 0)
    context: dict[str, Any] = {
        "desk": "shared",
        "asked": asked,
        "for_us": [each for each in sections if each.name == "for_us"],
        "by_us": [each for each in sections if each.name == "by_us"],
        "chips": _unit_filters(asked, units),
        "bare_address": asked.address(contact="" if asked.bare else "none"),
        "address": asked.address(),
        "in_force": bool(forces_of(actor)),
        "shown": SHOWN,
    }
    if is_part(request, "rows"):
        if len(sections) != 1:
            return HttpResponse(status=404)
        return render(request, "oversight/shared_rows.html", context | {"each": sections[0]})
    template = "shared_lists" if is_part(request, "lists") else "shared_cases"
    return render(request, f"oversight/{template}.html", context)


def _unit_filters(asked: SharedCasesQuery, units: dict[str, list[Unit]]) -> list[dict[str, Any]]:
    """Links to filter by unit; none if there is only one."""
    every = {unit.code: unit for own in units.values() for unit in own}
    if len(every) < 2:
        return []
    return [
        {"unit": unit, "here": code == asked.unit, "address": asked.address(unit=code, list="")}
        for code, unit in sorted(every.items(), key=lambda pair: pair[1].name)
    ]


def _section_cases(actor: Actor, name: str, unit: Unit, *, bare: bool) -> QuerySet[Appeal]:
    ours = name == "by_us"
    found = shared_cases.by_us(actor, unit) if ours else shared_cases.for_us(actor, unit)
    return shared_cases.without_contact(found, unit, both=ours) if bare else found


def _load_page(section: SharedSection, actor: Actor, asked: SharedCasesQuery) -> None:
    got = case_page(section.found, asked.after, _KEYS, actor)
    section.lines = _lines(section.name, [(row, section.unit) for row in got.rows], actor)
    section.more = asked.address(after=got.more) if got.more else ""


def _load_first_rows(sections: list[SharedSection], actor: Actor, asked: SharedCasesQuery) -> None:
    """Load the first rows of each section; only the id query runs once per section."""
    first = [
        list(each.found.order_by(*_KEYS).values_list("pk", flat=True)[: SHOWN + 1])
        for each in sections
    ]
    wanted = {pk for pks in first for pk in pks[:SHOWN]}
    rows = with_marks(case_rows(Appeal.objects.filter(pk__in=wanted), actor))
    by_id = {row.appeal.pk: row for row in rows}
    for name in ("for_us", "by_us"):
        # A case may have left the actor's view between the queries.
        shown = [
            (each, by_id[pk])
            for each, pks in zip(sections, first, strict=True)
            for pk in pks[:SHOWN]
            if each.name == name and pk in by_id
        ]
        lines = _lines(name, [(row, each.unit) for each, row in shown], actor)
        for (each, _row), line in zip(shown, lines, strict=True):
            each.lines.append(line)
    for each, pks in zip(sections, first, strict=True):
        if len(pks) > SHOWN:
            each.more = asked.address(list=each.name, unit=each.unit.code)


def _lines(name: str, rows: list[tuple[CaseRow, Unit]], actor: Actor) -> list[dict[str, Any]]:
    pairs = shared_cases.pairs_of([(row.appeal, unit) for row, unit in rows], ours=name == "by_us")
    return [_line(row, pair, actor) for (row, _unit), pair in zip(rows, pairs, strict=True)]


def _line(row: CaseRow, pair: SharedPair, actor: Actor) -> dict[str, Any]:
    """A shared case as its reader may see it; `missing` are own units without a contact."""
    inside = may_read_why(actor, row.appeal)
    sides = [pair.partner, *([pair.holds] if pair.holds else [])]
    ours = [side for side in sides if side.unit.pk in actor.party_units]
    return {
        "row": row,
        "pair": pair,
        "asked": pair.given.why if pair.given and inside else "",
        "said": _readable_text(pair.said, inside=inside, reveal=row.reveal),
        "sides": sides,
        "missing": [side for side in ours if side.contact is None],
    }


def _readable_text(event: Event | None, *, inside: bool, reveal: bool) -> str:
    if event is None:
        return ""
    if event.verb in _INTERNAL_VERBS:
        return event.why if inside else ""
    return event.words if reveal else without_numbers(event.words)


def part_of(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """Units that the case is shared with and the unit that holds it, with contacts."""
    if not appeal.also or not may_read_why(actor, appeal):
        return {}
    running = Share.objects.filter(appeal=appeal, ended_at=None).select_related("unit")
    units = [each.unit for each in running.order_by("at", "pk")]
    if not units:
        return {}
    pairs = shared_cases.pairs_of([(appeal, unit) for unit in units], ours=True)
    return {"shared_with": pairs, "shared_by": next((p.holds for p in pairs if p.holds), None)}
