"""Lists that are looked through once or twice a day: one's own, and the supervisor's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from yinghu.appeals import inboxes
from yinghu.appeals.models import Clock
from yinghu.demo import time_travel
from yinghu.oversight import worklists
from yinghu.ui.case_rows import CaseRow, case_rows, with_marks
from yinghu.ui.decorators import staff
from yinghu.ui.requests import who

SHOWN = 30
"""Rows of one list; of what is longer the first are the next due."""


@dataclass(frozen=True, slots=True)
class Section:
    """One list of a page: its name, icon and title, and what is said where it is empty."""

    name: str
    icon: str
    title: Any
    empty: Any


@dataclass(slots=True)
class Shown:
    """A section with its rows, and how many there are (`inboxes.COUNTED` at most)."""

    section: Section
    rows: list[CaseRow]
    count: int
    more: bool


OWN = (
    Section("asked", "message-question", _("等我们回话"), _("没有人在等我们回话")),
    Section("late", "clock-exclamation", _("已经超时"), _("没有超时的")),
    Section("today", "clock", _("今天到期"), _("今天没有到期的")),
    Section("back", "refresh", _("退回重办"), _("没有退回重办的")),
    Section("watched", "eye", _("督办中"), _("没有督办中的")),
    Section("mine", "user-check", _("手上和待接单"), _("手上没有在办的")),
)

OVERSEEN = (
    Section("rulings", "gavel", _("等裁定：退单、延期、异议"), _("没有等裁定的")),
    Section("nobody", "alert-triangle", _("没有人负责"), _("每一件都有人负责")),
    Section("silent", "speakerphone", _("吹哨没有报到"), _("没有到时还不来的")),
    Section("watched", "eye", _("督办中"), _("没有督办中的")),
    Section("raised", "stairs-up", _("提级办理"), _("没有提级的")),
    Section("late", "clock-exclamation", _("已经超时"), _("没有超时的")),
)


def _page(
    request: HttpRequest,
    desk: str,
    title: Any,
    sections: tuple[Section, ...],
    found: worklists.Lists,
) -> HttpResponse:
    counts = inboxes.counted(found)
    actor = who(request)
    shown = []
    for section in sections:
        rows = with_marks(case_rows(found[section.name][: SHOWN + 1], actor))
        if section.name == "silent":
            _name_silent(rows)
        shown.append(
            Shown(section, rows[:SHOWN], counts.get(section.name, 0), more=len(rows) > SHOWN)
        )
    context = {"desk": desk, "title": title, "sections": shown, "most": inboxes.COUNTED}
    context["passing"] = list(time_travel.CHOICES) if settings.DEMO else []
    return render(request, "queues/worklists.html", context)


def _name_silent(rows: list[CaseRow]) -> None:
    """Show of each case who was called and has not come, in place of what is due; one query."""
    late: dict[int, list[Clock]] = {}
    found = worklists.silent(timezone.now()).filter(appeal__in=[row.appeal.pk for row in rows])
    for clock in found.select_related("unit").order_by("due_at", "pk"):
        late.setdefault(clock.appeal_id, []).append(clock)
    for row in rows:
        row.clocks = late.get(row.appeal.pk, [])


@never_cache
@require_GET
@staff("own")
def own(request: HttpRequest) -> HttpResponse:
    """Everyone's own list."""
    return _page(request, "own", _("我的待办"), OWN, worklists.own(who(request)))


@never_cache
@require_GET
@staff("oversight")
def oversight(request: HttpRequest) -> HttpResponse:
    """The supervisor's."""
    return _page(request, "oversight", _("督办"), OVERSEEN, worklists.overseen(who(request)))
