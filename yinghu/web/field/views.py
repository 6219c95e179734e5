"""Pages for field work on a phone: my cases and legs, free ones, the map, one case."""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from yinghu import verbs
from yinghu.appeals import clocks, inboxes, moving
from yinghu.appeals.actions import ACCEPT, RELEASE
from yinghu.appeals.body_from_answers import body_for_reader, is_made_of_answers
from yinghu.appeals.handling_actions import REPORT, RESOLVE, silent_helpers
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Status
from yinghu.common import photos
from yinghu.common.language import name_of
from yinghu.common.privacy.masking import without_numbers
from yinghu.common.text import whole_number
from yinghu.errands import eligibility, shopping_list
from yinghu.errands.models import Offer
from yinghu.oversight.alarm_actions import ALARM
from yinghu.people import disclosure
from yinghu.people.access import Actor, may_reveal, relations
from yinghu.places import locate
from yinghu.ui import event_text
from yinghu.ui.case_rows import CaseRow, case_rows
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.forms import Known, VerbForm
from yinghu.ui.maps import point_in
from yinghu.ui.pagination import PAGE_SIZE
from yinghu.ui.requests import is_part, login_of, sender_of, version_of, who
from yinghu.ui.timeline import Story, story_of, with_photos, without_echo
from yinghu.ui.verb_views import VerbView, deny_forbidden, is_duplicate, perform, typed_words
from yinghu.verbs import PRIVATE
from yinghu.web.case import case_actions
from yinghu.web.case import views as case_views
from yinghu.web.field import legs
from yinghu.web.field.departed import helper_page
from yinghu.web.field.distance import Point, about, exactly, nearest_first
from yinghu.web.volunteers.service_hours import done_legs
from yinghu.web.volunteers.volunteer_profile import first_steps

_ACTS = {
    ACCEPT: gettext_lazy("接单成功，联系方式已显示"),
    REPORT: gettext_lazy("进展已发给诉求人"),
    RESOLVE: gettext_lazy("已办结，辛苦了"),
    RELEASE: gettext_lazy("已放回，别人可以接单"),
    ALARM: legs.ALARM_RINGS,
}
"""Verbs of the field page in the order shown, with their success messages; all others are desk
work."""

LOOKED_AT = 300
"""Free cases among which the nearest are searched: the most urgent and oldest of the actor's units.
Others follow as these are taken."""

_NEAR = "field_near"
"""Session key of the reader's last position, by which the list stays sorted for a while."""

TAKEN = "taken"
"""Reason in the access log for showing a case's requester to its holder; the seq of the event that
took the case follows."""


@helper_page
def field_page(request: HttpRequest) -> HttpResponse:
    """List what the reader has taken and what they may take."""
    actor, me = who(request), _stands_at(request)
    free = inboxes.free(actor)
    rows = case_rows(
        free.select_related("place")[:LOOKED_AT] if me else free[: PAGE_SIZE + 1], actor
    )
    mine_legs, open_legs = legs.held_cards(actor), _open_legs(actor, me)
    to_buy, may_buy = shopping_list.count_waiting(actor)
    context = {
        "desk": "field",
        "first_steps": first_steps(actor),
        "offers": legs.offered_cards(actor),
        "legs": mine_legs,
        "to_buy": to_buy,
        "may_buy": may_buy,
        "open_legs": open_legs,
        "mine": case_rows(_held(actor)[:PAGE_SIZE], actor),
        "free": nearest_first(rows, me)[:PAGE_SIZE],
        "beyond": len(rows) > PAGE_SIZE,
        "legs_count": len(mine_legs),
        "open_count": len(open_legs),
        "looked_at": LOOKED_AT,
        "me": f"lon={me.lon:.3f}&lat={me.lat:.3f}" if me else "",
    }
    part = "field/lists.html" if is_part(request, "lists") else "field/field.html"
    return render(request, part, context)


def _held(actor: Actor) -> QuerySet[Appeal]:
    return inboxes.held(actor).filter(unit__in=actor.unit_ids)


def _open_legs(actor: Actor, me: Point | None) -> list[legs.Card]:
    """Legs that the actor may take, the most urgent or the nearest first."""
    asked = Offer.objects.filter(
        user=actor.user_id, answer=Offer.Answer.WAITING, until__gt=timezone.now()
    )
    found = eligibility.pool(actor).exclude(pk__in=asked.values("leg")).select_related(*legs.SHOWN)
    return legs.cards(found[: LOOKED_AT if me else PAGE_SIZE], me)[:PAGE_SIZE]


