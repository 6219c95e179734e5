"""Rows of case lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from yinghu.appeals.clocks import first_due
from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import Status
from yinghu.people.access import Actor, may_reveal
from yinghu.triage.models import Suggestion
from yinghu.ui.row_flags import Mark, marks_of


@dataclass(slots=True)
class CaseRow:
    """An appeal in a list, with its suggestion, if any, and its next due clock."""

    appeal: Appeal
    suggestion: Suggestion | None
    clock: Clock | None
    reveal: bool
    """Whether the reader may see phone numbers in the text."""
    marks: list[Mark] = field(default_factory=list)
    """Warnings shown beside the status (`row_flags`)."""
    excerpt: str = ""
    """The search hit with the search words marked; "" without a search."""
    found_by: list[str] = field(default_factory=list)
    """Parts of the filter that the case matches only by a suggestion."""
    clocks: list[Clock] = field(default_factory=list)
    """Clocks shown instead of `clock` where the list is about them."""

    @property
    def category(self) -> Any:
        return self.appeal.category or (self.suggestion and self.suggestion.category)

    @property
    def area(self) -> Any:
        return self.appeal.area or (self.suggestion and self.suggestion.area)

    @property
    def guessed_urgency(self) -> int:
        """The suggested urgency if it is higher and the case is not sorted yet; else 0."""
        if self.suggestion is None or self.appeal.state is not Status.FILED:
            return 0
        return self.suggestion.urgency if self.suggestion.urgency > self.appeal.urgency else 0

    @property
    def pressing(self) -> int:
        """The higher of the decided and the suggested urgency."""
        return max(self.appeal.urgency, self.guessed_urgency)

    @property
    def text(self) -> str:
        """The headline with possible phone numbers hidden, for lists read in public."""
        return headline_of(self.appeal, reveal=False)

    @property
    def headline(self) -> str:
        """The headline as this reader may see it."""
        return headline_of(self.appeal, reveal=self.reveal)

    @property
    def guessed(self) -> bool:
        """Whether the category shown is only a suggestion."""
        return self.appeal.category_id is None and self.category is not None

    @property
    def guessed_area(self) -> bool:
        """Whether the area shown is only a suggestion."""
        return self.appeal.area_id is None and self.area is not None


def case_rows(found: QuerySet[Appeal], actor: Actor) -> list[CaseRow]:
    """Make rows of these appeals, masked for the actor.

    Three queries (appeals, suggestions, clocks): PostgreSQL plans a single join of these eight
    tables ten times longer than it runs it.
    """
    found = found.select_related("category", "area", "unit", "holder")
    appeals = list(found.defer("area__outline"))
    suggestions = Suggestion.objects.filter(appeal__in=appeals).select_related("category", "area")
    suggested = {each.appeal_id: each for each in suggestions.defer("area__outline")}
    first = first_due(appeals, actor)
    return [
        CaseRow(each, suggested.get(each.pk), first.get(each.pk), may_reveal(actor, each))
        for each in appeals
    ]


def with_marks(rows: list[CaseRow]) -> list[CaseRow]:
    """Add the marks to the rows, with one query."""
    found = marks_of(row.appeal for row in rows)
    for row in rows:
        row.marks = found.get(row.appeal.pk, [])
    return rows
