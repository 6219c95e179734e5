"""Cases for which a value of the filter is only suggested, beside those where it was decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Status, Urgency
from yinghu.triage.models import Suggestion
from yinghu.ui.case_rows import CaseRow

FEW = 1000
"""Up to so many cases are named one by one, so that PostgreSQL can use the index of each column."""


@dataclass(frozen=True, slots=True)
class Suggestible:
    """A part of the filter that may be suggested: its label, the cases without a decision, and
    whether a row has only the suggestion.
    """

    label: Any
    undecided: Q
    is_suggested: Callable[[CaseRow], bool]


SUGGESTIBLE = {
    "category": Suggestible(
        _("类别"), Q(category=None), lambda row: row.appeal.category_id is None
    ),
    "klass": Suggestible(_("性质"), Q(klass=""), lambda row: row.appeal.klass == ""),
    "area": Suggestible(_("地点"), Q(area=None), lambda row: row.appeal.area_id is None),
    # Before sorting an urgency is a default: the higher suggestion counts, as in the lists.
    "urgency": Suggestible(
        _("紧急程度"),
        Q(status=Status.FILED, suggestion__urgency__gt=F("urgency")),
        lambda row: row.guessed_urgency > 0,
    ),
}
"""Parts of the filter by name."""


def decided_or_suggested(
    found: QuerySet[Appeal], name: str, decided: Q, lookups: dict[str, Any]
) -> Q:
    """Return the condition for cases of `found` that are `decided`, or undecided with a suggestion
    that matches the `lookups`.
    """
    undecided = SUGGESTIBLE[name].undecided
    matching = Suggestion.objects.filter(appeal=OuterRef("pk"), **lookups)
    suggested = undecided & Q(Exists(matching))
    few = list(found.filter(suggested).order_by().values_list("pk", flat=True)[: FEW + 1])
    if name == "urgency" and lookups["urgency"] < Urgency.EMERGENCY:
        higher = Suggestion.objects.filter(appeal=OuterRef("pk"), urgency__gt=lookups["urgency"])
        decided &= ~Q(Exists(higher), status=Status.FILED)
    if len(few) > FEW:
        return decided | suggested
    return decided | Q(pk__in=few) if few else decided
