"""The case page: everything about one appeal, and the verbs that its reader may do now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from yinghu.appeals import clocks, inboxes, moving
from yinghu.appeals.actions import ASSIGN, HAND
from yinghu.appeals.body_from_answers import body_for_reader
from yinghu.appeals.channels import PATROL
from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Appeal, Attachment
from yinghu.appeals.numbers import id_of, id_of_token, number_of
from yinghu.appeals.states import Klass, Satisfaction, Status, Urgency, Who
from yinghu.appeals.verb import Verb
from yinghu.common.language import name_of
from yinghu.common.photos import MAX_PHOTOS
from yinghu.common.privacy.masking import without_numbers
from yinghu.errands.receipts import photo_for
from yinghu.oversight import callback
from yinghu.oversight.callback import NO_ANSWER
from yinghu.oversight.sharing_actions import CONTACT
from yinghu.people import disclosure
from yinghu.people.access import Actor, may_read_why, may_reveal, may_see, relations, requester_of
from yinghu.people.disclosure import Person
from yinghu.people.models import User
from yinghu.triage.models import Suggestion
from yinghu.triage.suggest import AreaGuess, area_guess
from yinghu.ui import event_text
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.forms import Known, VerbForm
from yinghu.ui.photo_response import photo_response
from yinghu.ui.requests import is_part, login_of, sender_of, version_of, who
from yinghu.ui.row_flags import marks_of
from yinghu.ui.timeline import Story, story_of, with_photos, with_relayed_photos
from yinghu.ui.verb_views import VerbView, is_duplicate, perform, typed_words
from yinghu.verbs import INSIDE, VERBS
from yinghu.web.admin import routing_rules
from yinghu.web.case import case_actions, case_panels
from yinghu.web.case import duplicates as case_duplicates
from yinghu.web.live import presence
from yinghu.web.oversight import shared_cases, whistles

SAID_BEFORE = timedelta(hours=1)
"""The time of the message is shown if it differs from that of filing by more than this."""

LINKED = 8
"""Limit of the earlier cases shown of the same caller."""

_SOURCES = {"requester": gettext_lazy("诉求人自选"), "lexicon": gettext_lazy("关键词")}
"""Sources of suggestions other than trained models."""

_BACK = frozenset(
    {"whistles", "shared", "own", "oversight", "triage", "dispatch", "inbox", "callback", "field"}
)


def fetch_case(appeal_id: int | None) -> Appeal | None:
    """The appeal with the rows that its page shows."""
    if appeal_id is None:
        return None
    found = Appeal.objects.filter(pk=appeal_id)
    found = found.select_related("category", "area", "unit", "holder", "place", "lead")
    found = found.defer("area__outline")
    suggestions = Suggestion.objects.select_related("category", "area")
    return found.prefetch_related(Prefetch("suggestion", suggestions)).first()


def seen(request: HttpRequest, number: str) -> Appeal:
    """The appeal of a typed number; 404 also where this actor may not know of it."""
    appeal = fetch_case(id_of(number))
    if appeal is None or not may_see(who(request), appeal):
        raise Http404
    return appeal


def context_of(
    request: HttpRequest,
    appeal: Appeal,
    *,
    back: str = "",
    bound: VerbForm | None = None,
    problem: str = "",
    revealed: Person | None = None,
) -> dict[str, Any]:
    """Template context of the case page and of a desk's pane."""
    actor = who(request)
    reveal, body = may_reveal(actor, appeal), body_for_reader(appeal)
    suggestion = getattr(appeal, "suggestion", None)
    suggested = suggestion if appeal.state is Status.FILED else None
    verbs, known = case_actions.offered_verbs(appeal, actor)
    if bound is not None:
        bound.offer(known)
    may_call_back = NO_ANSWER in verbs and appeal.solved is None
    calls = callback.calls(appeal) if may_call_back else None
    live = clocks.in_order([appeal], clocks.running(appeal.pk).select_related("unit"))
    template = request.GET.get("template", "")
    guess = area_guess(appeal, suggested)
    if guess and request.GET.get("take") == "area":
        guess = replace(guess, likely=True)
    acts = case_actions.acts(
        appeal, actor, suggestion, known, bound, verbs, calls, live, template, guess
    )
    available = {act["verb"] for act in acts}
    duplicates = case_duplicates.likely(appeal, actor)
    photos = _photos([appeal, *(each.other for each in duplicates)])
    own = photos.get(appeal.pk, []) if reveal else []
    said, visible = appeal.said_at, inboxes.visible(actor)
    same_caller = visible.filter(caller=appeal.caller).exclude(pk=appeal.pk)
    to_dispatch = appeal.state is Status.SORTED and Who.DISPATCH in relations(actor, appeal)
    return {
        "appeal": appeal,
        "case_number": appeal.number,
        "may_reveal": reveal,
        "revealed": revealed,
        "reporter": _reporter(appeal),
        "is_named": bool(appeal.name or appeal.phone or appeal.address),
        "body": body if reveal else without_numbers(body),
        "title": appeal.title if reveal else without_numbers(appeal.title),
        "answers": event_text.answers_of(appeal, reveal),
        "klass_label": _(Klass(appeal.klass).label) if appeal.klass else "",
        "satisfaction_label": _(Satisfaction(appeal.satisfaction).label)
        if appeal.satisfaction
        else "",
        "suggestion": suggested,
        "suggestion_source": _SOURCES.get(suggested.source, _("学自历次研判")) if suggested else "",
        "suggested": _suggested(suggested) if suggested else [],
        "acts": acts,
        "calls": calls,
        "story": _story(request, appeal, own, reveal, may_read_why(actor, appeal)),
        "photos": [photo for photo in own if photo.event_id is None],
        "map": _map(appeal, guess, revealed),
        "said_at": said if said and abs(appeal.filed_at - said) > SAID_BEFORE else None,
        "marks": marks_of([appeal]).get(appeal.pk, []),
        "clocks": live,
        "viewers": presence.others(actor, appeal),
        **case_panels.oversight_panel(appeal, available),
        **case_panels.alarm_panel(appeal, actor),
        "duplicates": [case_duplicates.pair(appeal, each, actor, photos) for each in duplicates],
        "linked": _headlines(same_caller, actor) if appeal.caller and reveal else [],
        "merged_in": _headlines(visible.filter(master=appeal.pk), actor),
        "back": back if back in _BACK else "",
        "problem": problem,
        "lost": typed_words(bound) if bound and bound.verb not in available else "",
        "case_keys": case_actions.ALL_KEYS,
        "max_photos": MAX_PHOTOS,
        **case_panels.errand_panel(appeal, actor),
        **shared_cases.part_of(appeal, actor),
        "other_holder": case_actions.other_holder(appeal, actor),
        "may_assign": ASSIGN in available,
        "may_take_over": HAND in available and login_of(request).username in dict(known.people),
        **(routing_rules.dispatch_context(appeal, actor) if to_dispatch else {}),
    }


