"""Generate docs/loop.md and the tables of docs/oversight.md from the verb table.

`python -m tests.verb_pages` rewrites them; `tests/test_verb_pages.py` fails when they are out of
date.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yinghu.config.settings")
django.setup()

from yinghu.appeals.states import (  # noqa: E402  # after the set-up
    ENDED,
    FIRST_TIMES,
    LIMITED,
    OF_UNITS,
    ClockKind,
    Status,
)
from yinghu.appeals.verb import Verb  # noqa: E402  # needs Django set up
from yinghu.verbs import VERBS  # noqa: E402  # likewise

DOCS = Path(__file__).parents[1] / "docs"
_RESTING = (Status.FILED, Status.SORTED, Status.ASSIGNED, Status.HANDLING)


def loop_page() -> str:
    """The whole page: a diagram of the status changes and a table of all verbs."""
    return "\n".join((*_HEAD, *_diagram(), *_MIDDLE, *_statuses(), "", *_verbs(), ""))


_HEAD = (
    "# The loop",
    "",
    "Made from the rows of all verbs by `python -m tests.verb_pages`; a test fails when it is",
    "out of date.",
    "",
)
_MIDDLE = (
    "",
    "Verbs that leave the status as it is (report, note, urge, extend, rate, whistle …) are in the",
    "table only. `supply` from waiting, `reopen`, and a ruling on a return go to where the appeal",
    "rests by what is known of it: handling with a holder who still serves in its unit, assigned",
    "with a unit, sorted with a category, else filed. The resting clock of these is arrive,",
    "respond, dispatch or receive.",
    "",
)


def _diagram() -> list[str]:
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for verb in VERBS.values():
        for source in verb.sources or ("[*]",):
            for target in _targets(verb, source):
                arrows[str(source), str(target)].append(verb.name)
    lines = [f"    {a} --> {b}: {', '.join(verbs)}" for (a, b), verbs in sorted(arrows.items())]
    return ["```mermaid", "stateDiagram-v2", *lines, "```"]


def _targets(verb: Verb, source: Status | str) -> tuple[Status, ...]:
    if verb.name == "rule":
        # An accepted return stays at the desk; a refused one goes back to its unit.
        return (Status.ASSIGNED, Status.HANDLING) if source == Status.SORTED else ()
    if source in verb.rests_from:
        return _RESTING
    return (verb.target,) if verb.target and verb.target != source else ()


def _statuses() -> list[str]:
    rows = [f"| {status} | {status.label} |" for status in Status]
    return ["| status | 中文 |", "| --- | --- |", *rows]


def _verbs() -> list[str]:
    head = "| verb | 中文 | from | to | by | takes | starts | stops |"
    return [head, "| --- " * 8 + "|", *(_row(verb) for verb in VERBS.values())]


def _row(verb: Verb) -> str:
    clocks = verb.clocks
    stops = (
        ", ".join(clocks.stop),
        clocks.pause and "holds " + ", ".join(clocks.pause),
        clocks.resume and "goes on " + ", ".join(clocks.resume),
        "new limits" if verb.new_limits else "",
    )
    cells = (
        verb.name,
        verb.label,
        ", ".join(status for status in Status if status in verb.sources) or "—",
        "where it rests" if verb.rests_from else str(verb.target or "stays"),
        ", ".join(sorted(verb.who)),
        ", ".join(f.name if f.required else f"[{f.name}]" for f in verb.fields) or "—",
        ", ".join((*clocks.start, *["its resting clock"] * (verb.name == "reopen"))) or "—",
        "; ".join(part for part in stops if part) or "—",
    )
    return "| " + " | ".join(cells) + " |"


BEGIN, END = "<!-- generated from the rows of verbs -->", "<!-- end of what is generated -->"

_BEGUN = {
    ClockKind.RULING: ("return", "extend"),
    ClockKind.HELP: ("invite",),
    ClockKind.WHISTLE: ("whistle",),
    ClockKind.GRADE: ("whistle",),
    ClockKind.MEASURES: ("report_in",),
    ClockKind.CONTEST: ("contest",),
    ClockKind.ACCOUNT: ("supervise",),
}
"""Verbs that start a clock with an explicit deadline, besides those whose row names it."""

_ENDED = {
    ClockKind.WHISTLE: ("report_in", "judge"),
    ClockKind.MEASURES: ("measures",),
    ClockKind.CONTEST: ("judge", "report_in"),
    ClockKind.GRADE: ("grade",),
    ClockKind.HELP: ("reply",),
    ClockKind.PROGRESS: ("report",),
}
"""Verbs that end such a clock, besides those whose row names it."""

_DRAWN = [kind for kind in ClockKind if kind not in FIRST_TIMES]
"""Oversight's own clocks; the other six are in the diagram of the loop."""


def clock_section() -> str:
    """The clock diagram and table, with their markers."""
    lines = [BEGIN, "", "```mermaid", "flowchart LR"]
    for kind in _DRAWN:
        begun, ended = _begun_and_ended(kind)
        lines.append(f"    c_{kind.value}([{kind.label}])")
        lines += [f"    b_{v}[{v} {VERBS[v].label}] --> c_{kind.value}" for v in begun]
        lines += [f"    c_{kind.value} -.-> e_{v}[{v} {VERBS[v].label}]" for v in ended]
    lines += ["```", "", "| clock | 中文 | how long | begins with | ends with | whose |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for kind in ClockKind:
        sides = [", ".join(verbs) for verbs in _begun_and_ended(kind)]
        cells = (kind.value, kind.label, _length(kind), *sides, _whose(kind))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", END])


def _begun_and_ended(kind: ClockKind) -> tuple[list[str], list[str]]:
    """Names of the verbs that start a clock of this kind, and of those that end it, without verbs
    that end every clock.
    """
    rows = VERBS.values()
    begun = [row.name for row in rows if kind in row.clocks.start]
    ended = [row.name for row in rows if kind in row.clocks.stop and row.name not in begun]
    begun += [name for name in _BEGUN.get(kind, ()) if name not in begun]
    ended += [name for name in _ENDED.get(kind, ()) if name not in ended]
    return begun, [name for name in ended if VERBS[name].target not in ENDED]


def _length(kind: ClockKind) -> str:
    return "a limit of the city" if kind in LIMITED else "a deadline, each time"


def _whose(kind: ClockKind) -> str:
    if kind in OF_UNITS:
        return "each unit asked"
    return "the case, one of six" if kind in FIRST_TIMES else "the case"


def oversight_page(page: str) -> str:
    """The page with its generated part updated."""
    before, rest = page.split(BEGIN)
    return before + clock_section() + rest.split(END)[1]


def main() -> None:
    """Write both pages."""
    (DOCS / "loop.md").write_text(loop_page(), "utf-8")
    oversight = DOCS / "oversight.md"
    oversight.write_text(oversight_page(oversight.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
