"""Pages for finders: a tag's page, the report, and the board. No account, no script needed."""

from __future__ import annotations

from math import isfinite
from uuid import uuid4

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from yinghu.common import photos, text_cleaning
from yinghu.common.language import is_english
from yinghu.guardian import scans
from yinghu.guardian.models import Scan, ScanEntry
from yinghu.guardian.scans import MAX_PHONE, MAX_WORDS, Author, FinderReport, TagCard
from yinghu.guardian.tag_codes import read_number, scan_of_token, scan_token
from yinghu.people.personal_keys import Wiped
from yinghu.ui.requests import sender_of
from yinghu.web.guardian.public_pages import (
    board_lines,
    form_id_of,
    in_other_language,
    opens_for_a_person,
    too_often,
    words_of,
)

_MAY_BE_LOST = gettext_noop("这个人可能走失了，请帮帮他")
_THANKS = gettext_noop("谢谢您陪着他")


@never_cache
@csrf_exempt  # No login acts here: who knows the code may report, with cookies or without.
@require_http_methods(["GET", "HEAD", "POST"])
def tag_page(request: HttpRequest, code: str) -> HttpResponse:
    """Show how to help the wearer of a tag, or take "I am with this person"."""
    if request.method == "POST":
        if refused := too_often(request, "tag"):
            return refused
        given, lost = _report_in(request)
        return _follow(scans.report_by_code(code, given), lost)
    card = scans.open_tag(code, counts=opens_for_a_person(request))
    return _show_card(request, card)


@never_cache
@csrf_exempt  # As `tag_page`.
@require_http_methods(["GET", "HEAD", "POST"])
def number_page(request: HttpRequest) -> HttpResponse:
    """Show the general page, or take a report for a typed short number.

    The number alone shows nothing, and each number gets the same answer.
    """
    if request.method == "POST":
        if refused := too_often(request, "tag"):
            return refused
        given, lost = _report_in(request)
        number = read_number(request.POST.get("number", "")[:40])
        return _follow(scans.report_by_number(number, given), lost)
    return _show_card(request, TagCard(), asks_number=True)


@never_cache
@csrf_exempt  # The token in the address is what allows to write, not a cookie.
@require_http_methods(["GET", "HEAD", "POST"])
def scan_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show a finder their scan, or take a message to the family."""
    scan_id = scan_of_token(token)
    found = Scan.objects.filter(pk=scan_id) if scan_id is not None else Scan.objects.none()
    scan = found.select_related("key").first()
    if scan is None:
        raise Http404
    if request.method == "POST":
        if refused := too_often(request, "act", f"scan {scan.pk}"):
            return refused
        words = words_of(request)
        if words:
            scans.post_message(scan.pk, Author.finder(), words, form_id_of(request))
        return redirect("guardian_scan", token=token)
    try:
        lines = board_lines(scan, side=ScanEntry.Side.FINDER)
    except Wiped as gone:
        raise Http404 from gone
    context = {
        "scan": scan,
        "lines": lines,
        "other": in_other_language(_THANKS),
        "form_id": uuid4(),
        "max_words": MAX_WORDS,
        "writes": "write" in request.GET,
        "photo_lost": request.GET.get("photo") == "lost",
    }
    part = "board" if request.GET.get("part") == "board" else "scan"
    return render(request, f"guardian/finder_{part}.html", context)


def _show_card(request: HttpRequest, card: TagCard, *, asks_number: bool = False) -> HttpResponse:
    context = {
        "card": card,
        "advice": (card.advice_en or card.advice) if is_english() else card.advice,
        "other": in_other_language(_MAY_BE_LOST),
        "asks_number": asks_number,
        "form_id": uuid4(),
        "max_words": MAX_WORDS,
        "max_phone": MAX_PHONE,
    }
    return render(request, "guardian/finder.html", context)


def _follow(scan_id: int, photo_lost: bool) -> HttpResponse:
    answer = redirect("guardian_scan", token=scan_token(scan_id))
    if photo_lost:
        answer.headers["Location"] += "?photo=lost"
    return answer


def _report_in(request: HttpRequest) -> tuple[FinderReport, bool]:
    """The report of a sent form, and whether its photo had to be left out: a report never fails."""
    lon, lat = _number(request, "lon", 180), _number(request, "lat", 90)
    whole = lon is not None and lat is not None
    accuracy = _number(request, "accuracy", 100_000)
    photo, lost = b"", False
    uploaded = request.FILES.get("photo")
    if isinstance(uploaded, UploadedFile):
        try:
            photo = photos.clean_jpeg(uploaded.read(), sender_of(request))
        except photos.BadPhoto:
            lost = True
    phone = text_cleaning.clean_line(request.POST.get("phone", "").replace("\x00", "")[:MAX_PHONE])
    report = FinderReport(
        form=form_id_of(request),
        words=words_of(request),
        lon=lon if whole else None,
        lat=lat if whole else None,
        accuracy=round(accuracy) if whole and accuracy else None,
        photo=photo,
        phone=phone,
    )
    return report, lost


def _number(request: HttpRequest, name: str, most: float) -> float | None:
    """A typed number between `-most` and `most`, else None."""
    try:
        value = float(request.POST.get(name, ""))
    except ValueError:
        return None
    return value if isfinite(value) and abs(value) <= most else None