def _stands_at(request: HttpRequest) -> Point | None:
    """The reader's position, not older than half an hour; `?order=urgent` forgets it."""
    if request.GET.get("order") == "urgent":
        request.session.pop(_NEAR, None)
        return None
    if here := point_in(request.GET):
        if is_part(request, "lists"):
            # An automatic refresh repeats the old position: do not renew its time.
            return Point(*here)
        request.session[_NEAR] = {"at": [round(here[0], 3), round(here[1], 3)], "said": time.time()}
        return Point(*here)
    kept: dict[str, Any] = request.session.get(_NEAR) or {}
    return None if time.time() - kept.get("said", 0) > 30 * 60 else Point(*kept["at"])


@staff_page("field")
def field_map(request: HttpRequest) -> HttpResponse:
    """Map free cases and legs at approximate, the reader's own at exact positions."""
    actor = who(request)
    free = inboxes.free(actor).select_related("place")
    held = case_rows(_held(actor).select_related("place")[:PAGE_SIZE], actor)
    held_legs = eligibility.legs_in_hand(actor).select_related("appeal")[:PAGE_SIZE]
    takings = _takings(actor, [row.appeal for row in held])
    shown = [(row.appeal.number, takings[row.appeal.pk]) for row in held]
    shown += [(leg.appeal.number, legs.why_shown(leg)) for leg in held_legs if leg.at_home]
    disclosure.log_places(actor, shown)
    points = [
        *legs.pins(held_legs, own=True),
        *legs.pins(eligibility.pool(actor)[:LOOKED_AT], own=False),
        *_pins(held, exactly, "mine"),
        *_pins(case_rows(free[:LOOKED_AT], actor), about, "blurred"),
    ]
    county = min(locate.known_areas().values(), key=lambda area: area.level, default=None)
    kinds = {point["kind"] for point in points}
    context = {"desk": "field", "points": points, "kinds": kinds}
    context["county"] = county.pk if county else ""
    return render(request, "field/map.html", context)


def _pins(
    rows: list[CaseRow], where: Callable[[Appeal], Point | None], kind: str
) -> list[dict[str, Any]]:
    return [
        at._asdict()
        | {
            "label": " · ".join(
                [*(name_of(each) for each in (row.category, row.area) if each), row.appeal.number]
            ),
            "href": reverse("task", args=[row.appeal.number]),
            "kind": kind,
        }
        for row in rows
        if (at := where(row.appeal))
    ]


@staff_page("field")
def field_done(request: HttpRequest) -> HttpResponse:
    """List the cases and legs that the reader did in the last 30 days, without personal data."""
    user, since = login_of(request), timezone.now() - timedelta(days=30)
    cases = Appeal.objects.filter(
        holder=user, status__in=(Status.RESOLVED, Status.CLOSED), moved_at__gte=since
    )
    cases = cases.select_related("category", "area", "unit").defer("area__outline")
    cases = cases.order_by("-moved_at")[:PAGE_SIZE]
    done_by_user = done_legs([user.pk], since).select_related("area", "appeal__category")
    done: list[dict[str, Any]] = [{"at": each.moved_at, "appeal": each} for each in cases]
    done += [
        {"at": each.done_at, "card": legs.Card(each)}
        for each in done_by_user.defer("area__outline").order_by("-done_at")[:PAGE_SIZE]
    ]
    done.sort(key=lambda each: each["at"], reverse=True)
    context = {"desk": "field", "done": done[:PAGE_SIZE]}
    return render(request, "field/done.html", context)


@staff_page("field")
def field_reported(request: HttpRequest) -> HttpResponse:
    """List what the reader reported, newest first; `?after=` is the last id shown."""
    found = inboxes.reported(who(request)).select_related("category", "area", "unit")
    if (last := whole_number(request.GET.get("after", ""))) is not None:
        found = found.filter(pk__lt=last)
    appeals = list(found.defer("area__outline")[: PAGE_SIZE + 1])
    more = str(appeals[PAGE_SIZE - 1].pk) if len(appeals) > PAGE_SIZE else ""
    context = {"desk": "field", "appeals": appeals[:PAGE_SIZE], "more": more}
    return render(request, "field/reported.html", context)


@staff_page("field")
def task_page(request: HttpRequest, number: str) -> HttpResponse:
    """Show one case on the phone."""
    return _show(request, case_views.seen(request, number))


