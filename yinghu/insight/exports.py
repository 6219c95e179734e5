"""Export of cases to a file: permission, columns, and all cases in batches."""

from datetime import datetime
from typing import Any, Final

import structlog
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from yinghu.appeals import clocks
from yinghu.appeals.channels import channel_label
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal
from yinghu.appeals.states import Urgency
from yinghu.common.language import name_of
from yinghu.common.privacy.masking import without_numbers
from yinghu.people import disclosure
from yinghu.people.access import Actor, may_export, may_reveal

BATCH: Final = 1_000
"""Cases read at a time, newest first."""
_MOST_WORDS: Final = 2000
CASE_COLUMNS: Final[dict[str, Any]] = {
    "number": pgettext_lazy("column", "编号"),
    "status": pgettext_lazy("column", "状态"),
    "urgency": pgettext_lazy("column", "紧急程度"),
    "category": pgettext_lazy("column", "类别"),
    "area": pgettext_lazy("column", "地点"),
    "unit": pgettext_lazy("column", "承办单位"),
    "channel": pgettext_lazy("column", "来源"),
    "filed_at": pgettext_lazy("column", "提交时间"),
    "due_at": pgettext_lazy("column", "先到期的时限"),
    "name": pgettext_lazy("column", "诉求人"),
    "phone": pgettext_lazy("column", "电话"),
    "words": pgettext_lazy("column", "内容"),
}
"""Columns with their headings."""

_log = structlog.get_logger("yinghu.cases")


def check_export(actor: Actor, **asked: str) -> None:
    """Log that cases are exported, with what was `asked`. Raises Denied."""
    if not may_export(actor):
        raise disclosure.Denied
    _log.info("cases exported", user=actor.user_id, **asked)


def case_lines(
    actor: Actor, found: QuerySet[Appeal], before: int | None
) -> tuple[list[dict[str, str]], int | None]:
    """Return the masked lines of the cases with lower ids than `before`, newest first, and the id
    to go on before; None at the end.
    """
    suggested = ("suggestion__category", "suggestion__area")
    found = found.select_related("category", "area", "unit", *suggested)
    found = found.defer("area__outline", "suggestion__area__outline")
    found = found.order_by("-id") if before is None else found.filter(pk__lt=before).order_by("-id")
    cases = list(found[:BATCH])
    due = clocks.first_due(cases, actor)
    lines = [_cells(each, due[each.pk].due_at if each.pk in due else None, actor) for each in cases]
    return lines, cases[-1].pk if len(cases) == BATCH else None


def _cells(appeal: Appeal, due_at: datetime | None, actor: Actor) -> dict[str, str]:
    masked = disclosure.masked(appeal) if may_reveal(actor, appeal) else None
    return {
        "number": appeal.number,
        "status": status_label(appeal.state),
        "urgency": _(Urgency(appeal.urgency).label),
        "category": _decided_or_suggested(appeal, "category"),
        "area": _decided_or_suggested(appeal, "area"),
        "unit": name_of(appeal.unit) if appeal.unit else "",
        "channel": _(channel_label(appeal.channel)),
        "filed_at": _at(appeal.filed_at),
        "due_at": _at(due_at) if due_at else "",
        "name": masked.name if masked else "",
        "phone": masked.phone if masked else "",
        "words": without_numbers(f"{appeal.title} {appeal.body}".strip())[:_MOST_WORDS],
    }


def _decided_or_suggested(appeal: Appeal, name: str) -> str:
    """Name the category or area; one that is only suggested is marked as such."""
    if decided := getattr(appeal, name):
        return name_of(decided)
    suggestion = getattr(appeal, "suggestion", None)
    suggested = suggestion and getattr(suggestion, name)
    return _("%s（系统建议）") % name_of(suggested) if suggested else ""


def _at(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M")
