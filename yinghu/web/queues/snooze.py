"""Snoozed cases: hidden from one user's list for a while; the case does not change."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from yinghu.appeals.models import Appeal
from yinghu.people.models import User
from yinghu.ui.decorators import staff_action
from yinghu.ui.requests import login_of
from yinghu.web.case import views as case_views
from yinghu.web.models import Skip

MINUTES = 15
DESKS = frozenset({"triage", "dispatch", "callback"})
"""Desks whose lists are worked through from the top."""


def _current(user: User) -> QuerySet[Skip]:
    return Skip.objects.filter(user=user, until__gt=timezone.now())


def without(found: QuerySet[Appeal], user: User) -> QuerySet[Appeal]:
    """Exclude the cases that the user has snoozed."""
    return found.filter(~Exists(_current(user).filter(appeal=OuterRef("pk"))))


def count(found: QuerySet[Appeal], user: User) -> int:
    """Number of cases that the user has snoozed."""
    snoozed = Exists(_current(user).filter(appeal=OuterRef("pk")))
    return found.filter(snoozed).order_by().count()


def is_skipped(appeal_id: int | None, user: User) -> bool:
    """Has the user snoozed the case?"""
    return appeal_id is not None and _current(user).filter(appeal=appeal_id).exists()


def _desk(request: HttpRequest) -> str:
    back = request.POST.get("back", "")
    if back not in DESKS:
        raise Http404
    return back


@staff_action(*DESKS)
def skip(request: HttpRequest) -> HttpResponse:
    """Snooze a case and go on to the next one."""
    back, me = _desk(request), login_of(request)
    appeal = case_views.seen(request, request.POST.get("number", ""))
    now = timezone.now()
    Skip.objects.filter(user=me, until__lte=now).delete()
    until = now + timedelta(minutes=MINUTES)
    Skip.objects.update_or_create(user=me, appeal=appeal, defaults={"until": until})
    return redirect(f"{reverse(back)}?skipped={appeal.number}")


@staff_action(*DESKS)
def unskip(request: HttpRequest) -> HttpResponse:
    """End the snooze of one case, or of all if none is named."""
    back, me = _desk(request), login_of(request)
    mine = Skip.objects.filter(user=me)
    number = request.POST.get("number", "")
    if not number:
        mine.delete()
        messages.success(request, _("跳过的都回来了"))
        return redirect(back)
    appeal = case_views.seen(request, number)
    mine.filter(appeal=appeal).delete()
    messages.success(request, _("%s：回来了") % appeal.number)
    return redirect(f"{reverse(back)}?case={appeal.number}")