def _reporter(appeal: Appeal) -> User | None:
    """Who filed it from a patrol or for somebody else; None for other channels."""
    if appeal.channel != PATROL:
        return None
    return appeal.events.select_related("user").get(seq=1).user


def _photos(appeals: list[Appeal]) -> dict[int, list[Attachment]]:
    found: dict[int, list[Attachment]] = {}
    for each in Attachment.objects.filter(appeal__in=appeals).order_by("id"):
        found.setdefault(each.appeal_id, []).append(each)
    return found


def _map(appeal: Appeal, guess: AreaGuess | None, revealed: Person | None) -> dict[str, Any] | None:
    """The location, as exactly as its reader may know: the point, the place, or the area's centre.

    A place with a sticker is public; the requester's point is shown and logged with their name.
    """
    area = appeal.area or (guess.area if guess and guess.likely else None)
    place = appeal.place
    if revealed and appeal.lon is not None:
        point = {"lon": appeal.lon, "lat": appeal.lat, "label": _("诉求人标的位置")}
    elif place is not None and place.lon is not None:
        point = {"lon": place.lon, "lat": place.lat, "label": place.name}
    elif area and area.lon is not None:
        point = {"lon": area.lon, "lat": area.lat, "label": name_of(area), "kind": "blurred"}
    else:
        return None
    return {"points": [point], "area": area.pk if area else ""}


def _story(
    request: HttpRequest, appeal: Appeal, photos: list[Attachment], reveal: bool, inside: bool
) -> Story:
    story = story_of(request, appeal, () if inside else INSIDE)
    with_photos(story, photos)
    if reveal:
        with_relayed_photos(story)
    for event in story.events:
        if not inside:
            event.why = ""
        if not reveal:
            event.words = without_numbers(event.words)
    return story


def _suggested(found: Any) -> list[dict[str, Any]]:
    parts = [
        (_("类别"), found.category and name_of(found.category), found.category_confidence),
        (_("性质"), found.klass and _(Klass(found.klass).label), found.klass_confidence),
        (_("地点"), found.area and name_of(found.area), found.area_confidence),
        (_("紧急程度"), _(Urgency(found.urgency).label), found.urgency_confidence),
    ]
    return [
        {"label": label, "value": value, "percent": round(100 * confidence)}
        for label, value, confidence in parts
        if value
    ]


def _headlines(found: QuerySet[Appeal], actor: Actor) -> list[dict[str, Any]]:
    return [
        {"appeal": each, "headline": headline_of(each, reveal=may_reveal(actor, each))}
        for each in found.order_by("-id")[:LINKED]
    ]


