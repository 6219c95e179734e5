"""Filing form of citizens: keeps the input on errors and creates one appeal per form."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib import messages
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.db import DataError, IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from yinghu.appeals.channels import PATROL, Door
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Category, Event
from yinghu.appeals.numbers import number_of, track_token
from yinghu.common import photos, rate_limit
from yinghu.common.photos import BadPhoto, BudgetSpent, Crowded, NoRoom, StoredPhoto
from yinghu.common.privacy.phones import may_be_mistyped
from yinghu.common.privacy.sealing import blind
from yinghu.intake.drafts import POINT, City, Draft, check, read_point
from yinghu.intake.receive import Incoming, Received, known_messages, raw_of, receive
from yinghu.people.access import Actor, desks_of
from yinghu.places.models import Area, Place
from yinghu.triage.duplicates import note_corrected
from yinghu.ui.forms import FilingForm
from yinghu.ui.requests import sender_of, who
from yinghu.ui.verb_views import store_photos

CHANNEL = "web"
MAX_BODY = photos.MAX_PHOTOS * photos.MAX_UPLOAD_BYTES + 2**20
_COMPARED = ("body", "name", "phone", "address", "category", "place", "answers", "lon", "lat")
"""Fields that tell a changed form from one sent again; digests in kept forms fix the order."""


def new_form_id(request: HttpRequest) -> str:
    """Create a signed id for one form in one browser."""
    get_token(request)
    return _signer_for(request).sign(uuid.uuid4().hex)


def genuine_form_id(request: HttpRequest, text: str) -> str:
    """Return the unsigned id, "" if it was not issued to this browser."""
    try:
        return _signer_for(request).unsign(text)
    except signing.BadSignature:
        return ""


def _signer_for(request: HttpRequest) -> signing.Signer:
    """Signer bound to the browser's CSRF secret: an id is worthless in another browser."""
    return signing.Signer(salt=f"yinghu.web.citizen.filing:{request.META.get('CSRF_COOKIE', '')}")


@dataclass(slots=True)
class Sheet:
    """A filing form being processed: input, place, errors, and what is filed without."""

    form: FilingForm
    place: Place | None
    form_id: str
    problem: str = ""
    photos_lost: bool = False
    set_aside: list[str] = field(default_factory=list)
    odd_phone: str = ""
    """A phone that may be mistyped: it is taken if the form is sent with it again."""
    unknown_place: bool = False

    def show(self, request: HttpRequest, status: int = 200, template: str = "") -> HttpResponse:
        areas = Area.objects.filter(retired_at=None).order_by("level", "code")
        context = {
            "sheet": self,
            "form": self.form,
            "max_photos": photos.MAX_PHOTOS,
            "categories": list(Category.objects.filter(active=True)),
            # The area whose outline the map shows.
            "root": areas.values_list("code", flat=True).first() or "",
        }
        return render(request, template or "citizen/file.html", context, status=status)


