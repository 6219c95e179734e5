"""What a list says of a case beside its status: what its requester or a unit has said against it.

A case that came back looks like a new one by its status; whoever picks the next one should see
that somebody is still waiting, or waits once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import pgettext

from yinghu.appeals.actions import ANSWER, ASSIGN, RELEASE, RETURN
from yinghu.appeals.closing_actions import REOPEN
from yinghu.appeals.handling_actions import ASK, REPORT, RESOLVE, SUPPLY, URGE
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import OPEN, Status
from yinghu.appeals.verb import Verb
from yinghu.oversight.actions import ACCOUNT, ESCALATE, SUPERVISE
from yinghu.oversight.callback import NO_ANSWER
from yinghu.verbs import VERBS

_HEARD = frozenset({REPORT, ASK, ANSWER, RESOLVE})
"""After these the requester has been told something: what they said before is answered."""

_ANEW = {SUPERVISE: ACCOUNT, ASSIGN: RELEASE, ESCALATE: RELEASE}
"""After these what the other has left behind counts no more: a new demand, another unit."""

_TOLD = (
    _HEARD
    | _ANEW.keys()
    | {
        URGE,
        SUPPLY,
        REOPEN,
        RETURN,
        RELEASE,
        NO_ANSWER,
        ACCOUNT,
    }
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing to know of a case: its colour, icon and, in the language of the page, its words;
    with when it was last so, where that matters.
    """

    colour: str
    icon: str
    text: str
    at: datetime | None = None


def marks_of(appeals: Iterable[Appeal]) -> dict[int, list[Mark]]:
    """The marks of those that are not ended, by id; one query.

    - reopened: as often as it was;
    - unsolved: its requester rated it so, and nobody has taken it up again yet;
    - urged, supplied: by the requester, since they were last told anything;
    - released: by somebody who had it, while nobody of the unit has taken it again;
    - raised: to a higher level; watched: by a supervisor, whose last demand is answered or not;
    - returned: by a unit, while the dispatch desk has it;
    - called back in vain, since it was resolved, while nobody has rated it.
    """
    living = {each.pk: each for each in appeals if each.state in OPEN | {Status.RESOLVED}}
    counts: dict[int, dict[Verb, int]] = {pk: {} for pk in living}
    called: dict[int, datetime] = {}
    if living:
        told = Event.objects.filter(
            appeal__in=living, verb__in=[verb.name for verb in _TOLD]
        ).order_by("appeal", "seq")
        for appeal_id, name, at in told.values_list("appeal_id", "verb", "at"):
            verb, count = VERBS[name], counts[appeal_id]
            if verb in _HEARD:
                for answered in (URGE, SUPPLY, NO_ANSWER):
                    count.pop(answered, None)
            else:
                if verb in _ANEW:
                    count.pop(_ANEW[verb], None)
                count[verb] = count.get(verb, 0) + 1
            if verb is NO_ANSWER:
                called[appeal_id] = at
    found = {pk: list(_marks(appeal, counts[pk], called.get(pk))) for pk, appeal in living.items()}
    return {pk: marks for pk, marks in found.items() if marks}


def _marks(appeal: Appeal, count: dict[Verb, int], called: datetime | None) -> Iterable[Mark]:
    if n := count.get(REOPEN, 0):
        words = pgettext("mark", "重办"), pgettext("mark", "重办 %d 次")
        yield Mark("red", "refresh", _times(n, *words))
    if appeal.solved is False and appeal.state is Status.RESOLVED:
        yield Mark("red", "mood-sad", pgettext("mark", "说没有解决"))
    unrated = appeal.state is Status.RESOLVED and appeal.solved is None
    if unrated and (n := count.get(NO_ANSWER, 0)):
        words = pgettext("mark", "未接通"), pgettext("mark", "未接通 %d 次")
        yield Mark("yellow", "phone-off", _times(n, *words), called)
    if n := count.get(URGE, 0):
        words = pgettext("mark", "催办"), pgettext("mark", "催办 %d 次")
        yield Mark("orange", "flame", _times(n, *words))
    if count.get(SUPPLY, 0):
        yield Mark("azure", "plus", pgettext("mark", "有补充"))
    if appeal.state is Status.ASSIGNED and (n := count.get(RELEASE, 0)):
        words = pgettext("mark", "放回"), pgettext("mark", "放回 %d 次")
        yield Mark("orange", "hand-stop", _times(n, *words))
    if appeal.lead_id is not None and appeal.state in OPEN:
        yield Mark("purple", "stairs-up", pgettext("mark", "提级"))
    if appeal.watched:
        answered = count.get(ACCOUNT, 0)
        text = pgettext("mark", "督办，已回复") if answered else pgettext("mark", "督办")
        yield Mark("red", "eye", text)
    if appeal.state is Status.SORTED and (n := count.get(RETURN, 0)):
        words = pgettext("mark", "退回"), pgettext("mark", "退回 %d 次")
        yield Mark("orange", "arrow-back-up", _times(n, *words))


def _times(n: int, once: str, often: str) -> str:
    """Once is said without a number, which no plural form does."""
    return once if n == 1 else often % n
