"""A leg of an errand on the phone: what to do, where, for whom, and its verbs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals import moving
from yinghu.appeals.body_from_answers import body_for_reader, is_made_of_answers
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import number_of
from yinghu.common import photos
from yinghu.common.language import name_of, title_of
from yinghu.common.privacy.masking import without_numbers
from yinghu.errands import actions as errand_actions
from yinghu.errands import eligibility, late_work, leg_actions, offers
from yinghu.errands.actions import SAY
from yinghu.errands.leg_sequence import Course
from yinghu.errands.models import Leg, LegKind, Offer, Proof
from yinghu.errands.receipts import photo_of_leg
from yinghu.oversight import alarm_actions
from yinghu.people import disclosure
from yinghu.people.access import Actor, helper_of, holds_leg, may_read_why, may_reveal
from yinghu.people.models import Volunteer
from yinghu.ui import event_text
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.errand_parts import LEG_ICONS, SeveralLinesField
from yinghu.ui.forms import PhotosField
from yinghu.ui.photo_response import photo_response
from yinghu.ui.requests import is_part, sender_of, who
from yinghu.ui.verb_views import VerbView, run_with_photos
from yinghu.web.field.departed import helper_page
from yinghu.web.field.distance import Point, metres_between, point


class _WorkForm(forms.Form):
    """Photos, and money that was spent. `paid` is in the city's currency."""

    paid = forms.DecimalField(
        label=gettext_lazy("垫了多少钱（元）"),
        required=False,
        min_value=0,
        max_value=100_000,
        decimal_places=2,
    )
    photos = PhotosField(label=gettext_lazy("照片"), required=False)

    def clean_paid(self) -> int | None:
        """In cents."""
        paid: Decimal | None = self.cleaned_data["paid"]
        return None if paid is None else int(paid * 100)


class FinishForm(_WorkForm):
    """What a helper reports when a leg is done."""

    words = SeveralLinesField(label=gettext_lazy("给诉求人的话"), required=False)


class BackForm(forms.Form):
    """Why a leg is given back, and how far it got."""

    why = SeveralLinesField(label=gettext_lazy("为什么办不了"))
    kept = forms.CharField(
        label=gettext_lazy("已经办到哪一步了"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("比如：排到 35 号")}),
    )


class ClaimForm(_WorkForm):
    """What a helper did on a leg that they have no more."""

    why = SeveralLinesField(label=gettext_lazy("办了什么，东西在哪里"), required=False)


class AlarmForm(forms.Form):
    """What danger a helper saw or heard."""

    why = SeveralLinesField(label=gettext_lazy("看到或听到什么（诉求人看不到）"))


class LegMessageForm(forms.Form):
    """A message to all who work on the case."""

    words = SeveralLinesField(label=gettext_lazy("给一起办这件事的人留言"))


@dataclass(slots=True)
class Card:
    """A leg in a list. `turn`: the reader can do something about it now."""

    leg: Leg
    metres: float | None = None
    offer: Offer | None = None
    turn: bool = False

    @property
    def icon(self) -> str:
        return LEG_ICONS[LegKind(self.leg.kind)]


def cards(found: Iterable[Leg], me: Point | None = None) -> list[Card]:
    """The legs as cards; with `me` the nearest first, by their approximate positions."""
    made = [Card(leg, metres_between(point(leg.about_lon, leg.about_lat), me)) for leg in found]
    return sorted(made, key=lambda card: (card.metres is None, card.metres or 0))


def offered_cards(actor: Actor) -> list[Card]:
    """Offers that the actor may still answer."""
    waiting = Offer.objects.filter(
        user=actor.user_id,
        answer=Offer.Answer.WAITING,
        until__gt=timezone.now(),
        leg__state=Leg.State.OPEN,
    )
    found = waiting.select_related(*(f"leg__{name}" for name in SHOWN)).order_by("until")
    return [Card(offer.leg, offer.metres, offer) for offer in found[:10]]


def held_cards(actor: Actor) -> list[Card]:
    """The actor's legs, first those that can be done now."""
    found = eligibility.legs_in_hand(actor).select_related(*SHOWN)[:50]
    made = [Card(leg, turn=_is_turn(leg, actor)) for leg in found]
    return sorted(made, key=lambda card: not card.turn)


def _is_turn(leg: Leg, actor: Actor) -> bool:
    if leg.ready_at is None:
        return False
    if leg.kind != LegKind.HAND_OVER:
        return True
    said = leg.given_at if leg.giver_id == actor.user_id else leg.received_at
    return said is None


