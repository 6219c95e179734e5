"""Pages for requesters: start, file, follow and answer a case."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yinghu import verbs
from yinghu.appeals import clocks, handling_actions, inboxes, moving
from yinghu.appeals.body_from_answers import body_for_reader, is_made_of_answers
from yinghu.appeals.channels import PATROL
from yinghu.appeals.closing_actions import RATE, REOPEN, WITHDRAW
from yinghu.appeals.contact_actions import LEAVE_CONTACT, missing_contact
from yinghu.appeals.handling_actions import ASK, SUPPLY, URGE
from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.numbers import id_of, id_of_token
from yinghu.appeals.states import OPEN, Status, Urgency
from yinghu.appeals.verb import Verb
from yinghu.common import photos, rate_limit, sms, text_cleaning
from yinghu.common.privacy.phones import certain_phone, phone_to_keep
from yinghu.common.privacy.sealing import blind
from yinghu.common.text import digits_in
from yinghu.demo.cast import demo_logins
from yinghu.errands.receipts import shown_to_requester
from yinghu.intake.drafts import MAX_PHONE
from yinghu.people import disclosure
from yinghu.people.access import administrators, requester_of
from yinghu.places.models import Place
from yinghu.triage import appeal_urgency
from yinghu.triage.urgency_learning import urgency_model
from yinghu.ui import event_text
from yinghu.ui.forms import FilingForm, Known, VerbForm
from yinghu.ui.qr import qr_image
from yinghu.ui.requests import absolute, sender_of, version_of
from yinghu.ui.timeline import story_of, with_photos, without_echo, without_helpers_numbers
from yinghu.ui.verb_views import VerbView, is_duplicate, perform
from yinghu.verbs import PRIVATE
from yinghu.web.citizen import filing
from yinghu.web.citizen.filing import MAX_BODY, Sheet, new_form_id
from yinghu.web.live.stream_permissions import public_version

SAYS = (RATE, SUPPLY, LEAVE_CONTACT, URGE, REOPEN, WITHDRAW)
"""Verbs of the tracking page, in the order shown."""
NOT_FOR_REPORTERS = (RATE, WITHDRAW)
"""What only the person concerned may say, not who filed it for them."""


@require_GET
def start_page(request: HttpRequest) -> HttpResponse:
    """Show the start page: ask for help, or follow a case."""
    return render(
        request,
        "citizen/start.html",
        {
            "categories": Category.objects.filter(active=True),
            "codes_offered": sms.reaches_people(),
            "demo_logins": demo_logins(),
            "bare": not settings.DEMO and not administrators().exists(),
            "form": {},
        },
    )


@never_cache
@csrf_exempt  # checked by `filing.forged`, which keeps the typed text
@require_http_methods(["GET", "HEAD", "POST"])
def file_page(request: HttpRequest, place_code: str = "") -> HttpResponse:
    """Show or take the filing form, with the place of a sticker if one was scanned."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        return render(request, "413.html", status=413)
    known = Place.objects.filter(code=place_code, active=True).select_related("area")
    place = known.first() if place_code else None
    if request.method == "POST":
        answer = _pick_category if "pick" in request.POST else filing.take_form
        return answer(request, place)
    sheet = Sheet(
        FilingForm(category=filing.category_of(request), reports=filing.may_report(request)),
        place,
        new_form_id(request),
        unknown_place=bool(place_code) and place is None,
    )
    return sheet.show(request, 404 if sheet.unknown_place else 200)


def _pick_category(request: HttpRequest, place: Place | None) -> HttpResponse:
    """Draw the form with the questions of the picked category; what was typed stays."""
    typed = request.POST
    form = FilingForm(category=filing.category_of(request), reports=filing.may_report(request))
    form.initial = {name: typed[name] for name in form.fields if name in typed}
    form_id = typed.get("form_id", "")
    kept = form_id if filing.genuine_form_id(request, form_id) else new_form_id(request)
    sheet = Sheet(form, place, kept, photos_lost=bool(request.FILES.getlist("photos")))
    part = "citizen/need.html" if request.headers.get("HX-Request") else ""
    return sheet.show(request, template=part)


def _by_token(token: str) -> Appeal:
    """The appeal of a secret link; the same 404 for every wrong one."""
    appeal_id = id_of_token(token)
    found = Appeal.objects.filter(pk=appeal_id) if appeal_id is not None else Appeal.objects.none()
    appeal = found.select_related("unit", "category", "area", "place", "master__unit").first()
    if appeal is None:
        raise Http404
    return appeal


