"""Style guide: every component on one page, for developers (YINGHU_DEBUG=on)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from yinghu.appeals.actions import ASSIGN, SORT
from yinghu.appeals.filing import FILE
from yinghu.appeals.handling_actions import REPORT
from yinghu.appeals.models import Appeal, Category, Clock, Event
from yinghu.appeals.states import ClockKind, Status, Urgency
from yinghu.appeals.verb import Verb
from yinghu.common.icons import icon_names
from yinghu.common.privacy.sealing import seal
from yinghu.people.disclosure import Person
from yinghu.people.models import Unit, User
from yinghu.ui.forms import FilingForm, Known, VerbForm
from yinghu.ui.row_flags import Mark
from yinghu.ui.timeline import Story


@require_GET
def styleguide_page(request: HttpRequest) -> HttpResponse:
    """Show the style guide; 404 without YINGHU_DEBUG. `?dir=rtl` mirrors it."""
    if not settings.DEBUG:
        raise Http404
    messages.success(request, _("收到，谢谢您"))
    appeal = _appeal()
    wrong = FilingForm({"words": "", "phone": "12"})
    wrong.is_valid()
    wrong.add_error("words", _("请写几个字，说说您需要什么"))
    wrong.add_error("phone", _("这个号码打不通，请核对；也可以不留"))
    context = {
        "statuses": [status.value for status in Status],
        "urgencies": [level.value for level in Urgency],
        "clocks": _clocks(appeal),
        "appeal": appeal,
        "stranger": Appeal(pk=124, status=Status.FILED.value),
        "story": _story(appeal),
        "wrong": wrong,
        "verb_form": VerbForm(SORT, Known(), initial={"urgency": "2"}),
        "photo_form": VerbForm(REPORT, Known()),
        "points": [
            {"lon": 120.0754, "lat": 29.3063, "label": _("诉求"), "kind": "case"},
            {"lon": 120.0915, "lat": 29.2950, "label": _("超时"), "kind": "late"},
        ],
        "photos": [{"sample": static("ui/mark.svg"), "width": 64, "height": 64}] * 3,
        "marks": [
            Mark("red", "refresh", pgettext("mark", "重办 %d 次") % 2),
            Mark("orange", "flame", pgettext("mark", "催办")),
        ],
        "shown": Person("王小明", "+8613812345678", "3号楼2单元501"),
        "icons": icon_names(),
        "rtl": request.GET.get("dir") == "rtl",
    }
    return render(request, "ui/styleguide.html", context)


def _appeal() -> Appeal:
    category = Category(code="milk", name=_("奶粉"), icon="baby-bottle", klass="need")
    unit = Unit(pk=1, code="milk", name=_("奶粉组"), kind="group")
    return Appeal(
        pk=123,
        status=Status.HANDLING.value,
        urgency=Urgency.URGENT.value,
        category=category,
        unit=unit,
        name=seal("王小明"),
        phone=seal("+8613812345678"),
        address=seal("3号楼2单元501"),
        body=_("家里宝宝六个月，奶粉只够今晚喝了。"),
        filed_at=timezone.now() - timedelta(hours=3),
    )


def _clocks(appeal: Appeal) -> list[Clock]:
    now = timezone.now()
    lengths = (timedelta(days=3), timedelta(minutes=40), timedelta(hours=-2), timedelta(hours=5))
    kinds = (ClockKind.SOLVE, ClockKind.RESPOND, ClockKind.ARRIVE, ClockKind.FEEDBACK)
    clocks = [
        Clock(appeal=appeal, kind=kind.value, started_at=now, due_at=now + length)
        for kind, length in zip(kinds, lengths, strict=True)
    ]
    clocks[-1].paused_at = now
    return clocks


def _story(appeal: Appeal) -> Story:
    person = User(pk=1, username="handler", display_name=_("经办人"))
    steps: list[tuple[Verb, dict[str, Any]]] = [
        (FILE, {"actor_kind": "requester"}),
        (SORT, {"actor_kind": "user", "user": person, "category": appeal.category}),
        (ASSIGN, {"actor_kind": "system", "unit": appeal.unit, "why": _("规则 %d") % 10}),
        (REPORT, {"actor_kind": "user", "user": person, "words": _("正在路上。")}),
    ]
    events = [
        Event(
            pk=number,
            appeal=appeal,
            seq=number,
            verb=verb.name,
            to_status=appeal.status,
            at=appeal.filed_at + timedelta(minutes=20 * number),
            **{"unit": appeal.unit, **given},
        )
        for number, (verb, given) in enumerate(steps, 1)
    ]
    return Story(events, "", "")
