"""The shopping list: all that a helper has to buy, by place, ticked off with one receipt."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from yinghu.appeals import moving
from yinghu.common import photos
from yinghu.common.privacy.masking import without_numbers
from yinghu.common.text import whole_number
from yinghu.errands import leg_actions
from yinghu.errands.models import Leg, Proof
from yinghu.errands.shopping_list import (
    MOST_LINES,
    legs_beside,
    legs_to_buy,
    reasons_against,
    take_each,
)
from yinghu.people.access import Actor
from yinghu.places.models import Place
from yinghu.ui import event_text
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.requests import sender_of, who
from yinghu.ui.verb_views import store_photos
from yinghu.web.field.legs import SHOWN, Kept

MOST_OPEN = 40
"""Limit of the open legs shown; each costs a check whether the reader may take it."""


@dataclass(slots=True)
class ShoppingLine:
    """A leg in the list: what to buy, and the typed values if they were refused."""

    leg: Leg
    goods: str
    ticked: bool = False
    paid: str = ""
    words: str = ""
    problem: str = ""


@dataclass(slots=True)
class ShoppingPlace:
    """What to buy at one place (None: anywhere), and the open legs beside it."""

    place: Place | None
    lines: list[ShoppingLine] = field(default_factory=list)
    open: list[ShoppingLine] = field(default_factory=list)
    not_mine: Counter[str] = field(default_factory=Counter)
    """The reasons why the reader cannot take other open legs here, with their numbers."""

    @property
    def key(self) -> str:
        return str(self.place.pk) if self.place else "-"

    @property
    def cases(self) -> int:
        return len({line.leg.appeal_id for line in self.lines})


class TickedLegs:
    """The submitted form: the ticked legs, and what was typed for each."""

    def __init__(self, typed: QueryDict) -> None:
        self.ids = list(dict.fromkeys(_numbers(typed.getlist("tick"))))[:MOST_LINES]
        self.paid = {pk: typed.get(f"paid-{pk}", "").strip()[:20] for pk in self.ids}
        self.words = {pk: typed.get(f"words-{pk}", "")[:2000] for pk in self.ids}
        self.problems: dict[int, str] = {}


def _numbers(texts: Iterable[str]) -> list[int]:
    return [number for text in texts if (number := whole_number(text)) is not None]


def _goods(leg: Leg) -> str:
    """What to buy, without phone numbers: the list is read in a shop."""
    if leg.what:
        return without_numbers(leg.what)
    # The place is the heading of its list.
    place = leg.place.name if leg.place else ""
    answers = [each for each in event_text.answers_of(leg.appeal, reveal=False) if each[1] != place]
    if answers:
        return _("；").join(_("%s：%s") % pair for pair in answers)
    return without_numbers(leg.appeal.body)[:160]


def _lists(actor: Actor, given: TickedLegs | None) -> list[ShoppingPlace]:
    """The list by place; legs without a place last."""
    to_buy = legs_to_buy(actor).select_related(*SHOWN).order_by("-appeal__urgency", "pk")
    found = list(to_buy[:MOST_LINES])
    places = {leg.place_id for leg in found if leg.place_id is not None}
    others = list(legs_beside(actor, places).select_related(*SHOWN)[:MOST_OPEN])
    why_not = reasons_against(others, actor)
    made: dict[int | None, ShoppingPlace] = {}
    for leg in [*found, *others]:
        at = made.setdefault(leg.place_id, ShoppingPlace(leg.place))
        if leg.pk in why_not:
            at.not_mine[why_not[leg.pk]] += 1
        else:
            (at.lines if leg.state == Leg.State.TAKEN else at.open).append(_line(leg, given))
    return sorted(
        made.values(), key=lambda at: (not at.lines, at.place is None, str(at.place), at.key)
    )


def _line(leg: Leg, given: TickedLegs | None) -> ShoppingLine:
    line = ShoppingLine(leg, _goods(leg))
    if given is not None and leg.pk in given.paid:
        line.ticked, line.paid, line.words = True, given.paid[leg.pk], given.words[leg.pk]
        line.problem = given.problems.get(leg.pk, "")
    return line


@staff_page("field")
def shopping_page(request: HttpRequest) -> HttpResponse:
    """Show all that the actor has to buy, and what they could take along."""
    return _show(request)


def _show(
    request: HttpRequest,
    given: TickedLegs | None = None,
    problem: str = "",
    wrong_photo: str = "",
    status: int = 200,
) -> HttpResponse:
    at = _lists(who(request), given)
    shown = {line.leg.pk for each in at for line in each.lines}
    elsewhere = given.problems.items() if given else ()
    context: dict[str, Any] = {
        "desk": "field",
        "places": at,
        "lines": sum(len(each.lines) for each in at),
        "asks_photo": any(line.leg.proof == Proof.PHOTO for each in at for line in each.lines),
        "open_count": sum(len(each.open) for each in at),
        "not_mine": sum((each.not_mine for each in at), Counter()).items(),
        "problem": problem,
        # Problems of legs that are not in the list.
        "gone": list(dict.fromkeys(said for pk, said in elsewhere if pk not in shown)),
        "wrong_photo": wrong_photo,
        "max_photos": photos.MAX_PHOTOS,
    }
    return render(request, "field/shopping.html", context, status=status)


@staff_action("field")
def shopping_act(request: HttpRequest, verb: str) -> HttpResponse:
    """Finish the ticked legs, take one leg, or take all at a place."""
    if verb == "finish":
        return _bought(request)
    if verb == "take":
        return _take(request, _numbers(request.POST.getlist("leg"))[:1])
    if verb != "take_all":
        raise Http404
    actor, key = who(request), request.POST.get("place", "")
    mine = legs_to_buy(actor).exclude(place=None).values_list("place", flat=True)
    found = legs_beside(actor, set(mine))
    here = found.filter(place=None) if key == "-" else found.filter(place__in=_numbers([key]))
    return _take(request, list(here.values_list("pk", flat=True)[:MOST_OPEN]))


def _take(request: HttpRequest, ids: list[int]) -> HttpResponse:
    """Take the legs one by one; report how many, and why not the others."""
    taken, why_not = take_each(ids, who(request))
    if taken:
        messages.success(request, ngettext("接下了 %d 件", "接下了 %d 件", taken) % taken)
    elif not why_not:
        messages.info(request, _("这里没有等人接的了"))
    for why, many in why_not.items():
        said = ngettext("有 %(n)d 件没有接：%(why)s", "有 %(n)d 件没有接：%(why)s", many)
        messages.warning(request, said % {"n": many, "why": why})
    return redirect("shopping")


def _bought(request: HttpRequest) -> HttpResponse:
    """Finish each ticked leg on its own; report those that were refused."""
    actor, given = who(request), TickedLegs(request.POST)
    if not given.ids:
        return _show(request, given, _("请先把买好的勾上"), status=422)
    uploads = request.FILES.getlist("photos")
    if len(uploads) > photos.MAX_PHOTOS:
        said = _("最多 %d 张照片") % photos.MAX_PHOTOS
        return _show(request, given, wrong_photo=said, status=422)
    own = legs_to_buy(actor).filter(pk__in=given.ids).in_bulk()
    unproved = sum(leg.proof == Proof.PHOTO for leg in own.values())
    if unproved and not uploads:
        said = _("勾上的有 %d 样要拍小票，请先拍一张。还没有一样记成买好。") % unproved
        return _show(request, given, said, _("请拍一张小票"), status=422)
    try:
        receipt = store_photos(uploads, sender_of(request))
    except photos.BadPhoto as bad:
        return _show(request, given, wrong_photo=str(bad), status=bad.status)
    done = before = 0
    try:
        for pk in given.ids:
            # Finished by an earlier press of the same form?
            done_before = Leg.objects.filter(pk=pk, holder=actor.user_id, state=Leg.State.DONE)
            if pk not in own and done_before.exists():
                before += 1
            elif said := _finish(pk, actor, given, receipt):
                given.problems[pk] = said
            else:
                done += 1
    finally:
        photos.discard(receipt)
    if done:
        messages.success(request, ngettext("买好了 %d 样", "买好了 %d 样", done) % done)
    elif before and not given.problems:
        messages.info(request, _("这些已经记成买好了"))
    if not given.problems:
        return redirect("shopping")
    many = len(given.problems)
    said = ngettext("有 %d 样没有办成，原因写在下面", "有 %d 样没有办成，原因写在下面", many) % many
    return _show(request, given, said, status=422)


def _finish(pk: int, actor: Actor, given: TickedLegs, receipt: Kept) -> str:
    """Finish one leg with its own copies of the receipt; returns the refusal, "" if it is done."""
    kept: Kept = ()
    try:
        paid = _cents(given.paid[pk])
        for photo in receipt:
            kept += (photos.copy_of(photo),)
        leg_actions.finish(pk, actor, words=given.words[pk], photos=kept, paid=paid)
    except moving.Refused as refused:
        photos.discard(kept)
        return refused.message
    except photos.BadPhoto as bad:
        photos.discard(kept)
        return str(bad)
    return ""


def _cents(text: str) -> int | None:
    """A typed price in cents, None for an empty one. Raises Refused."""
    if not text:
        return None
    try:
        price = Decimal(text.replace("，", ".").replace(",", "."))
    except InvalidOperation:
        price = Decimal("NaN")
    whole = price * 100 if price.is_finite() and abs(price) < 10**9 else Decimal("NaN")
    if not whole.is_finite() or whole != whole.to_integral_value():
        raise moving.Refused("bad_money", _("价钱请写数字，比如 12.5"), "paid")
    if not 0 <= whole <= leg_actions.MOST_MONEY:
        raise moving.Refused("bad_money", _("金额应在 0 到 100000 元之间"), "paid")
    return int(whole)
