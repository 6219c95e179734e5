"""The desk's page of scans: open ones first, tags by their short number, answer, write and end."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from yinghu.common import text_cleaning
from yinghu.guardian import alerts, scans
from yinghu.guardian.models import Scan, Tag
from yinghu.guardian.scans import MAX_PHONE, MAX_WORDS, Author, FinderReport
from yinghu.guardian.tag_codes import format_number, read_number
from yinghu.people.access import Actor, may_protect, protected_areas
from yinghu.people.personal_keys import Wiped
from yinghu.people.scan_disclosure import show_scan, show_scan_photo
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.photo_response import jpeg_response
from yinghu.ui.requests import is_part, login_of, who
from yinghu.web.guardian.public_pages import form_id_of, words_of

SHOWN = 50
"""Scans on the page: those in the open first, then the newest."""


@staff_page("guardian")
def list_scans(request: HttpRequest) -> HttpResponse:
    """List the scans in the actor's areas and those without a person; `?number=` opens a tag."""
    actor = who(request)
    opened = (Scan.State.REPORTED, Scan.State.ANSWERED)
    rank = Case(
        When(state=Scan.State.REPORTED, then=Value(0)),
        When(state__in=opened, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    found = _scans_of(actor).select_related("person__area", "tag").prefetch_related("steps")
    typed = request.GET.get("number", "")[:40].replace("\x00", "")
    context = {
        "desk": "guardian",
        "scans": list(found.annotate(rank=rank).order_by("rank", "-id")[:SHOWN]),
        "form_id": uuid4(),
        "typed": typed,
        **(_tag_by_number(actor, typed) if typed else {}),
    }
    part = "scan_rows" if is_part(request, "rows") else "scans"
    return render(request, f"guardian/{part}.html", context)


def _tag_by_number(actor: Actor, typed: str) -> dict[str, Any]:
    """The tag of a typed short number, as far as the actor may see it."""
    number = read_number(typed)
    tag = Tag.objects.filter(number=number).select_related("person").first() if number else None
    if tag is not None and tag.person is not None and not may_protect(actor, tag.person.area_id):
        tag = None
    own = _scans_of(actor).filter(person=tag.person_id) if tag and tag.person_id else None
    return {
        "tag": tag,
        "number": format_number(number) if number else "",
        "tag_scans": list(own.order_by("-id")[:5]) if own is not None else [],
    }


@staff_action("guardian")
def report_call(request: HttpRequest) -> HttpResponse:
    """Report for somebody on the phone, who read the number on the strip."""
    number = read_number(request.POST.get("number", "")[:40])
    phone = text_cleaning.clean_line(request.POST.get("phone", "").replace("\x00", "")[:MAX_PHONE])
    given = FinderReport(form=form_id_of(request), words=words_of(request), phone=phone)
    scan_id = scans.report_by_number(number, given, Author.desk(login_of(request).pk))
    if not _scans_of(who(request)).filter(pk=scan_id).exists():
        messages.success(request, _("已登记，并通知了那里的监护人和值班人员"))
        return redirect("guardian_scans")
    return redirect("guardian_scan_one", scan_id)


@staff_page("guardian", methods=("GET", "POST"))
def show_scan_page(request: HttpRequest, scan_id: int) -> HttpResponse:
    """Show one scan with its steps and board, or answer, write on the board or end it."""
    actor = who(request)
    found = _scans_of(actor).select_related("key", "person__area", "tag")
    scan = get_object_or_404(found, pk=scan_id)
    if request.method == "POST":
        _act(request, scan)
        return redirect("guardian_scan_one", scan_id)
    entries = list(scan.entries.select_related("user").order_by("pk"))
    try:
        content = show_scan(actor, scan.pk, _person_of(scan), scan.key, entries)
    except Wiped:
        content = [{} for _entry in entries]
    context = {
        "desk": "guardian",
        "scan": scan,
        "lines": list(zip(entries, content, strict=True)),
        "steps": list(scan.steps.select_related("user", "guardian")),
        "form_id": uuid4(),
        "max_words": MAX_WORDS,
    }
    part = "desk_board" if is_part(request, "board") else "desk_scan"
    return render(request, f"guardian/{part}.html", context)


@staff_page("guardian")
def scan_photo(request: HttpRequest, scan_id: int, entry_id: int) -> HttpResponse:
    """Answer with the photo that a finder sent."""
    actor = who(request)
    scan = get_object_or_404(_scans_of(actor).select_related("key", "person"), pk=scan_id)
    entry = get_object_or_404(scan.entries.exclude(photo=b""), pk=entry_id)
    try:
        return jpeg_response(show_scan_photo(actor, scan.pk, _person_of(scan), scan.key, entry))
    except Wiped as gone:
        raise Http404 from gone


def _scans_of(actor: Actor) -> QuerySet[Scan]:
    reach = Q(person=None)
    for area in protected_areas(actor):
        reach |= Q(person__area__code__startswith=area)
    return Scan.objects.filter(reach)


def _person_of(scan: Scan) -> tuple[int, str] | None:
    return (scan.person.pk, scan.person.area_id) if scan.person is not None else None


def _act(request: HttpRequest, scan: Scan) -> None:
    user_id = login_of(request).pk
    match request.POST.get("act"):
        case "answer":
            done = alerts.answer(scan.pk, user_id=user_id)
        case "end":
            done = alerts.end(scan.pk, user_id=user_id)
        case "message" if words := words_of(request):
            done = scans.post_message(scan.pk, Author.desk(user_id), words, form_id_of(request))
        case _:
            done = True
    if not done:
        messages.info(request, _("已经有人回应或结束了"))