class _CsrfCheck(CsrfViewMiddleware):
    """Django's CSRF check, returning the reason instead of an error page that loses the input."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def forged(request: HttpRequest) -> bool:
    """Does the request fail the CSRF check?"""

    def view(_request: HttpRequest) -> HttpResponse:
        # Not exempt from the check, as the view of the form is.
        return HttpResponse()

    check = _CsrfCheck(view)
    check.process_request(request)
    return check.process_view(request, view, (), {}) is not None


def may_report(request: HttpRequest) -> bool:
    """Does the login work outdoors, and may file what it sees or for people whom it meets?"""
    return request.user.is_authenticated and "field" in desks_of(who(request))


def category_of(request: HttpRequest) -> Category | None:
    """The category just picked, else of the hidden field, else of the link."""
    given = (request.POST.get("pick"), request.POST.get("category"), request.GET.get("category"))
    code = next((text for text in given if text is not None), "")
    if not code or len(code) > 60 or "\x00" in code:
        return None
    return Category.objects.filter(pk=code, active=True).first()


def take_form(request: HttpRequest, place: Place | None) -> HttpResponse:
    """File the form; redirect to the result, or render the form again with its errors."""
    pictures = request.FILES.getlist("photos")
    form = FilingForm(request.POST, category_of(request), reports=may_report(request))
    sheet = Sheet(form, place, request.POST.get("form_id", ""), photos_lost=bool(pictures))
    form_id = genuine_form_id(request, sheet.form_id)
    if forged(request) or not form_id:
        get_token(request)
        sheet.form_id = sheet.form_id if form_id else new_form_id(request)
        sheet.problem = _("页面放得太久，没有提交成功。您写的都还在，请再按一次“提交”。")
        return sheet.show(request, 403)
    if wait := rate_limit.too_many("file", request.META.get("REMOTE_ADDR", "")):
        sheet.problem = _("提交得太频繁，请 %d 秒后再按一次。您写的都还在。") % wait
        page = sheet.show(request, 429)
        page.headers["Retry-After"] = str(wait)
        return page
    form.is_valid()
    filing = _check_draft(sheet)
    if filing is None or form.errors:
        return sheet.show(request, 422)
    stored = _keep_photos(sheet, pictures, sender_of(request))
    filing.photos = stored
    if len(stored) < len(pictures):
        filing.left_out += ("bad_photo",)
    sums = [_sum_of(picture) for picture in pictures]
    try:
        first, received = _receive_form(request, form_id, filing, sums)
    except (IntegrityError, DataError):
        # After other errors the transaction may have been committed and need the photos.
        photos.discard(stored)
        raise
    if not received.new:
        photos.discard(stored)
        if _lacks_photo(received.appeal_id):
            sheet.set_aside.append(_("照片没有收下，可以在进度页的“补充情况”里再发。"))
        messages.info(request, _("这张表已经提交过了，没有重复登记，就是下面这一件。"))
    elif received.appeal_id != first:
        _explain_second_appeal(request, first)
    for said in sheet.set_aside:
        messages.warning(request, said)
    if request.headers.get("Accept") == "application/json":
        # The script navigates itself, so that messages appear on the result page.
        there = reverse("filed", args=[track_token(received.appeal_id)])
        return JsonResponse({"filed": there}, status=201)
    return redirect("filed", token=track_token(received.appeal_id))


def _receive_form(
    request: HttpRequest, form_id: str, filing: Filing, sums: list[str]
) -> tuple[int, Received]:
    """File the form; return the appeal that this form id created first, and the current one.

    Resending a form unchanged yields the first appeal. With changes (people go back and correct a
    phone) it creates another appeal, once: a form must not change sealed data of an appeal that is
    being processed, and a supplement would show the phone number in plain text.
    """
    digest = _digest([[getattr(filing, name) for name in _COMPARED]])
    raw = _raw_form(request, digest, sums)
    # Somebody whose login has ended, or who says that it is another's matter, sends the same form.
    other = CHANNEL if filing.channel == PATROL else PATROL
    if known_messages(other, [form_id]):
        filing.channel = other
    reports = filing.channel == PATROL and request.user.is_authenticated
    actor = who(request) if reports else Actor("requester")
    received = receive(Incoming(form_id, raw, filing), actor)
    first = received.appeal_id
    if received.new or _contains(raw_of(filing.channel, form_id), digest, sums):
        return first, received
    changed = Incoming(f"{form_id}:{_digest([digest, sorted(sums)])}", raw, filing)
    with transaction.atomic():
        received = receive(changed, actor)
        if received.new:
            note_corrected(received.appeal_id, first)
    return first, received


def _lacks_photo(appeal_id: int) -> bool:
    """Was a photo left out when the appeal was filed?"""
    filed = Event.objects.filter(appeal=appeal_id, seq=1).values_list("facts", flat=True)
    return any("bad_photo" in facts.get("left_out", ()) for facts in filed)


def _sum_of(picture: UploadedFile[Any]) -> str:
    picture.seek(0)
    return hashlib.sha256(picture.read()).hexdigest()


def _digest(things: list[Any]) -> str:
    """Keyed hash, so that phone numbers cannot be guessed from it."""
    text = json.dumps(things, ensure_ascii=False, sort_keys=True)
    return (blind(text) or b"").hex()


def _contains(raw: bytes, digest: str, sums: list[str]) -> bool:
    """Does the first message contain all of this? Omitted photos are no change."""
    first = json.loads(raw or b"{}")
    return first.get("said") == digest and set(sums) <= set(first.get("photo_sums", ()))


def _explain_second_appeal(request: HttpRequest, first: int) -> None:
    link = format_html(
        '<a href="{}">{}</a>', reverse("track", args=[track_token(first)]), number_of(first)
    )
    messages.info(
        request,
        format_html(
            _(
                "这张表提交过一次，这次内容有改动，所以另外登记了一件，就是下面这一件，"
                "您改的都收到了。原来的 {number} 没有变；不再需要的话，请打开它撤回。"
            ),
            number=link,
        ),
    )


_NO_POSITION = gettext_noop(
    "手机没有定到位置，所以没有记下位置；其余的都收到了。"
    "要人上门的，请在进度页的“补充情况”里写明地点。"
)
_SET_ASIDE: Final = {
    "bad_point": _NO_POSITION,
    "null_point": _NO_POSITION,
    "far_point": gettext_noop(
        "您给的位置离本市太远，没有记下；其余的都收到了。"
        "要人上门的，请在进度页的“补充情况”里写明地点。"
    ),
}
"""What the requester reads of a point that was not kept, by the fault's code."""


