"""The generated part of docs/oversight.md: `python -m yinghu.oversight.diagram` writes it anew.

A test fails when it is out of date.
"""

from __future__ import annotations

from pathlib import Path

from yinghu.appeals.moves import MOVES, Move
from yinghu.appeals.states import FIRST_TIMES, LIMITED, OF_UNITS, ClockKind, Verb

PAGE = Path(__file__).parents[2] / "docs" / "oversight.md"
BEGIN, END = "<!-- generated from MOVES -->", "<!-- end of what is generated -->"

_BEGUN = {
    ClockKind.RULING: (Verb.RETURN, Verb.EXTEND),
    ClockKind.HELP: (Verb.INVITE,),
    ClockKind.WHISTLE: (Verb.WHISTLE,),
    ClockKind.GRADE: (Verb.WHISTLE,),
    ClockKind.MEASURES: (Verb.REPORT_IN,),
    ClockKind.CONTEST: (Verb.CONTEST,),
    ClockKind.ACCOUNT: (Verb.SUPERVISE,),
}
"""Verbs that begin a clock with a deadline of their own, beside those that MOVES names."""

_ENDED = {
    ClockKind.WHISTLE: (Verb.REPORT_IN, Verb.JUDGE),
    ClockKind.MEASURES: (Verb.MEASURES,),
    ClockKind.CONTEST: (Verb.JUDGE, Verb.REPORT_IN),
    ClockKind.GRADE: (Verb.GRADE,),
    ClockKind.HELP: (Verb.REPLY,),
    ClockKind.PROGRESS: (Verb.REPORT,),
}
"""Verbs that end one, likewise."""

_LEAVING = frozenset({Verb.CLOSE, Verb.MERGE, Verb.DECLINE, Verb.WITHDRAW})
"""Verbs that end every clock: not said of each."""


_DRAWN = [kind for kind in ClockKind if kind not in FIRST_TIMES]
"""The six stand in the diagram of the loop; these are oversight's own."""


def section() -> str:
    """The diagram and the table, with the marks around them."""
    lines = [BEGIN, "", "```mermaid", "flowchart LR"]
    for kind in _DRAWN:
        begun, ended = _verbs(kind)
        lines.append(f"    c_{kind.value}([{kind.label}])")
        lines += [f"    b_{v.value}[{v.value} {v.label}] --> c_{kind.value}" for v in begun]
        lines += [f"    c_{kind.value} -.-> e_{v.value}[{v.value} {v.label}]" for v in ended]
    lines += ["```", "", "| clock | 中文 | how long | begins with | ends with | whose |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for kind in ClockKind:
        sides = [", ".join(verbs) for verbs in _verbs(kind)]
        cells = (kind.value, kind.label, _length(kind), *sides, _whose(kind))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", END])


def _verbs(kind: ClockKind) -> tuple[list[Verb], list[Verb]]:
    """Which verbs begin a clock of this kind, and which end it."""
    begun = [m.verb for m in MOVES.values() if kind in m.start]
    ended = [m.verb for m in MOVES.values() if kind in m.stop and not _restarts(m, kind)]
    begun += [verb for verb in _BEGUN.get(kind, ()) if verb not in begun]
    ended += [verb for verb in _ENDED.get(kind, ()) if verb not in ended]
    return begun, [verb for verb in ended if verb not in _LEAVING]


def _restarts(move: Move, kind: ClockKind) -> bool:
    return kind in move.start


def _length(kind: ClockKind) -> str:
    return "a limit of the city" if kind in LIMITED else "a deadline, each time"


def _whose(kind: ClockKind) -> str:
    if kind in OF_UNITS:
        return "each unit asked"
    return "the case, one of six" if kind in FIRST_TIMES else "the case"


def written(page: str) -> str:
    """The page with its generated part as it should be."""
    before, rest = page.split(BEGIN)
    return before + section() + rest.split(END)[1]


def main() -> None:
    """Write it."""
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
