"""Likely duplicates of a case, compared side by side within the reader's permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from yinghu import verbs
from yinghu.appeals.closing_actions import MERGE
from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Appeal, Attachment
from yinghu.appeals.states import ENDED, Status
from yinghu.common.privacy.masking import without_numbers
from yinghu.people.access import Actor, may_reveal, may_see
from yinghu.triage.models import Duplicate

COMPARED = 400
"""Number of leading characters in which differences are marked."""

ALIKE = 2
"""Minimum length of a common passage; single characters agree by chance."""


_REASONS = {
    "words": gettext_noop("内容相近"),
    "place": gettext_noop("地点相同"),
    "need": gettext_noop("同一类事"),
    "caller": gettext_noop("同一来电"),
    "again": gettext_noop("像是再来催问"),
}
"""What speaks for a duplicate, by `likeness.REASONS`."""


class TextPiece(NamedTuple):
    """A passage of a text, equal in both cases or not."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class DuplicateSide:
    """One of the two cases; `merged` is the case that a merge into this one closes."""

    appeal: Appeal
    here: bool
    pieces: list[TextPiece]
    photos: Sequence[Attachment]
    merged: Appeal
    may_keep: bool


def likely(appeal: Appeal, actor: Actor) -> list[Duplicate]:
    """Likely duplicates that the actor may see, best first; one query."""
    if appeal.state not in (Status.FILED, Status.SORTED):
        return []
    found = Duplicate.objects.filter(appeal=appeal).select_related(
        "other__category", "other__area", "other__unit", "other__place"
    )
    found = found.defer("other__area__outline").order_by("-score")
    return [each for each in found[:5] if may_see(actor, each.other)]


def pair(
    appeal: Appeal, duplicate: Duplicate, actor: Actor, photos: Mapping[int, Sequence[Attachment]]
) -> dict[str, Any]:
    """Compare the two cases for `pair.html`; `photos` maps case ids to photos."""
    other = duplicate.other

    def side(kept: Appeal, merged: Appeal, pieces: list[TextPiece]) -> DuplicateSide:
        may_keep = kept.state not in ENDED and MERGE in verbs.available(merged, actor)
        shown = photos.get(kept.pk, ()) if may_reveal(actor, kept) else ()
        return DuplicateSide(kept, kept is appeal, pieces, shown, merged, may_keep)

    reasons = duplicate.why.split()
    mine, theirs = mark_differences(_readable_text(appeal, actor), _readable_text(other, actor))
    sides = side(appeal, other, mine), side(other, appeal, theirs)
    return {
        "other": other,
        "headline": headline_of(other, reveal=may_reveal(actor, other)),
        "percent": round(100 * duplicate.score),
        "why": _("、").join(_(text) for name, text in _REASONS.items() if name in reasons),
        "caller": _compare_callers(appeal, other, actor),
        "sides": sides,
        "may_merge": any(each.may_keep for each in sides),
    }


def mark_differences(one: str, other: str) -> tuple[list[TextPiece], list[TextPiece]]:
    """Split both texts into passages that are equal or differ."""
    mine: list[TextPiece] = []
    theirs: list[TextPiece] = []
    a, b = one[:COMPARED], other[:COMPARED]
    at_a = at_b = 0
    for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        if block.size and block.size < ALIKE:
            continue
        for pieces, text, start, end in ((mine, a, at_a, block.a), (theirs, b, at_b, block.b)):
            if end > start:
                pieces.append(TextPiece(text[start:end], differs=True))
            if block.size:
                pieces.append(TextPiece(text[end : end + block.size], differs=False))
        at_a, at_b = block.a + block.size, block.b + block.size
    for pieces, rest in ((mine, one[COMPARED:]), (theirs, other[COMPARED:])):
        if rest:
            pieces.append(TextPiece(rest, differs=False))
    return mine, theirs


def _readable_text(appeal: Appeal, actor: Actor) -> str:
    words = f"{appeal.title}\n{appeal.body}" if appeal.title else appeal.body
    return words if may_reveal(actor, appeal) else without_numbers(words)


def _compare_callers(appeal: Appeal, other: Appeal, actor: Actor) -> str:
    """Text saying whether the callers are the same, if the actor may know; names nobody."""
    if not (may_reveal(actor, appeal) and may_reveal(actor, other)):
        return ""
    if appeal.caller is None or other.caller is None:
        return _("有一件没有留电话")
    same: Any = bytes(appeal.caller) == bytes(other.caller)
    return _("同一个电话") if same else _("不是同一个电话")