def _show(
    request: HttpRequest,
    appeal: Appeal,
    *,
    bound: VerbForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    actor = who(request)
    holds = "holder" in relations(actor, appeal) and may_reveal(actor, appeal)
    gone = appeal.state is Status.HANDLING and not holds
    if gone and bound is not None and bound.verb is ACCEPT:
        # The template explains this and offers another free case.
        problem = ""
    whom = None
    if holds:
        whom = disclosure.show_to_holder(actor, appeal, _takings(actor, [appeal])[appeal.pk])
    reveal, body = may_reveal(actor, appeal), body_for_reader(appeal)
    free = inboxes.free(actor).exclude(pk=appeal.pk)
    acts = _acts(appeal, actor, bound)
    offered = {each["verb"] for each in acts}
    context = {
        "desk": "field",
        "appeal": appeal,
        "may_reveal": reveal,
        "holds": holds,
        "whom": whom,
        "point": exactly(appeal) if holds else None,
        "gone": gone,
        "next": case_rows(free[:1], actor) if gone else [],
        "acts": acts,
        "max_photos": photos.MAX_PHOTOS,
        # People write their phone number into the text.
        "body": body if holds else without_numbers(body),
        "answers": [] if is_made_of_answers(appeal) else event_text.answers_of(appeal, reveal),
        "clocks": clocks.in_order([appeal], clocks.running(appeal.pk)),
        "story": _story(request, appeal, reveal),
        "problem": problem,
        "lost": typed_words(bound) if bound is not None and bound.verb not in offered else "",
    }
    part = "field/task_body.html" if is_part(request, "case") else "field/task.html"
    return render(request, part, context, status=status)


def _acts(appeal: Appeal, actor: Actor, bound: VerbForm | None) -> list[dict[str, Any]]:
    """The actor's possible verbs with their forms, one of them open."""
    possible = verbs.available(appeal, actor)
    opened = bound.verb if bound else case_actions.first_at(appeal.state)
    known = Known(appeal.unit_id)
    silent = silent_helpers([appeal.pk]) if RESOLVE in possible else ()
    names = [name_of(each) for each in silent]
    acts = []
    for verb in (each for each in _ACTS if each in possible):
        form = bound if bound is not None and bound.verb is verb else VerbForm(verb, known)
        form.ask_about_helpers(names)
        danger = verb in (RELEASE, ALARM)
        acts.append({"verb": verb, "form": form, "open": verb is opened, "danger": danger})
    return acts


def _story(request: HttpRequest, appeal: Appeal, reveal: bool) -> Story:
    story = without_echo(story_of(request, appeal, PRIVATE))
    if reveal:
        return with_photos(story, appeal.attachments.order_by("pk"))
    for event in story.events:
        event.words = without_numbers(event.words)
    return story


def _takings(actor: Actor, held: Iterable[Appeal]) -> dict[int, str]:
    """Reasons in the access log by the case's id. One query."""
    taken = Event.objects.filter(appeal__in=held, verb=ACCEPT.name, user=actor.user_id)
    last = dict(taken.values_list("appeal").annotate(Max("seq")))
    return {each.pk: f"{TAKEN} {last[each.pk]}" if each.pk in last else TAKEN for each in held}


@staff_action("field")
def task_act(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Do one of `_ACTS`."""
    appeal, actor = case_views.seen(request, number), who(request)
    row = next((each for each in _ACTS if each.name == verb), None)
    if row is None:
        raise Http404
    form = VerbForm(row, Known(appeal.unit_id), request.POST, request.FILES)
    said = str(_ACTS[row])
    there = ("task", appeal.number) if row in (ACCEPT, REPORT, ALARM) else ("field",)

    def act() -> str:
        perform(appeal.pk, actor, form, version_of(request), sender=sender_of(request))
        return said

    def on_refused(refused: moving.Refused) -> str | None:
        if _is_second_press(request, appeal, form):
            return said
        deny_forbidden(refused)
        return None

    def reload() -> Appeal:
        fresh = case_views.fetch_case(appeal.pk) or appeal
        if not relations(actor, fresh):
            raise Http404
        return fresh

    return VerbView(request, appeal, form, _show).answer(
        act, reload, follow=lambda: redirect(*there), on_refused=on_refused
    )


def _is_second_press(request: HttpRequest, appeal: Appeal, form: VerbForm) -> bool:
    """Is this a duplicate submission? A case that was taken must still be in hand."""
    user, seen = login_of(request), version_of(request)
    if seen is None or not is_duplicate(appeal.events.filter(user=user), form, seen):
        return False
    fresh = case_views.fetch_case(appeal.pk)
    return form.verb is not ACCEPT or (fresh is not None and fresh.holder_id == user.pk)