SHOWN = ("errand", "appeal", "appeal__category", "area", "place", "zone")


@helper_page
def leg_page(request: HttpRequest, leg_id: int) -> HttpResponse:
    """Show one leg."""
    return _show(request, _known(request, leg_id))


def _known(request: HttpRequest, leg_id: int) -> Leg:
    try:
        leg_actions.known(leg_id, who(request))
    except moving.NotFound as gone:
        raise Http404 from gone
    return Leg.objects.select_related(*SHOWN).get(pk=leg_id)


def _show(
    request: HttpRequest,
    leg: Leg,
    *,
    bound: forms.Form | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    actor, appeal = who(request), leg.appeal
    body = body_for_reader(appeal)
    holds = holds_leg(actor, leg)
    # Whoever only brings goods back needs no name and no door any more.
    serves = holds and leg.kind != LegKind.BRING_BACK
    shown = serves or may_reveal(actor, appeal)
    course = Course(
        Leg.objects.filter(errand=leg.errand_id).select_related("holder", "giver", "place", "zone")
    )
    steps = list(course)
    beside = may_read_why(actor, appeal) or any(
        actor.user_id in {each.holder_id, each.giver_id} for each in steps
    )
    # Legs have consecutive numbers: finished and others' legs are hidden from outsiders.
    to_take = leg.state == Leg.State.OPEN and leg.kind != LegKind.HAND_OVER
    offers_waiting = Offer.objects.filter(answer=Offer.Answer.WAITING, until__gt=timezone.now())
    chat = appeal.events.filter(verb=SAY.name).select_related("user").order_by("-seq")
    gone = leg.state == Leg.State.TAKEN and not beside
    context = {
        "desk": "field",
        "leg": leg,
        "appeal": appeal,
        "icon_of": LEG_ICONS[LegKind(leg.kind)],
        "steps": [_step(each, course, beside) for each in steps],
        "holds": holds,
        "shown": shown,
        "beside": beside,
        "reads": to_take or beside or shown,
        "what": leg.what if serves else without_numbers(leg.what),
        "kept": leg.kept if serves else without_numbers(leg.kept),
        "waiting": offers_waiting.filter(leg=leg, user=actor.user_id).first(),
        "may_take": to_take and bool(leg.opened_at),
        "why_not": _why_not(actor, appeal, course, leg) if to_take else "",
        "ready": course.is_ready(leg),
        "meets": _meeting(leg, actor, course),
        "meetings": _meetings_beside(leg, actor, course) if holds else [],
        "whom": disclosure.show_to_helper(actor, leg, appeal, why_shown(leg)) if serves else None,
        "point": _point(leg, shown),
        "body": body if shown else without_numbers(body),
        "answers": [] if is_made_of_answers(appeal) else event_text.answers_of(appeal, shown),
        "photos": list(appeal.attachments.filter(event=None).order_by("pk")) if serves else [],
        "chat": list(chat[:30])[::-1] if beside else [],
        "finish": bound if isinstance(bound, FinishForm) else FinishForm(auto_id="finish-%s"),
        "alarm": bound if isinstance(bound, AlarmForm) else AlarmForm(auto_id="alarm-%s"),
        "back": bound if isinstance(bound, BackForm) else BackForm(auto_id="back-%s"),
        "say": bound if isinstance(bound, LegMessageForm) else LegMessageForm(auto_id="say-%s"),
        "claim": bound if isinstance(bound, ClaimForm) else ClaimForm(auto_id="claim-%s"),
        "may_claim": late_work.may_claim(actor, leg),
        "brings_back": leg.kind == LegKind.BRING_BACK,
        "needs_photo": leg.proof == Proof.PHOTO,
        "buys": leg.kind in (LegKind.BUY, LegKind.QUEUE),
        "max_photos": photos.MAX_PHOTOS,
        "problem": problem,
        "gone": gone,
        "next": _next(actor, leg.pk) if gone else None,
    }
    part = "field/leg_body.html" if is_part(request, "case") else "field/leg.html"
    return render(request, part, context, status=status)


def _why_not(actor: Actor, appeal: Appeal, course: Course, leg: Leg) -> str:
    """The reason why the actor may not take an open leg; "" if they may."""
    try:
        volunteer = eligibility.volunteer_of(actor)
        eligibility.check_fit(actor, appeal, course.along(course[leg.n]), volunteer)
    except moving.Refused as refused:
        return refused.message
    return ""


def _step(leg: Leg, course: Course, beside: bool) -> dict[str, Any]:
    """A leg as a step of its errand; other helpers of the errand are told who has it."""
    now = leg.state in (Leg.State.OPEN, Leg.State.TAKEN) and course.is_ready(leg)
    people = [person for person in (leg.giver, leg.holder) if person is not None]
    return {
        "leg": leg,
        "icon": LEG_ICONS[LegKind(leg.kind)],
        "now": now,
        "who": " → ".join(dict.fromkeys(map(str, people))) if beside else "",
    }


def _meeting(leg: Leg, actor: Actor, course: Course) -> dict[str, Any] | None:
    """The actor's part in a hand-over: whom they meet, where, and what both have confirmed."""
    if leg.kind != LegKind.HAND_OVER or actor.user_id not in (leg.giver_id, leg.holder_id):
        return None
    gives = leg.giver_id == actor.user_id
    other = course[leg.n].holder if gives else course[leg.n].giver
    if other is not None and other.pk == actor.user_id:
        # Both sides are theirs since another helper gave back.
        other = None
    known = Volunteer.objects.filter(pk=other.pk).exclude(phone=b"").first() if other else None
    pending = leg.state == Leg.State.OPEN
    return {
        "leg": leg,
        "gives": gives,
        "said": leg.given_at if gives else leg.received_at,
        "other_said": leg.received_at if gives else leg.given_at,
        "other": other,
        "phone": disclosure.show_partner_phone(actor, leg, known) if known and pending else "",
        "where": _meeting_place(leg, course),
    }


def _meetings_beside(leg: Leg, actor: Actor, course: Course) -> list[dict[str, Any]]:
    """The pending hand-overs just before and after a leg in hand, without phones."""
    found = [
        each
        for each in course
        if each.kind == LegKind.HAND_OVER
        and each.state == Leg.State.OPEN
        and each.giver_id != each.holder_id
        and (each.n in leg.after or leg.n in each.after)
    ]
    return [
        {
            "leg": each,
            "gives": leg.n in each.after,
            "other": each.holder if leg.n in each.after else each.giver,
            "where": _meeting_place(each, course),
        }
        for each in found
    ]


def _meeting_place(leg: Leg, course: Course) -> str:
    """Where a hand-over is: its place, else the gate of the zone that the goods go into."""
    if leg.place is not None:
        return leg.place.name
    for each in course:
        zone = each.zone if leg.n in each.after else None
        if zone is not None and (leg.lon, leg.lat) == (zone.gate_lon, zone.gate_lat):
            return zone.gate or name_of(zone)
    return ""


def _point(leg: Leg, shown: bool) -> Point | None:
    exact = shown or not leg.at_home
    return point(leg.lon, leg.lat) if exact else point(leg.about_lon, leg.about_lat)


def _next(actor: Actor, leg_id: int) -> Card | None:
    """Another open leg, for an actor who was too late for this one."""
    # Hundreds may ask at once: only the columns of a card are read.
    found = eligibility.pool(actor).exclude(pk=leg_id)
    lean = found.select_related("appeal__category", "area", "place", "zone").only(
        "kind",
        "title",
        "title_en",
        "opened_at",
        "appeal__urgency",
        "appeal__category__name",
        "appeal__category__name_en",
        "area__name",
        "area__name_en",
        "zone__name",
        "zone__name_en",
        "place__name",
    )
    return next((Card(leg) for leg in lean[:1]), None)


def why_shown(leg: Leg) -> str:
    """Reason in the access log for showing the leg's requester to its helper."""
    return f"leg {leg.pk}"


@staff_page("field")
def leg_photo(request: HttpRequest, leg_id: int, photo_id: int) -> HttpResponse:
    """Serve a photo of the requester to the leg's helper."""
    leg = _known(request, leg_id)
    return photo_response(photo_of_leg(who(request), leg, photo_id))


@staff_action("field")
def leg_act(request: HttpRequest, leg_id: int, verb: str) -> HttpResponse:
    """Take a leg, or do one of `LEG_STEPS`."""
    if verb == "take":
        return _take_leg(request, leg_id)
    leg = _known(request, leg_id)
    if verb not in LEG_STEPS:
        raise Http404

    form = _FORMS[verb](request.POST, request.FILES) if verb in _FORMS else None
    actor = who(request)

    def act() -> str:
        given = dict(form.cleaned_data) if form else {}
        uploads = given.pop("photos", ())
        return run_with_photos(
            lambda kept: LEG_STEPS[verb](leg, actor, given, kept, None),
            uploads,
            sender_of(request),
        )

    def follow() -> HttpResponse:
        done = Leg.objects.filter(pk=leg_id, state=Leg.State.DONE).exists()
        over = done or verb in ("decline", "give_back")
        return redirect("field") if over else redirect("leg", leg_id=leg_id)

    return VerbView(request, leg, form, _show).answer(
        perform=act, reload=lambda: _known(request, leg_id), follow=follow
    )


def _take_leg(request: HttpRequest, leg_id: int) -> HttpResponse:
    """Take a leg. Many may press at once, so late ones get a page that costs little."""
    actor = who(request)

    def take() -> str:
        leg_actions.take(leg_id, actor)
        return _("接下了，联系方式已显示")

    def too_late(refused: moving.Refused) -> HttpResponse | None:
        if not isinstance(refused, moving.Conflict) or refused.code != "gone":
            return None
        context = {"desk": "field", "said": refused.message, "next": _next(actor, leg_id)}
        return render(request, "field/gone.html", context, status=refused.status)

    return VerbView(request, None, None, _show).answer(
        perform=take,
        reload=lambda: _known(request, leg_id),
        follow=lambda: redirect("leg", leg_id=leg_id),
        on_refused=too_late,
    )


Given = Mapping[str, Any]
Kept = tuple[photos.StoredPhoto, ...]
ALARM_RINGS = gettext_lazy("警报已经响了，各工作台马上会看。还没打急救电话的，请现在就打")
LegStep = Callable[[Leg, Actor, Given, Kept, datetime | None], str]
"""Does a step of a leg with the values of its form (`paid` in cents) and stored photos; returns the
message for its helper. The moment is when a phone recorded the step, None for now.
"""


def _decline(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    offers.decline_offer(leg.pk, actor)
    return _("好的，我们请别人")


def _give_back(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    leg_actions.give_back(leg.pk, actor, why=given["why"], kept=given["kept"])
    return _("已交回，别人可以接")


def _hand_over(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    event = leg_actions.hand_over(leg.pk, actor, at=at)
    return _("双方都确认了，交接完成") if event.facts["done"] else _("已确认，等对方也确认")


def _finish(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    words, paid = given["words"], given["paid"]
    leg_actions.finish(leg.pk, actor, words=words, photos=kept, paid=paid, at=at)
    return _("这一程办完了，辛苦了")


def _claim(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    why, paid = given["why"], given["paid"]
    late_work.claim(leg.pk, actor, why=why, photos=kept, paid=paid, at=at)
    return _("收到了，单位会看到；垫的钱照样报销")


def _touch(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    leg_actions.touch(leg.pk, actor)
    return _("好的，知道您在办")


def _alarm(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    if not holds_leg(actor, leg):
        raise moving.Conflict("not_yours", _("这一程现在不在您手上"))
    alarm_actions.alarm(leg.appeal_id, helper_of(actor, leg.appeal_id), why=given["why"])
    return str(ALARM_RINGS)


def _say(leg: Leg, actor: Actor, given: Given, kept: Kept, at: datetime | None) -> str:
    errand_actions.say(leg.appeal_id, actor, why=given["words"])
    return ""


LEG_STEPS: dict[str, LegStep] = {
    "decline": _decline,
    "give_back": _give_back,
    "hand_over": _hand_over,
    "finish": _finish,
    "touch": _touch,
    "say": _say,
    "claim": _claim,
    "alarm": _alarm,
}
_FORMS: dict[str, type[forms.Form]] = {
    "give_back": BackForm,
    "finish": FinishForm,
    "say": LegMessageForm,
    "claim": ClaimForm,
    "alarm": AlarmForm,
}


def pins(found: Iterable[Leg], *, own: bool) -> list[dict[str, Any]]:
    """The legs as points of a map: own ones at exact, others at approximate positions."""
    return [
        at._asdict()
        | {
            "label": f"{title_of(leg)} · {number_of(leg.appeal_id)}",
            "href": reverse("leg", args=[leg.pk]),
            "kind": "mine" if own else "blurred" if leg.at_home else "open",
        }
        for leg in found
        if (at := _point(leg, own))
    ]
