"""Requesters of merged cases: what they add, urge and rate reaches those who have the master.

Their words stay with their own case. The master gets an internal event of them, so that its own
requester reads nothing, and they read nothing of the master but its stage.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.closing_actions import RATE
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, move
from yinghu.appeals.numbers import number_of
from yinghu.appeals.phrases import joined, rating_of
from yinghu.appeals.states import EVERY_STATUS, Status, Who
from yinghu.appeals.verb import Audience, Privacy, Verb
from yinghu.people.access import SYSTEM


def _relay_detail(event: Event) -> str:
    given = event.facts
    rated = rating_of(given) if given["said"] == RATE.name else ""
    return joined(number_of(given["appeal"]), rated)


RELAY = Verb(
    "relay",
    gettext_noop("并单诉求人的话"),
    pgettext_lazy("done", "并单的诉求人说"),
    "git-merge",
    who=frozenset({Who.SYSTEM}),
    sources=EVERY_STATUS,
    privacy=Privacy.PRIVATE,
    read_for_danger=True,
    detail=_relay_detail,
    audience=(Audience.WORKERS,),
)


def relay(said: Event) -> None:
    """Bring what the requester of a merged case said to its master; once for each event."""
    appeal = Appeal.objects.get(pk=said.appeal_id)
    master = appeal.final_master()
    if master is None:
        return
    facts: dict[str, Any] = {"appeal": appeal.pk, "event": said.pk, "said": said.verb}
    facts |= {name: said.facts[name] for name in ("solved", "satisfaction") if name in said.facts}

    def change(locked: Appeal) -> dict[str, Any]:
        if locked.state is Status.MERGED:
            raise Conflict("moved_on", _("又并入了另一件"))
        if locked.events.filter(verb=RELAY.name, facts__event=said.pk).exists():
            raise Conflict("relayed_already", "")
        return {}

    try:
        move(master.pk, SYSTEM, RELAY, change, said.words, facts=facts)
    except Conflict as refused:
        if refused.code != "relayed_already":
            raise
