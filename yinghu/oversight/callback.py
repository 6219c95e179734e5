"""Calling back requesters: unanswered calls, and when a case may be closed after them."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.actions import ANSWER
from yinghu.appeals.handling_actions import RESOLVE
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import move
from yinghu.appeals.phrases import said
from yinghu.appeals.policies import policy
from yinghu.appeals.states import Status, Who
from yinghu.appeals.verb import WHY_OPTIONAL, Verb
from yinghu.people.access import Actor


@dataclass(frozen=True, slots=True)
class Calls:
    """Unanswered calls since resolution, newest first; after `most` the case may be closed."""

    at: tuple[datetime, ...]
    most: int

    @property
    def enough(self) -> bool:
        return len(self.at) >= self.most


NO_ANSWER = Verb(
    "no_answer",
    gettext_noop("未接通"),
    pgettext_lazy("done", "回访未接通"),
    "phone-off",
    who=frozenset({Who.CALLBACK}),
    sources=frozenset({Status.RESOLVED, Status.CLOSED}),
    fields=(WHY_OPTIONAL,),
    told=said(gettext_noop("平台给您打电话回访，没有接通")),
)


@NO_ANSWER.action
def no_answer(appeal_id: int, actor: Actor, *, why: str = "", expect: int | None = None) -> Event:
    """Record that the requester was called back and did not answer: no rating, no verdict."""
    return move(appeal_id, actor, NO_ANSWER, None, why=why, expect=expect)


def calls(appeal: Appeal) -> Calls:
    """Return the unanswered calls of a case, in two queries."""
    found = appeal.events.filter(verb__in=(NO_ANSWER.name, RESOLVE.name, ANSWER.name))
    at: list[datetime] = []
    for event in found.order_by("-seq"):
        if event.verb != NO_ANSWER.name:
            break
        at.append(event.at)
    return Calls(tuple(at), policy("most_calls"))
