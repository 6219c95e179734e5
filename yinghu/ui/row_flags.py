"""Warning marks in lists, because the status alone does not show that a case came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import pgettext

from yinghu.appeals.actions import ANSWER, ASSIGN, RELEASE, RETURN
from yinghu.appeals.closing_actions import REOPEN
from yinghu.appeals.handling_actions import ASK, REPORT, RESOLVE, SUPPLY, URGE
from yinghu.appeals.merged import RELAY
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import OPEN, Status
from yinghu.appeals.verb import Verb
from yinghu.oversight.actions import ACCOUNT, ESCALATE, SUPERVISE
from yinghu.oversight.callback import NO_ANSWER
from yinghu.verbs import VERBS

_TELLS_REQUESTER = frozenset({REPORT, ASK, ANSWER, RESOLVE})
"""Verbs that answer the requester; they clear the marks of what the requester said before."""

_CANCELS = {SUPERVISE: ACCOUNT, ASSIGN: RELEASE, ESCALATE: RELEASE}
"""Verb -> the verb whose earlier events it cancels."""

_COUNTED_VERBS = (
    _TELLS_REQUESTER
    | _CANCELS.keys()
    | {URGE, SUPPLY, RELAY, REOPEN, RETURN, RELEASE, NO_ANSWER, ACCOUNT}
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of a case: colour, icon, translated text and, where it matters, the latest time."""

    colour: str
    icon: str
    text: str
    at: datetime | None = None


def marks_of(appeals: Iterable[Appeal]) -> dict[int, list[Mark]]:
    """Find the marks of appeals that have not ended, by id, with one query.

    The requester's messages count since the last answer, setbacks until the step is repeated.
    """
    active = {each.pk: each for each in appeals if each.state in OPEN | {Status.RESOLVED}}
    counts: dict[int, dict[Verb, int]] = {pk: {} for pk in active}
    called: dict[int, datetime] = {}
    if active:
        events = Event.objects.filter(
            appeal__in=active, verb__in=[verb.name for verb in _COUNTED_VERBS]
        ).order_by("appeal", "seq")
        # The requesters of merged cases count as well.
        columns = ("appeal_id", "verb", "at", "facts__said")
        for appeal_id, name, at, said in events.values_list(*columns):
            verb, count = VERBS[said if name == RELAY.name else name], counts[appeal_id]
            if verb in _TELLS_REQUESTER:
                for answered in (URGE, SUPPLY, NO_ANSWER):
                    count.pop(answered, None)
            else:
                if verb in _CANCELS:
                    count.pop(_CANCELS[verb], None)
                count[verb] = count.get(verb, 0) + 1
            if verb is NO_ANSWER:
                called[appeal_id] = at
    found = {pk: list(_marks(appeal, counts[pk], called.get(pk))) for pk, appeal in active.items()}
    return {pk: marks for pk, marks in found.items() if marks}


def _marks(appeal: Appeal, count: dict[Verb, int], called: datetime | None) -> Iterable[Mark]:
    if appeal.alarmed:
        yield Mark("red", "urgent", pgettext("mark", "警报"))
    if n := count.get(REOPEN, 0):
        words = pgettext("mark", "重办"), pgettext("mark", "重办 %d 次")
        yield Mark("red", "refresh", _count_text(n, *words))
    if appeal.solved is False and appeal.state is Status.RESOLVED:
        yield Mark("red", "mood-sad", pgettext("mark", "说没有解决"))
    unrated = appeal.state is Status.RESOLVED and appeal.solved is None
    if unrated and (n := count.get(NO_ANSWER, 0)):
        words = pgettext("mark", "未接通"), pgettext("mark", "未接通 %d 次")
        yield Mark("yellow", "phone-off", _count_text(n, *words), called)
    if n := count.get(URGE, 0):
        words = pgettext("mark", "催办"), pgettext("mark", "催办 %d 次")
        yield Mark("orange", "flame", _count_text(n, *words))
    if count.get(SUPPLY, 0):
        yield Mark("azure", "plus", pgettext("mark", "有补充"))
    if appeal.state is Status.ASSIGNED and (n := count.get(RELEASE, 0)):
        words = pgettext("mark", "放回"), pgettext("mark", "放回 %d 次")
        yield Mark("orange", "hand-stop", _count_text(n, *words))
    if appeal.lead_id is not None and appeal.state in OPEN:
        yield Mark("purple", "stairs-up", pgettext("mark", "提级"))
    if appeal.watched:
        answered = count.get(ACCOUNT, 0)
        text = pgettext("mark", "督办，已回复") if answered else pgettext("mark", "督办")
        yield Mark("red", "eye", text)
    if appeal.state is Status.SORTED and (n := count.get(RETURN, 0)):
        words = pgettext("mark", "退回"), pgettext("mark", "退回 %d 次")
        yield Mark("orange", "arrow-back-up", _count_text(n, *words))


def _count_text(n: int, once: str, often: str) -> str:
    """Format a count; a single one has no number, which plural forms cannot express."""
    return once if n == 1 else often % n
