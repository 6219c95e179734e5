"""Worklist pages: the user's own tasks, and the supervisors' overview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from yinghu.appeals import inboxes
from yinghu.appeals.models import Clock
from yinghu.demo import time_travel
from yinghu.oversight import worklists
from yinghu.ui.case_rows import CaseRow, case_rows, with_marks
from yinghu.ui.decorators import staff_page
from yinghu.ui.requests import who

SHOWN = 30
"""Maximum rows per list; the next due come first."""


WAITING_DESKS = frozenset({"triage", "dispatch", "callback"})
"""Desks whose lists wait for anybody of the desk, which the person's own lists do not have."""


@dataclass(frozen=True, slots=True)
class WorklistSection:
    """Name, icon, title and empty text of a list."""

    name: str
    icon: str
    title: Any
    empty: Any


OWN = (
    WorklistSection("asked", "message-question", _("等我们回话"), _("没有人在等我们回话")),
    WorklistSection("late", "clock-exclamation", _("已经超时"), _("没有超时的")),
    WorklistSection("today", "clock", _("今天到期"), _("今天没有到期的")),
    WorklistSection("back", "refresh", _("退回重办"), _("没有退回重办的")),
    WorklistSection("watched", "eye", _("督办中"), _("没有督办中的")),
    WorklistSection("mine", "user-check", _("手上和待接单"), _("手上没有在办的")),
)

OVERSEEN = (
    WorklistSection("rulings", "gavel", _("等裁定：退单、延期、异议"), _("没有等裁定的")),
    WorklistSection("nobody", "alert-triangle", _("没有人负责"), _("每一件都有人负责")),
    WorklistSection("silent", "speakerphone", _("吹哨没有报到"), _("没有到时还不来的")),
    WorklistSection("watched", "eye", _("督办中"), _("没有督办中的")),
    WorklistSection("raised", "stairs-up", _("提级办理"), _("没有提级的")),
    WorklistSection("late", "clock-exclamation", _("已经超时"), _("没有超时的")),
)


def _render_lists(
    request: HttpRequest,
    desk: str,
    title: Any,
    sections: tuple[WorklistSection, ...],
    found: worklists.Lists,
) -> HttpResponse:
    counts = inboxes.counted(found)
    actor = who(request)
    shown = []
    for section in sections:
        rows = with_marks(case_rows(found[section.name][: SHOWN + 1], actor))
        if section.name == "silent":
            _show_silent_units(rows)
        count, more = counts.get(section.name, 0), len(rows) > SHOWN
        shown.append({"section": section, "rows": rows[:SHOWN], "count": count, "more": more})
    context = {"desk": desk, "title": title, "sections": shown}
    context["waiting_desks"] = WAITING_DESKS
    context["passing"] = list(time_travel.CHOICES) if settings.DEMO else []
    return render(request, "queues/worklists.html", context)


def _show_silent_units(rows: list[CaseRow]) -> None:
    """Replace the due clocks of each row by those of units that have not reported in; one query."""
    late: dict[int, list[Clock]] = {}
    found = worklists.silent(timezone.now()).filter(appeal__in=[row.appeal.pk for row in rows])
    for clock in found.select_related("unit").order_by("due_at", "pk"):
        late.setdefault(clock.appeal_id, []).append(clock)
    for row in rows:
        row.clocks = late.get(row.appeal.pk, [])


@staff_page("own")
def show_own_worklist(request: HttpRequest) -> HttpResponse:
    return _render_lists(request, "own", _("我的待办"), OWN, worklists.own(who(request)))


@staff_page("oversight")
def show_oversight_worklist(request: HttpRequest) -> HttpResponse:
    return _render_lists(
        request, "oversight", _("督办"), OVERSEEN, worklists.overseen(who(request))
    )