def _draft_of(form: FilingForm, place: Place | None) -> Draft:
    given = form.cleaned_data
    lon, lat = read_point(given.get("lon", ""), given.get("lat", ""))
    return Draft(
        Door.FORM,
        PATROL if given.get("report") == "yes" else CHANNEL,
        body=given.get("words", ""),
        name=given.get("name", ""),
        phone=given.get("phone", ""),
        address=given.get("where", ""),
        category=form.category.pk if form.category else "",
        place=place.code if place else "",
        lon=lon,
        lat=lat,
        answers=form.answers(),
        language=get_language() or "zh-hans",
    )


def _check_draft(sheet: Sheet) -> Filing | None:
    """Check the form as every draft is checked; None if it has errors, which the form then shows.

    A point that cannot be right refuses nothing.
    """
    form, place = sheet.form, sheet.place
    categories = {form.category.pk: form.category} if form.category else {}
    city = City(categories, {place.code: place} if place else {})
    report = check(_draft_of(form, place), city)
    refused, spared = report.do_without(POINT)
    for fault in refused:
        form.add_fault(fault)
    sheet.set_aside += [_(_SET_ASIDE[fault.code]) for fault in spared]
    if _asks_about_phone(sheet, report.filing.phone):
        return None
    return None if refused else report.filing


def _asks_about_phone(sheet: Sheet, phone: str) -> bool:
    """Ask once whether a phone that may be mistyped is right."""
    if not phone or not may_be_mistyped(phone):
        return False
    sheet.odd_phone = phone
    if sheet.form.data.get("odd_phone") == phone:
        return False
    said = _("这个号码可能写错了，请核对。没有错的话，再按一次“提交”，我们照样记下。")
    sheet.form.add_error("phone", said)
    return True


def _keep_photos(
    sheet: Sheet, pictures: Iterable[UploadedFile[Any]], sender: str
) -> tuple[StoredPhoto, ...]:
    """Store the photos that can be taken; one that cannot refuses neither the others nor the form.

    The requester reads which were not taken, and why.
    """
    kept: tuple[StoredPhoto, ...] = ()
    for number, picture in enumerate(pictures, 1):
        try:
            if number > photos.MAX_PHOTOS:
                raise BadPhoto(_("最多 %d 张照片") % photos.MAX_PHOTOS)
            kept += store_photos([picture], sender)
        except BadPhoto as bad:
            said = {"number": number, "name": str(picture.name)[:60], "why": _why_not_kept(bad)}
            sheet.set_aside.append(
                _(
                    "第 %(number)d 张照片（%(name)s）没有收下：%(why)s。"
                    "其余的都收到了；照片可以在进度页的“补充情况”里再发。"
                )
                % said
            )
    return kept


def _why_not_kept(bad: BadPhoto) -> str:
    """The reason, without the advice to submit again: the form is filed."""
    match bad:
        case Crowded():
            return _("现在送照片的人太多")
        case NoRoom():
            return _("现在存不下")
        case BudgetSpent():
            return _("您送的照片太多了，请过一阵再送")
    return str(bad)


def _raw_form(request: HttpRequest, digest: str, sums: list[str]) -> bytes:
    sent: dict[str, list[str]] = {
        key: request.POST.getlist(key) for key in request.POST if key != "csrfmiddlewaretoken"
    }
    files: MultiValueDict[str, Any] = request.FILES
    sent["photos"] = [str(file.name) for file in files.getlist("photos")]
    kept = {"path": request.path, "form": sent, "said": digest, "photo_sums": sums}
    return json.dumps(kept, ensure_ascii=False).encode()
