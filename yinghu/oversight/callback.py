"""Calling back who asked for help: how often it was tried in vain, and when that is enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from yinghu.appeals.models import Appeal
from yinghu.appeals.policies import policy
from yinghu.appeals.states import Verb


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that nobody took since the case was last resolved, the newest first; `most` is
    after how many its page says that it may be closed without a rating (`policies`).
    """

    at: tuple[datetime, ...]
    most: int

    @property
    def enough(self) -> bool:
        return len(self.at) >= self.most


def calls(appeal: Appeal) -> Calls:
    """The calls in vain of one case. Two queries."""
    found = appeal.events.filter(verb__in=(Verb.NO_ANSWER, Verb.RESOLVE, Verb.ANSWER))
    at: list[datetime] = []
    for event in found.order_by("-seq"):
        if event.act is not Verb.NO_ANSWER:
            break
        at.append(event.at)
    return Calls(tuple(at), policy("most_calls"))