def _show(request: HttpRequest, appeal: Appeal, *, status: int = 200, **more: Any) -> HttpResponse:
    back = request.POST.get("back", request.GET.get("back", ""))
    context = context_of(request, appeal, back=back, **more)
    template = "case/case_body.html" if is_part(request, "case") else "case/case.html"
    return render(request, template, context, status=status)


@staff_page()
def case_detail(request: HttpRequest, number: str) -> HttpResponse:
    appeal = seen(request, number)
    if is_part(request, "viewers"):
        viewers = presence.others(who(request), appeal)
        return render(request, "live/viewers.html", {"viewers": viewers})
    return _show(request, appeal)


@staff_action()
def case_act(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Do a verb and go back to the desk, or draw the page from which its form was sent again."""
    appeal, actor = seen(request, number), who(request)
    row = VERBS.get(verb)
    if row is None or row.function is None or row.errand:
        raise Http404
    known = Known(appeal.unit_id)
    if row is CONTACT:
        case_actions.name_colleagues(known, appeal, actor)
    form = VerbForm(row, known, request.POST, request.FILES)
    form.ask_about_unit(appeal.unit_id)
    back, version = request.POST.get("back", ""), version_of(request)

    def success(done: object) -> str:
        return _("%(number)s：已%(verb)s") % {"number": appeal.number, "verb": done}

    def second_press(refused: moving.Refused) -> str | None:
        own = appeal.events.filter(user=login_of(request))
        # Whistles and shared cases send no version: many act on one case there at once.
        dated = version is not None or back in {"whistles", "shared"}
        same = refused.code == "contact_already" or is_duplicate(own, form, version)
        return success(row.done) if dated and same else None

    return VerbView(request, appeal, form, _show_sender).answer(
        perform=lambda: success(
            row.done_by(perform(appeal.pk, actor, form, version, sender=sender_of(request)))
        ),
        reload=lambda: fetch_case(appeal.pk) or appeal,
        follow=lambda: redirect(_next(request, appeal, row, back)),
        on_refused=second_press,
    )


def _show_sender(
    request: HttpRequest, appeal: Appeal, *, bound: VerbForm, problem: str = "", status: int
) -> HttpResponse:
    sent_there = whistles.redraw_whistles(request, bound, problem, status)
    return sent_there or _show(request, appeal, bound=bound, problem=problem, status=status)


def _desk_at(desk: str, number: str) -> str:
    """URL of a desk with this case open, or with its first one if the number is invalid."""
    found = id_of(number)
    return reverse(desk) if found is None else f"{reverse(desk)}?case={number_of(found)}"


def _next(request: HttpRequest, appeal: Appeal, verb: Verb, back: str) -> str:
    """Address after a verb: the desk's next case, or the same one if it stays on the desk."""
    stay = request.POST.get("stay", "")
    if back in _BACK - {"field"} and id_of(stay) is not None:
        return _desk_at(back, stay)
    following = _desk_at(back, request.POST.get("then", "")) if back in _BACK else ""
    if back in {"triage", "dispatch", "callback"}:
        fresh = fetch_case(appeal.pk)
        if verb is NO_ANSWER or (fresh is not None and fresh.status != appeal.status):
            return following
        return f"{reverse(back)}?case={appeal.number}"
    if back == "inbox":
        stays = inboxes.unit(who(request)).filter(pk=appeal.pk).exists()
        return f"{reverse(back)}?case={appeal.number}" if stays else following
    if back in {"whistles", "shared"}:
        return reverse(back)
    fresh = fetch_case(appeal.pk)
    if fresh is None or not may_see(who(request), fresh):
        return reverse("desk")
    return reverse("case", args=[appeal.number])


@staff_action()
def case_reveal(request: HttpRequest, number: str) -> HttpResponse:
    """Show name, phone and address once, for a stated reason."""
    appeal, actor = seen(request, number), who(request)
    if not may_reveal(actor, appeal):
        raise PermissionDenied
    why = request.POST.get("why", "").replace("\x00", "").strip()
    if not why:
        problem = _("请写明为什么要看联系方式，会留下记录")
        return _show(request, appeal, problem=problem, status=422)
    return _show(request, appeal, revealed=disclosure.show_requester(actor, appeal, why))


@require_GET
def staff_photo(request: HttpRequest, photo_id: int) -> HttpResponse:
    """Serve a photo to staff who may see the requester's personal data."""
    if not request.user.is_authenticated:
        raise Http404
    return photo_response(photo_for(who(request), photo_id))


@require_GET
def requester_photo(request: HttpRequest, token: str, photo_id: int) -> HttpResponse:
    """Serve a photo to the holder of the appeal's secret link."""
    appeal_id = id_of_token(token)
    if appeal_id is None:
        raise Http404
    return photo_response(photo_for(requester_of(appeal_id), photo_id))
