"""Pages for whoever asks for help: begin, file, follow, and have a say."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yinghu import verbs
from yinghu.appeals import clocks, handling_actions, inboxes, moving
from yinghu.appeals.body_from_answers import is_made_of_answers
from yinghu.appeals.closing_actions import RATE, REOPEN, WITHDRAW
from yinghu.appeals.handling_actions import ASK, SUPPLY, URGE
from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.numbers import id_of, id_of_token
from yinghu.appeals.states import Status
from yinghu.common import photos, rate_limit, sms, text_cleaning
from yinghu.common.phones import normal_phone
from yinghu.common.sealing import blind
from yinghu.demo.cast import demo_logins
from yinghu.dispatch.receipts import shown_to_requester
from yinghu.people import disclosure
from yinghu.people.access import administrators, requester_of
from yinghu.places.models import Place
from yinghu.ui import event_text
from yinghu.ui.forms import FilingForm, Known, VerbForm
from yinghu.ui.qr import qr_image
from yinghu.ui.requests import absolute, is_part, version_of
from yinghu.ui.timeline import story_of, with_photos, without_echo, without_helpers_numbers
from yinghu.ui.verb_views import arrived_before, perform
from yinghu.verbs import PRIVATE
from yinghu.web.citizen import filing
from yinghu.web.citizen.filing import MAX_BODY, Sheet, new_form_id
from yinghu.web.live.stream_permissions import public_version

SAYS = (RATE, SUPPLY, URGE, REOPEN, WITHDRAW)
"""What a requester may say on the tracking page, in the order shown."""


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """The door: ask for help, or follow what was asked."""
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
@csrf_exempt  # checked by `filing.forged`, which keeps what was typed
@require_http_methods(["GET", "HEAD", "POST"])
def file(request: HttpRequest, place_code: str = "") -> HttpResponse:
    """The form, at a place of which the sticker tells or anywhere."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        return render(request, "413.html", status=413)
    place = None
    if place_code:
        found = Place.objects.filter(code=place_code, active=True).select_related("area")
        place = found.first()
    if request.method == "POST" and "pick" not in request.POST:
        return filing.take(request, place)
    if request.method == "POST":
        return pick(request, place)
    sheet = Sheet(
        FilingForm(category=filing.category_of(request)),
        place,
        new_form_id(request),
        unknown_place=bool(place_code) and place is None,
    )
    return sheet.show(request, 404 if sheet.unknown_place else 200)


def pick(request: HttpRequest, place: Place | None) -> HttpResponse:
    """Another category was picked: its questions, and everything else as it was typed."""
    typed = request.POST
    form = FilingForm(category=filing.category_of(request))
    form.initial = {name: typed[name] for name in form.fields if name in typed}
    form_id = typed.get("form_id", "")
    sheet = Sheet(
        form, place, form_id if filing.genuine_form_id(request, form_id) else new_form_id(request)
    )
    sheet.photos_lost = bool(request.FILES.getlist("photos"))
    part = "citizen/need.html" if request.headers.get("HX-Request") else ""
    return sheet.show(request, template=part)


def _by_token(token: str) -> Appeal:
    """The appeal of a secret link; every wrong one is the same 404."""
    appeal_id = id_of_token(token)
    found = Appeal.objects.filter(pk=appeal_id) if appeal_id is not None else Appeal.objects.none()
    appeal = found.select_related("unit", "category", "area", "place", "master__unit").first()
    if appeal is None:
        raise Http404
    return appeal


@never_cache
@require_GET
def filed(request: HttpRequest, token: str) -> HttpResponse:
    """What one takes away: the number, the link, its QR code, and what happens next."""
    appeal = _by_token(token)
    link = absolute(reverse("track", args=[token]))
    return render(
        request,
        "citizen/filed.html",
        {"appeal": appeal, "link": link, "next": next_step(appeal)},
    )


def next_step(appeal: Appeal) -> dict[str, Any]:
    """Where it stands, what it waits for, and by when what comes next is due."""
    setback = event_text.setback(appeal)
    standing = event_text.standing(appeal, setback)
    asked = None
    if standing.turn is SUPPLY:
        asked = appeal.events.filter(verb=ASK.name).order_by("seq").last()
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
def track(request: HttpRequest, token: str) -> HttpResponse:
    """Follow one appeal by its secret link."""
    return show_track(request, _by_token(token))


def _is_coming_back(appeal: Appeal) -> bool:
    """Rated as not solved a moment ago: it is reopened by itself."""
    return appeal.state is Status.RESOLVED and appeal.solved is False


