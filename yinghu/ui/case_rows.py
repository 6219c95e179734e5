"""Appeals as rows of a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from yinghu.appeals.clocks import first_due
from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import Status
from yinghu.people.access import Actor, may_reveal
from yinghu.triage.models import Suggestion
from yinghu.ui.row_flags import Mark, marks_of


@dataclass(slots=True)
class CaseRow:
    """An appeal in a list, with the machine's suggestion if it has one, and its next due time."""

    appeal: Appeal
    suggestion: Suggestion | None
    clock: Clock | None
    now: datetime
    reveal: bool
    """Whether the reader may see a phone that stands in the words."""
    marks: list[Mark] = field(default_factory=list)
    """What its requester or a unit has said against it."""
    excerpt: str = ""
    """Where the words that were looked for stand, marked; "" where nothing was looked for."""
    clocks: list[Clock] = field(default_factory=list)
    """Those that a list is about, shown in place of `clock`."""

    @property
    def category(self) -> Any:
        return self.appeal.category or (self.suggestion and self.suggestion.category)

    @property
    def area(self) -> Any:
        return self.appeal.area or (self.suggestion and self.suggestion.area)

    @property
    def guessed_urgency(self) -> int:
        """The machine's, where it is higher and nobody has sorted the case; else 0."""
        if self.suggestion is None or self.appeal.state is not Status.FILED:
            return 0
        return self.suggestion.urgency if self.suggestion.urgency > self.appeal.urgency else 0

    @property
    def pressing(self) -> int:
        """The urgency by which somebody should read it: decided, or suggested where higher."""
        return max(self.appeal.urgency, self.guessed_urgency)

    @property
    def text(self) -> str:
        """The headline with what could be a phone hidden, for lists that are read in the street."""
        return headline_of(self.appeal, reveal=False)

    @property
    def headline(self) -> str:
        """The headline as its reader may have it."""
        return headline_of(self.appeal, reveal=self.reveal)

    @property
    def guessed(self) -> bool:
        """Whether the category shown is the machine's and nobody's decision."""
        return self.appeal.category_id is None and self.category is not None


def case_rows(found: QuerySet[Appeal], actor: Actor) -> list[CaseRow]:
    """Rows of all these appeals, as the actor may read them.

    Three queries, for appeals, their suggestions and their clocks: in one, PostgreSQL takes ten
    times longer to think in which order to join eight tables than to do it.
    """
    now = timezone.now()
    found = found.select_related("category", "area", "unit", "holder")
    appeals = list(found.defer("area__outline"))
    suggestions = Suggestion.objects.filter(appeal__in=appeals).select_related("category", "area")
    suggested = {each.appeal_id: each for each in suggestions.defer("area__outline")}
    first = first_due(appeals, actor)
    return [
        CaseRow(
            appeal,
            suggested.get(appeal.pk),
            first.get(appeal.pk),
            now,
            may_reveal(actor, appeal),
        )
        for appeal in appeals
    ]


def with_marks(rows: list[CaseRow]) -> list[CaseRow]:
    """The rows, each with its marks; one query."""
    found = marks_of(row.appeal for row in rows)
    for row in rows:
        row.marks = found.get(row.appeal.pk, [])
    return rows
