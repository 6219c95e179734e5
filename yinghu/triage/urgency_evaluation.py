"""How well urgency is judged, on labelled texts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from yinghu.appeals.states import Urgency
from yinghu.triage import appeal_urgency


class Unusable(ValueError):
    """Rows without the columns that are needed, or with a value that is none: which, and where."""


def urgency_rows(rows: Iterable[Mapping[str, str | None]]) -> list[tuple[str, int]]:
    """Return (text, urgency) of rows with these columns. Raises Unusable."""
    found: list[tuple[str, int]] = []
    for number, row in enumerate(rows, 2):
        text, level = row.get("text"), row.get("urgency")
        if text is None or level is None:
            raise Unusable(f"row {number}: the columns text and urgency are needed")
        if level.strip() not in {str(each.value) for each in Urgency}:
            raise Unusable(f"row {number}: urgency is 1, 2 or 3, not {level!r}")
        found.append((text, int(level)))
    if not found:
        raise Unusable("no rows")
    return found


def evaluate_urgency(rows: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Judge (text, urgency) as an appeal's words would be.

    `recall` and `precision` are of danger (urgency 3), 0 to 1, null if undefined; `missed` and
    `false_alarms` are counts; `wrong` are all texts of whatever urgency that were judged otherwise.
    """
    judged = [(text, level, appeal_urgency.judge(text, {}).urgency) for text, level in rows]
    danger = Urgency.EMERGENCY.value
    right = sum(level == got == danger for _text, level, got in judged)
    missed = sum(level == danger != got for _text, level, got in judged)
    false_alarms = sum(got == danger != level for _text, level, got in judged)
    return {
        "recall": round(right / (right + missed), 4) if right + missed else None,
        "precision": round(right / (right + false_alarms), 4) if right + false_alarms else None,
        "false_alarms": false_alarms,
        "missed": missed,
        "wrong": [
            {"text": text, "expected": level, "got": got}
            for text, level, got in judged
            if level != got
        ],
    }
