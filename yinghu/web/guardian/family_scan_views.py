"""A guardian's page of one scan, by the link of their own: answer, write, "I have them"."""

from __future__ import annotations

from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from yinghu.guardian import alerts, scans
from yinghu.guardian.models import Guardian, ProtectedPerson, Scan, ScanEntry
from yinghu.guardian.scans import MAX_WORDS, Author
from yinghu.guardian.tag_codes import guardian_of_token
from yinghu.people.personal_keys import Wiped
from yinghu.people.scan_disclosure import own_photo
from yinghu.ui.photo_response import jpeg_response
from yinghu.web.guardian.public_pages import board_lines, form_id_of, too_often, words_of


@never_cache
@csrf_exempt  # The token in the address is what allows to act, not a cookie.
@require_http_methods(["GET", "HEAD", "POST"])
def watch_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show a guardian the scan, or take an answer, a message or the end."""
    scan, guardian = _by_token(token)
    if request.method == "POST":
        if refused := too_often(request, "act", f"scan {scan.pk}"):
            return refused
        _act(request, scan, guardian)
        return redirect("guardian_watch", token=token)
    try:
        lines = board_lines(scan, side=ScanEntry.Side.FAMILY, guardian_id=guardian.pk)
    except Wiped as gone:
        raise Http404 from gone
    context = {
        "scan": scan,
        "guardian": guardian,
        "lines": lines,
        "steps": list(scan.steps.filter(told_at__isnull=False)),
        "token": token,
        "form_id": uuid4(),
        "max_words": MAX_WORDS,
        "writes": "write" in request.GET,
    }
    part = "board" if request.GET.get("part") == "board" else "scan"
    return render(request, f"guardian/family_{part}.html", context)


@never_cache
@require_GET
def watch_photo(request: HttpRequest, token: str, entry_id: int) -> HttpResponse:
    """Answer with the photo that a finder sent."""
    scan, _guardian = _by_token(token)
    entry = get_object_or_404(scan.entries.exclude(photo=b""), pk=entry_id)
    return jpeg_response(own_photo(scan.key, entry))


def _by_token(token: str) -> tuple[Scan, Guardian]:
    """The scan and the guardian of a secret link; the same 404 for every wrong one."""
    ids = guardian_of_token(token)
    if ids is None:
        raise Http404
    scan_id, guardian_id = ids
    scan = get_object_or_404(Scan.objects.select_related("key"), pk=scan_id)
    active = Guardian.objects.filter(active=True, person__state=ProtectedPerson.State.ACTIVE)
    return scan, get_object_or_404(active, pk=guardian_id, person=scan.person_id)


def _act(request: HttpRequest, scan: Scan, guardian: Guardian) -> None:
    match request.POST.get("act"):
        case "answer":
            alerts.answer(scan.pk, guardian_id=guardian.pk)
        case "end":
            alerts.end(scan.pk, guardian_id=guardian.pk)
        case "message" if words := words_of(request):
            scans.post_message(scan.pk, Author.guardian(guardian.pk), words, form_id_of(request))
