"""Preview of changed routing rules, tried on real cases before saving."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status
from yinghu.common.language import name_of
from yinghu.people.access import Actor, may_see
from yinghu.routing import explanation
from yinghu.routing.models import RoutingRule
from yinghu.routing.routing import LOOKED_AT, cases_to_dispatch

SHOWN = 30
"""Cases of each kind that a preview names."""


@dataclass(slots=True)
class Rerouted:
    """Cases that would go elsewhere, in words; with a link if the reader may see them."""

    appeal: Appeal
    before: str
    after: str
    link: bool


@dataclass(slots=True)
class Effect:
    """The effect of changed rules on recently sorted cases and on waiting ones."""

    tried: int
    waiting: int
    elsewhere: list[Rerouted] = field(default_factory=list)
    taken: list[Rerouted] = field(default_factory=list)
    left: list[Rerouted] = field(default_factory=list)
    sent: list[Rerouted] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def groups(self) -> list[tuple[str, list[Rerouted], int]]:
        """(change, the first cases, how many more)."""
        found = [
            (_("改去别的单位"), self.elsewhere),
            (_("以前要人派，以后自动派"), self.taken),
            (_("以前自动派，以后要人派"), self.left),
            (_("现在等派单、以后合得上的"), self.sent),
        ]
        return [(said, each[:SHOWN], max(0, len(each) - SHOWN)) for said, each in found if each]


def sample() -> list[Appeal]:
    """Return the newest sorted cases, at most 500."""
    newest = Appeal.objects.aggregate(n=Max("pk"))["n"] or 0
    # Bounded, even if few of the newest are sorted.
    found = Appeal.objects.filter(pk__gt=newest - 20_000, category__isnull=False)
    found = found.exclude(status=Status.FILED).order_by("-pk")
    return list(found.only(*LOOKED_AT)[:500])


def effect(before: Sequence[RoutingRule], after: Sequence[RoutingRule], actor: Actor) -> Effect:
    """Compare the rules `after` with the rules `before`; writes nothing."""
    lately, now = sample(), cases_to_dispatch()
    waits = {each.pk for each in now}
    lately = [each for each in lately if each.pk not in waits]
    found = Effect(len(lately), len(now))
    for each in explanation.moved(lately, before, after):
        rerouted = _describe_move(actor, each)
        if each.before and each.after:
            found.elsewhere.append(rerouted)
        else:
            (found.taken if each.after else found.left).append(rerouted)
    found.sent = [
        _describe_move(actor, each) for each in explanation.moved(now, before, after) if each.after
    ]
    return found


def _describe_move(actor: Actor, moved: explanation.Moved) -> Rerouted:
    appeal: Any = moved.appeal
    before, after = (
        name_of(rule.unit) if rule else _("派单员来派") for rule in (moved.before, moved.after)
    )
    return Rerouted(appeal, before, after, may_see(actor, appeal))
