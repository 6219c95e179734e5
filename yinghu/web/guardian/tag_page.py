"""One tag, opened by its short number: who wears it, what happened to it, and what can be done."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals.moving import NotFound, Refused
from yinghu.common import rate_limit
from yinghu.guardian import tag_actions
from yinghu.guardian.models import Tag, TagEvent
from yinghu.guardian.tag_codes import format_number, read_number
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.requests import login_of, who

State, Step = Tag.State, TagEvent.Step

LOOKS: dict[str, tuple[str, str]] = {
    State.STOCK: ("azure", "package"),
    State.ACTIVE: ("green", "circle-check"),
    State.SUSPENDED: ("orange", "player-pause"),
    State.LOST: ("red", "help-circle"),
    State.REPLACED: ("secondary", "refresh"),
    State.RETIRED: ("secondary", "ban"),
}
"""Colour and icon of each state."""

BUTTONS = {
    Step.TEST: ("eye-check", gettext_lazy("试用十分钟：这段时间扫码不惊动任何人")),
    Step.RESUME: ("player-play", gettext_lazy("恢复使用")),
    Step.SUSPEND: ("player-pause", gettext_lazy("暂停：扫码的人看不到任何情况")),
    Step.LOSE: ("help-circle", gettext_lazy("报失：衣服或布条丢了")),
    Step.REPLACE: ("refresh", gettext_lazy("换一条新的")),
    Step.RETIRE: ("ban", gettext_lazy("作废：以后不能再用")),
}
"""Icon and label of each step."""


@staff_page("tags")
def tag_find(request: HttpRequest) -> HttpResponse:
    """Open the tag of a typed number."""
    if wait := rate_limit.too_many("strip", f"user {login_of(request).pk}"):
        messages.warning(request, _("试得太多了，请 %d 秒后再试") % wait)
        return redirect("guardian_tags")
    typed = request.GET.get("q", "")[:40]
    tag = _tags(request).filter(number=read_number(typed) or "-").first()
    if tag is None:
        messages.warning(
            request, _("没有找到“%s”：看看九位数字有没有抄错，或者这条不归您这里管") % typed
        )
        return redirect("guardian_tags")
    return redirect("guardian_tag", tag.number)


def _tags(request: HttpRequest) -> QuerySet[Tag]:
    found = Tag.objects.filter(tag_actions.tags_q(who(request)))
    return found.select_related("batch", "person__area").defer("person__area__outline")


def _one(request: HttpRequest, number: str) -> Tag:
    tag = _tags(request).filter(number=read_number(number) or "-").first()
    if tag is None:
        raise Http404
    return tag


@staff_page("tags")
def tag_one(request: HttpRequest, number: str) -> HttpResponse:
    """Show a tag."""
    return _show(request, _one(request, number))


def _show(request: HttpRequest, tag: Tag, problem: str = "", status: int = 200) -> HttpResponse:
    possible = tag_actions.possible_steps(tag)
    context = {
        "desk": "guardian",
        "tag": tag,
        "number": format_number(tag.number),
        "look": LOOKS[tag.state],
        "buttons": [(step, *look) for step, look in BUTTONS.items() if step in possible],
        "events": tag.events.select_related("user").order_by("-pk"),
        "problem": problem,
    }
    return render(request, "guardian/tag.html", context, status=status)


@staff_action("tags")
def tag_act(request: HttpRequest, number: str, step: str) -> HttpResponse:
    """Do a step of `BUTTONS`."""
    tag, actor = _one(request, number), who(request)
    try:
        match step:
            case Step.TEST:
                tag_actions.begin_test(tag.pk, actor)
            case Step.SUSPEND:
                tag_actions.suspend(tag.pk, actor)
            case Step.RESUME:
                tag_actions.resume(tag.pk, actor)
            case Step.LOSE:
                tag_actions.report_lost(tag.pk, actor)
            case Step.RETIRE:
                tag_actions.retire(tag.pk, actor)
            case Step.REPLACE:
                tag = tag_actions.replace(tag.pk, actor, request.POST.get("number", "")[:300])
            case _:
                raise Http404
    except NotFound as refused:
        return _show(request, tag, refused.message, 422)
    except Refused as refused:
        return _show(request, _one(request, number), refused.message, refused.status)
    messages.success(request, _("已记下"))
    return redirect("guardian_tag", tag.number)
