"""docs/loop.md, made from MOVES by `python -m yinghu.appeals.diagram > docs/loop.md`."""

from collections import defaultdict

from yinghu.appeals.moves import BY_REST, MOVES, Move
from yinghu.appeals.states import Status, Verb

_RESTING = (Status.FILED, Status.SORTED, Status.ASSIGNED, Status.HANDLING)


def page() -> str:
    """The whole page: a diagram of the moves between statuses, and the table of every verb."""
    return "\n".join((*_HEAD, *_diagram(), *_MIDDLE, *_statuses(), "", *_verbs(), ""))


_HEAD = (
    "# The loop",
    "",
    "Made from `yinghu/appeals/moves.py` by `python -m yinghu.appeals.diagram > docs/loop.md`; a",
    "test fails when it is out of date.",
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
    for move in MOVES.values():
        for source in move.sources or ("[*]",):
            for target in _targets(move, source):
                arrows[str(source), str(target)].append(str(move.verb))
    lines = [f"    {a} --> {b}: {', '.join(verbs)}" for (a, b), verbs in sorted(arrows.items())]
    return ["```mermaid", "stateDiagram-v2", *lines, "```"]


def _targets(move: Move, source: Status | str) -> tuple[Status, ...]:
    if move.verb is Verb.REOPEN:
        return _RESTING
    if move.verb is Verb.RULE:
        # A return that is agreed to stays at the desk, a refused one goes back to its unit.
        return (Status.ASSIGNED, Status.HANDLING) if source == Status.SORTED else ()
    if move.verb in BY_REST:
        return _RESTING if source == Status.WAITING else ()
    return (move.target,) if move.target and move.target != source else ()


def _statuses() -> list[str]:
    rows = [f"| {status} | {status.label} |" for status in Status]
    return ["| status | 中文 |", "| --- | --- |", *rows]


def _verbs() -> list[str]:
    head = "| verb | 中文 | from | to | by | takes | starts | stops |"
    return [head, "| --- " * 8 + "|", *(_row(move) for move in MOVES.values())]


def _row(move: Move) -> str:
    order = list(Status)
    cells = (
        str(move.verb),
        move.verb.label,
        ", ".join(sorted(move.sources, key=lambda source: order.index(Status(source)))) or "—",
        "where it rests" if move.verb in BY_REST else str(move.target or "stays"),
        ", ".join(sorted(move.who)),
        ", ".join(f.name if f.required else f"[{f.name}]" for f in move.fields) or "—",
        ", ".join((*move.start, *["its resting clock"] * (move.verb is Verb.REOPEN))) or "—",
        "; ".join(
            part
            for part in (
                ", ".join(move.stop),
                move.pause and "holds " + ", ".join(move.pause),
                move.resume and "goes on " + ", ".join(move.resume),
            )
            if part
        )
        or "—",
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(page(), end="")