@never_cache
@require_GET
def filed_page(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm a filing: the number, the link, its QR code, and the next step."""
    appeal = _by_token(token)
    link = absolute(reverse("track", args=[token]))
    judged = appeal_urgency.judge(
        appeal.full_text, appeal.answers, appeal.category, urgency_model()
    )
    context = {
        "appeal": appeal,
        "link": link,
        "next": _next_step(appeal),
        "in_danger": judged.urgency == Urgency.EMERGENCY,
        "no_phone": not appeal.phone,
        "reported": appeal.channel == PATROL and filing.may_report(request),
    }
    return render(request, "citizen/filed.html", context)


def _next_step(appeal: Appeal) -> dict[str, Any]:
    """Where the appeal stands, what it waits for, and when the next step is due."""
    setback = event_text.setback(appeal)
    standing = event_text.standing(appeal, setback)
    questions = appeal.events.filter(verb=ASK.name).order_by("seq")
    asked = questions.last() if standing.turn is SUPPLY else None
    running = {clock.kind: clock for clock in clocks.running(appeal.pk)}
    clock = running.get(standing.clock.value) if standing.clock else None
    solve = running.get("solve") if standing.clock != "solve" else None
    return {
        "standing": standing,
        "asked": asked.words if asked else "",
        "clock": clock,
        "promise": event_text.promise(standing.clock) if standing.clock else "",
        "solve": solve,
        "setback": setback if standing.sorry else None,
    }


@never_cache
@require_GET
def track_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show one appeal by its secret link."""
    return _show_track(request, _by_token(token))


def _show_track(
    request: HttpRequest,
    appeal: Appeal,
    *,
    bound: VerbForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    known = Known()
    forms = []
    turn = event_text.standing(appeal, event_text.setback(appeal)).turn
    possible = verbs.available(appeal, requester_of(appeal.pk))
    missing = missing_contact(appeal)
    opened_by_link = request.GET.get("open", "")
    if _is_reporter(request, appeal):
        possible = [verb for verb in possible if verb not in NOT_FOR_REPORTERS]
    master = appeal.final_master()
    if master is not None:
        done = master.state in (Status.RESOLVED, Status.CLOSED)
        not_now = {URGE, SUPPLY} if master.state not in OPEN else set()
        possible = [verb for verb in possible if verb not in not_now and (done or verb is not RATE)]
    # Just rated as not solved, it will be reopened automatically.
    coming_back = appeal.state is Status.RESOLVED and appeal.solved is False
    for verb in SAYS:
        if verb not in possible or (verb is REOPEN and coming_back):
            continue
        if verb is LEAVE_CONTACT and not missing:
            continue
        is_bound = bound is not None and bound.verb is verb
        form = bound if is_bound and bound else _own_form(verb, known, missing)
        form.ask_about_unit(appeal.unit_id)
        again = handling_actions.urge_again_at(appeal) if verb is URGE else None
        opened = is_bound or verb is turn or verb.name == opened_by_link
        forms.append({"verb": verb, "form": form, "open": opened, "again": again})
    context = {
        "appeal": appeal,
        "shown_version": public_version(appeal.pk),
        "next": _next_step(appeal),
        "road": event_text.road(appeal),
        "story": with_photos(
            without_helpers_numbers(without_echo(story_of(request, appeal, PRIVATE))),
            shown_to_requester(appeal).order_by("pk"),
        ),
        "forms": forms,
        "body": body_for_reader(appeal),
        "answers": [] if is_made_of_answers(appeal) else event_text.answers_of(appeal, reveal=True),
        "address": disclosure.own_record(appeal).address,
        "no_phone": LEAVE_CONTACT in possible and "phone" in missing,
        "problem": problem,
        "max_photos": photos.MAX_PHOTOS,
        "master": master,
        "master_next": _next_step(master) if master else None,
        "lost": bound.data.get("words", "") if bound and bound.verb not in possible else "",
    }
    part = request.GET.get("part")
    template = f"track_{part}" if part in ("state", "acts") else "track"
    return render(request, f"citizen/{template}.html", context, status=status)


def _is_reporter(request: HttpRequest, appeal: Appeal) -> bool:
    """Did this login file the case for somebody else, or for what it saw?"""
    if appeal.channel != PATROL or not request.user.is_authenticated:
        return False
    return appeal.events.filter(seq=1, user=request.user.pk).exists()


def _own_form(verb: Verb, known: Known, missing: Collection[str]) -> VerbForm:
    """A fresh form for the requester, who can leave only such contact data as is `missing`."""
    given = {"phone", "address"} - set(missing) if verb is LEAVE_CONTACT else ()
    return VerbForm(verb, known, own=True, without=given)


def _is_what_they_left(appeal: Appeal, form: VerbForm) -> bool:
    """Is the contact data in the form what the case has already?"""
    given, known = form.cleaned_data, disclosure.own_record(_by_token(appeal.token))
    phone = phone_to_keep(text_cleaning.clean_line(given["phone"]))
    return phone in ("", known.phone) and given["address"] in ("", known.address)


@never_cache
@require_POST
def track_act(request: HttpRequest, token: str, verb: str) -> HttpResponse:
    """Do one of `SAYS` for the requester."""
    appeal = _by_token(token)
    row = next((each for each in SAYS if each.name == verb), None)
    if row is None or (row in NOT_FOR_REPORTERS and _is_reporter(request, appeal)):
        raise Http404
    actor = requester_of(appeal.pk)
    form = VerbForm(row, Known(), request.POST, request.FILES, own=True)
    wait = rate_limit.too_many("act", request.META.get("REMOTE_ADDR", ""))
    # The appeal as well, as in the API: the holder of its link may have many addresses.
    if wait := wait or rate_limit.too_many("act", f"appeal {appeal.pk}"):
        problem = _("按得太频繁，请 %d 秒后再试。您写的都还在。") % wait
        page = _show_track(request, appeal, bound=form, problem=problem, status=429)
        page.headers["Retry-After"] = str(wait)
        return page
    seen = version_of(request)

    def act() -> str:
        perform(appeal.pk, actor, form, seen, sender=sender_of(request))
        return _("收到，谢谢您")

    def second_press(refused: moving.Refused) -> str | None:
        if refused.code == "known" and _is_what_they_left(appeal, form):
            return ""
        own = appeal.events.filter(actor_kind="requester")
        return "" if is_duplicate(own, form, seen) else None

    return VerbView(request, appeal, form, _show_track).answer(
        perform=act,
        reload=lambda: _by_token(token),
        follow=lambda: redirect("track", token=token),
        on_refused=second_press,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def find_page(request: HttpRequest) -> HttpResponse:
    """Find a case by its number and the phone given with it, never by the number alone."""
    number, phone = request.POST.get("number", ""), request.POST.get("phone", "")
    context = {"number": number, "phone": phone, "codes_offered": sms.reaches_people()}
    if request.method != "POST":
        return render(request, "citizen/find.html", context)
    appeal_id = id_of(number[:40])
    typed = text_cleaning.clean_line(phone[:MAX_PHONE])
    caller = blind(certain_phone(typed) or digits_in(typed)) or b""
    if wait := _too_many_tries(request, appeal_id, caller):
        context["problem"] = _("试得太多了，请 %d 秒后再试") % wait
        page = render(request, "citizen/find.html", context, status=429)
        page.headers["Retry-After"] = str(wait)
        return page
    if appeal := inboxes.of_caller(appeal_id, caller) or _by_written_phone(appeal_id, typed):
        return redirect("track", token=appeal.token)
    context["problem"] = (
        _("没有找到：请核对编号，以及提交时留的电话")
        if appeal_id is not None
        else _("这个编号不对，可能有一位看错了、多了或少了，请再核对")
    )
    return render(request, "citizen/find.html", context, status=404)


def _by_written_phone(appeal_id: int | None, typed: str) -> Appeal | None:
    """Find a case whose phone was kept as written, by all of its digits."""
    if appeal_id is None or not digits_in(typed):
        return None
    found = Appeal.objects.filter(pk=appeal_id).exclude(phone=b"").first()
    written = digits_in(disclosure.own_contact(found.phone)) if found else ""
    return found if hmac.compare_digest(written, digits_in(typed)) else None


def _too_many_tries(request: HttpRequest, appeal_id: int | None, caller: bytes) -> int:
    """Seconds to wait before the next try, 0 if it is allowed now.

    A refused sender takes nothing from the buckets of the number and the phone, and these fill
    faster than one sender can empty them: a single sender cannot lock out their owner.
    """
    if wait := rate_limit.too_many("find", request.META.get("REMOTE_ADDR", "")):
        return wait
    if appeal_id is None or not caller:
        # This look-up finds nothing, so it need not be counted.
        return 0
    # Numbers are consecutive: nobody may try them all with a known phone, nor all phones with one.
    wait = rate_limit.too_many("caller", caller.hex())
    return wait or rate_limit.too_many("number", str(appeal_id))


@require_GET
def place_qr(request: HttpRequest, place_code: str) -> HttpResponse:
    """Draw the QR code of a place's sticker."""
    place = get_object_or_404(Place, code=place_code)
    return qr_image(absolute(reverse("file_at", args=[place.code])))


@never_cache
@require_GET
def track_qr(request: HttpRequest, token: str) -> HttpResponse:
    """Draw the QR code of a tracking link."""
    appeal = _by_token(token)
    return qr_image(absolute(reverse("track", args=[appeal.token])))
