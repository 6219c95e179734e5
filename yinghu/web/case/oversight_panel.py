"""What the case page shows of oversight: its clocks, its level, who has a part in it, and what a
unit asks for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from yinghu.appeals import clocks
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.verb import Verb
from yinghu.oversight import rulings
from yinghu.oversight.actions import RULE
from yinghu.people.models import Level, Unit
from yinghu.ui import event_text


def running(appeal: Appeal) -> list[Clock]:
    """The case's running clocks with their units, the next due first."""
    return list(clocks.running(appeal.pk).select_related("unit").order_by("due_at"))


def context_of(appeal: Appeal, available: Collection[Verb]) -> dict[str, Any]:
    """The level at which the case's unit stands; the units beside it; and, for whoever may rule on
    it, the request for more time (why it was returned stands with the returns).
    """
    beside = {*(appeal.also or ())} - {appeal.unit_id}
    may_rule = RULE in available and not appeal.returned
    asked = rulings.asked(appeal) if may_rule else None
    return {
        "level": Level(appeal.level).label if appeal.unit_id else "",
        "parties": list(Unit.objects.filter(pk__in=beside)) if beside else [],
        "asked": asked,
        "asked_until": event_text.facts(asked) if asked else "",
    }
