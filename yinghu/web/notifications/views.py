"""Views of the bell, the list of notices, and the failed deliveries."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.appeals.closing_actions import RATE, REOPEN
from yinghu.appeals.handling_actions import SUPPLY, URGE
from yinghu.appeals.labels import headline_of
from yinghu.appeals.merged import RELAY
from yinghu.common.privacy.masking import without_numbers
from yinghu.common.text import whole_number
from yinghu.errands.actions import SAY
from yinghu.errands.eligibility import may_know
from yinghu.errands.models import Leg
from yinghu.notifications import delivery, texts
from yinghu.notifications.models import Delivery, Notification, Reason, SubjectKind
from yinghu.notifications.read_state import mark_read
from yinghu.people.access import Actor, desks_of, may_read_why, may_see
from yinghu.people.models import Change
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.pagination import PAGE_SIZE, page_before, size_for
from yinghu.ui.requests import is_part, login_of, who
from yinghu.verbs import ERRANDS


def _lines(request: HttpRequest, found: list[Notification]) -> list[dict[str, Any]]:
    """The notices as their reader sees them; no headline if they may no longer see the case."""
    actor, units = who(request), texts.units_of(found)
    lines = []
    for notice in found:
        appeal = notice.appeal
        seen = appeal is not None and may_see(actor, appeal)
        helps = notice.reason in _HELPER_REASONS
        lines.append(
            {
                "notice": notice,
                "sentence": texts.notification_text(notice, units),
                "said": _quote(notice) if seen or helps else "",
                # Read in public places: never reveal phone numbers.
                "headline": headline_of(appeal, reveal=False) if appeal and seen else "",
                "why": Reason(notice.reason).label if appeal else "",
                "gone": appeal and not (seen or helps or notice.reason == Reason.ADMIN),
            }
        )
    return lines


def _leg_of(notice: Notification, actor: Actor) -> int | None:
    """The id of the notice's leg, for its helper or someone asked to help."""
    event = notice.event
    if event is None or event.verb not in ERRANDS or notice.reason not in _HELPER_REASONS:
        return None
    found = Leg.objects.filter(appeal=event.appeal_id).select_related("errand", "appeal")
    said = {"errand": event.facts.get("errand"), "n": event.facts.get("leg")}
    leg = (found.filter(**said) if said["n"] else found.filter(holder=actor.user_id)).first()
    return leg.pk if leg is not None and may_know(actor, leg) else None


_HELPER_REASONS = (Reason.OFFERED, Reason.HELPER)
_QUOTED = tuple(verb.name for verb in (RATE, REOPEN, SUPPLY, URGE, RELAY, SAY))


def _quote(notice: Notification) -> str:
    """Quote the beginning of what the requester said, which mails leave out."""
    event = notice.event
    if event is None or event.verb not in _QUOTED:
        return ""
    said = event.why if event.verb == SAY.name else event.words
    return Truncator(without_numbers(said)).chars(80)


@staff_page()
def notices_page(request: HttpRequest) -> HttpResponse:
    """List the notices, newest first; `?unread=1` only the unread ones."""
    before, only = whole_number(request.GET.get("before", "")), request.GET.get("unread") == "1"
    own = Notification.objects.filter(user=login_of(request))
    newest = own.order_by("-id").values_list("pk", flat=True).first() or 0
    found = own.filter(read_at=None) if only else own
    found = found.select_related("event__unit", "event__user", "appeal")
    size = size_for(request.GET.get("shown", "")) if before is None else PAGE_SIZE
    notices, more = page_before(found, before, size)
    context = {
        "desk": "notices",
        "lines": _lines(request, notices),
        "more": more,
        "newest": newest,
        "only": only,
        "is_more": before is not None,
    }
    part = "rows" if is_part(request, "rows") else "list"
    return render(request, f"notifications/{part}.html", context)


@staff_page()
def bell_part(request: HttpRequest) -> HttpResponse:
    """Redraw the bell of the header."""
    return render(request, "ui/parts/bell_again.html")


@staff_page()
def open_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a notice as read and redirect to its case, leg or list; 404 for another login's."""
    own = Notification.objects.filter(user=login_of(request), pk=pk)
    notice = get_object_or_404(own.select_related("appeal", "event"))
    mark_read(own, login_of(request).pk)
    actor = who(request)
    if notice.subject_kind == SubjectKind.CHANGE and "volunteers" in desks_of(actor):
        key = Change.objects.values_list("key", flat=True).get(pk=notice.subject_id or 0)
        return redirect("volunteer_one", key)
    if notice.subject_kind == SubjectKind.SCAN and "guardian" in desks_of(actor):
        return redirect("guardian_scan_one", notice.subject_id or 0)
    if notice.appeal is None:
        # A digest's cases are in one of these lists; after a change of posts there may be none.
        desks = [name for name in ("oversight", "own", "field") if name in desks_of(actor)]
        return redirect(desks[0] if desks else "notices")
    leg = _leg_of(notice, actor)
    if leg is not None:
        return redirect("leg", leg_id=leg)
    if may_see(actor, notice.appeal):
        inside = may_read_why(actor, notice.appeal)
        return redirect("case" if inside else "task", notice.appeal.number)
    if notice.reason == Reason.ADMIN:
        messages.warning(request, _("没有人可以通知：请给督办员、指挥长和各单位安排人。"))
        return redirect("setup")
    messages.info(request, _("这件诉求已经不在您这里了。"))
    return redirect("notices")


@staff_action()
def mark_notices_read(request: HttpRequest) -> HttpResponse:
    """Mark all notices up to `until` as read, the newest when the page was made."""
    until = whole_number(request.POST.get("until", ""))
    if until is None:
        messages.error(request, _("没有说到哪一条为止，请刷新后再试"))
        return redirect("notices")
    count = mark_read(Notification.objects.filter(pk__lte=until), login_of(request).pk)
    messages.success(request, ngettext("%d 条已标为已读", "%d 条已标为已读", count) % count)
    return redirect("notices")


@staff_page("setup")
def failed_deliveries(request: HttpRequest) -> HttpResponse:
    """List failed deliveries with their errors, for administrators."""
    found = Delivery.objects.filter(state=Delivery.State.FAILED)
    found = found.select_related("notification__user", "notification__appeal")
    rows, more = page_before(found, whole_number(request.GET.get("before", "")))
    context = {"desk": "setup", "rows": rows, "more": more, "attempts": delivery.ATTEMPTS}
    return render(request, "notifications/failed.html", context)


@staff_action("setup")
def retry_deliveries(request: HttpRequest) -> HttpResponse:
    """Requeue one failed delivery, or all."""
    text = request.POST.get("delivery", "")
    pk = whole_number(text)
    if text and pk is None:
        messages.error(request, _("没有这条记录"))
        return redirect("notices_failed")
    count = delivery.try_again([pk] if pk is not None else None)
    said = ngettext("%d 条已重新排队", "%d 条已重新排队", count) % count
    (messages.success if count else messages.info)(request, said)
    return redirect("notices_failed")