def show_track(
    request: HttpRequest,
    appeal: Appeal,
    *,
    bound: VerbForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page of one appeal, with the form that was just refused, if one was."""
    known = Known()
    forms = []
    turn = event_text.standing(appeal, event_text.setback(appeal)).turn
    possible = verbs.available(appeal, requester_of(appeal.pk))
    for verb in SAYS:
        if verb not in possible or (verb is REOPEN and _is_coming_back(appeal)):
            continue
        is_bound = bound is not None and bound.verb is verb
        form = bound if is_bound and bound else VerbForm(verb, known, own=True)
        forms.append(
            {
                "verb": verb,
                "form": form,
                "open": is_bound or verb is turn,
                "again": handling_actions.urge_again_at(appeal) if verb is URGE else None,
            },
        )
    master = _final_master(appeal)
    context = {
        "appeal": appeal,
        "shown_version": public_version(appeal.pk),
        "next": next_step(appeal),
        "road": event_text.road(appeal),
        "story": with_photos(
            without_helpers_numbers(without_echo(story_of(request, appeal, PRIVATE))),
            shown_to_requester(appeal).order_by("pk"),
        ),
        "forms": forms,
        "answers": [] if is_made_of_answers(appeal) else event_text.answers_of(appeal, reveal=True),
        "address": disclosure.own_record(appeal).address,
        "problem": problem,
        "max_photos": photos.MAX_PHOTOS,
        "master": master,
        "master_next": next_step(master) if master else None,
        "lost": bound.data.get("words", "") if bound and bound.verb not in possible else "",
    }
    parts = {"state": "citizen/track_state.html", "acts": "citizen/track_acts.html"}
    part = next((parts[name] for name in parts if is_part(request, name)), None)
    return render(request, part or "citizen/track.html", context, status=status)


def _final_master(appeal: Appeal) -> Appeal | None:
    """The appeal that this one goes on in, after however many merges; None for its own."""
    master = None
    while appeal.state is Status.MERGED and appeal.master is not None:
        master = appeal = appeal.master
    return master


@never_cache
@require_POST
def say(request: HttpRequest, token: str, verb: str) -> HttpResponse:
    """A requester's word on their own appeal."""
    appeal = _by_token(token)
    row = next((each for each in SAYS if each.name == verb), None)
    if row is None:
        raise Http404
    actor = requester_of(appeal.pk)
    form = VerbForm(row, Known(), request.POST, request.FILES, own=True)
    wait = rate_limit.too_many("act", request.META.get("REMOTE_ADDR", ""))
    # The appeal as well, as at the API: whoever holds its link has more than one address.
    if wait := wait or rate_limit.too_many("act", f"appeal {appeal.pk}"):
        problem = _("按得太频繁，请 %d 秒后再试。您写的都还在。") % wait
        page = show_track(request, appeal, bound=form, problem=problem, status=429)
        page.headers["Retry-After"] = str(wait)
        return page
    if not form.is_valid():
        return show_track(request, appeal, bound=form, status=422)
    seen = version_of(request)
    try:
        perform(appeal.pk, actor, form, seen)
    except moving.Refused as refused:
        if arrived_before(appeal.events.filter(actor_kind="requester"), form, seen):
            return redirect("track", token=token)
        if refused.field in form.fields:
            form.add_error(refused.field, refused.message)
            return show_track(request, _by_token(token), bound=form, status=refused.status)
        return show_track(
            request, _by_token(token), bound=form, problem=refused.message, status=refused.status
        )
    messages.success(request, _("收到，谢谢您"))
    return redirect("track", token=token)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def find(request: HttpRequest) -> HttpResponse:
    """My case by its number and the phone given with it; a number alone tells nothing."""
    number, phone = request.POST.get("number", ""), request.POST.get("phone", "")
    context: dict[str, Any] = {
        "number": number,
        "phone": phone,
        "codes_offered": sms.reaches_people(),
    }
    if request.method != "POST":
        return render(request, "citizen/find.html", context)
    appeal_id = id_of(number[:40])
    caller = blind(normal_phone(text_cleaning.line(phone[:40]))) or b""
    if wait := _too_many_tries(request, appeal_id, caller):
        context["problem"] = _("试得太多了，请 %d 秒后再试") % wait
        page = render(request, "citizen/find.html", context, status=429)
        page.headers["Retry-After"] = str(wait)
        return page
    if appeal := inboxes.of_caller(appeal_id, caller):
        return redirect("track", token=appeal.token)
    context["problem"] = (
        _("没有找到：请核对编号，以及提交时留的电话")
        if appeal_id is not None
        else _("这个编号不对，可能有一位看错了、多了或少了，请再核对")
    )
    return render(request, "citizen/find.html", context, status=404)


def _too_many_tries(request: HttpRequest, appeal_id: int | None, caller: bytes) -> int:
    """The seconds to wait before asking again, 0 where one may ask.

    A sender that is refused takes nothing from the number's and the phone's own buckets, which fill
    faster than one sender can empty them: nobody shuts out by themselves whose they are.
    """
    if wait := rate_limit.too_many("find", request.META.get("REMOTE_ADDR", "")):
        return wait
    if appeal_id is None or not caller:
        # This finds nothing, whoever asks.
        return 0
    # Numbers follow one another: who knows somebody's phone must not try them all, nor all phones.
    wait = rate_limit.too_many("caller", caller.hex())
    return wait or rate_limit.too_many("number", str(appeal_id))


@require_GET
def place_qr(request: HttpRequest, place_code: str) -> HttpResponse:
    """The QR code of a place's sticker."""
    place = Place.objects.filter(code=place_code).first()
    if place is None:
        raise Http404
    return qr_image(absolute(reverse("file_at", args=[place.code])))


@never_cache
@require_GET
def track_qr(request: HttpRequest, token: str) -> HttpResponse:
    """The QR code of a tracking link."""
    appeal = _by_token(token)
    return qr_image(absolute(reverse("track", args=[appeal.token])))
