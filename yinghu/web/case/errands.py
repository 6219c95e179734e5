"""The errands of a case, for its unit: plan, follow, drop, repay, and write to helpers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals import moving
from yinghu.appeals.models import Appeal, Event
from yinghu.common.language import name_of
from yinghu.common.text import whole_number
from yinghu.errands import actions as errand_actions
from yinghu.errands.actions import DROP, PLAN, REPAY, SAY
from yinghu.errands.late_work import COLLECT_GOODS, collect_goods
from yinghu.errands.models import (
    TAKEN_ALONE,
    Errand,
    ErrandTemplate,
    Leg,
    LegKind,
    Offer,
    Where,
)
from yinghu.errands.planning import template_for
from yinghu.people.access import Actor, may_read_why
from yinghu.places.models import Place
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.errand_parts import LEG_ICONS, SeveralLinesField
from yinghu.ui.requests import who
from yinghu.ui.verb_views import VerbView, deny_forbidden
from yinghu.web.case import views as case_views
from yinghu.web.case.case_panels import may_change_errands as _may


class PlanForm(forms.Form):
    """Plans an errand from a template, or a single leg."""

    template = forms.ChoiceField(label=gettext_lazy("怎么办"))
    title = forms.CharField(
        label=gettext_lazy("这一程做什么"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("比如：上门看看老人")}),
    )
    kind = forms.ChoiceField(label=gettext_lazy("哪一种"), choices=(), required=False)
    place = forms.ChoiceField(label=gettext_lazy("去哪里"), choices=(), required=False)
    what = SeveralLinesField(label=gettext_lazy("买什么、办什么"), required=False)
    estimate = forms.DecimalField(
        label=gettext_lazy("大约多少钱（元）"),
        required=False,
        min_value=0,
        max_value=100_000,
        decimal_places=2,
    )

    ONE = "one"

    def __init__(self, appeal: Appeal, data: Any = None) -> None:
        super().__init__(data, auto_id="plan-%s")
        usual = template_for(appeal.category_id)
        found = ErrandTemplate.objects.filter(active=True)
        templates = sorted(found, key=lambda each: (each != usual, each.order, each.pk))
        places = Place.objects.filter(active=True).order_by("name").values_list("code", "name")
        kinds = [(kind.value, kind.label) for kind in TAKEN_ALONE]
        fields: Any = self.fields
        fields["template"].choices = [
            *((str(each.pk), name_of(each)) for each in templates),
            (self.ONE, _("只安排一程")),
        ]
        fields["kind"].choices = kinds
        fields["place"].choices = [("", _("诉求人那里")), *places]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("template") == self.ONE and not given.get("title"):
            self.add_error("title", _("请写这一程做什么"))
        return given

    def values(self) -> dict[str, Any]:
        """Keyword arguments of `errand_actions.plan`."""
        given = self.cleaned_data
        estimate = given["estimate"]
        found: dict[str, Any] = {
            "what": given["what"],
            "estimate": None if estimate is None else int(Decimal(estimate) * 100),
        }
        if given["template"] != self.ONE:
            return found | {"template": ErrandTemplate.objects.get(pk=given["template"])}
        where = Where.PLACE if given["place"] else Where.HOME
        leg = {"kind": given["kind"] or LegKind.VISIT, "title": given["title"]}
        return found | {
            "title": given["title"],
            "specs": [leg | {"where": where, "place": given["place"], "proof": "none"}],
        }


class WhyForm(forms.Form):
    why = SeveralLinesField(label=gettext_lazy("为什么取消"))


class GoodsForm(forms.Form):
    why = SeveralLinesField(required=False)


class HelperMessageForm(forms.Form):
    words = SeveralLinesField(label=gettext_lazy("给帮手留言"))


@staff_page()
def errands_page(request: HttpRequest, number: str) -> HttpResponse:
    """Show all errands of a case."""
    return _show(request, _seen(request, number))


def _seen(request: HttpRequest, number: str) -> Appeal:
    appeal = case_views.seen(request, number)
    if not may_read_why(who(request), appeal):
        # Helpers have the page of their leg.
        raise Http404
    return appeal


def _show(
    request: HttpRequest,
    appeal: Appeal,
    *,
    bound: forms.Form | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    actor = who(request)
    found = Leg.objects.filter(appeal=appeal.pk).order_by("errand", "n")
    found = found.select_related("holder", "giver", "place", "zone", "area")
    asked: dict[int, list[Offer]] = {}
    for offer in Offer.objects.filter(leg__appeal=appeal.pk).select_related("user").order_by("pk"):
        asked.setdefault(offer.leg_id, []).append(offer)
    legs: dict[int, list[dict[str, Any]]] = {}
    for leg in found:
        shown = {"leg": leg, "icon": LEG_ICONS[LegKind(leg.kind)], "offers": asked.get(leg.pk, [])}
        legs.setdefault(leg.errand_id, []).append(shown)
    errands = Errand.objects.filter(appeal=appeal.pk).order_by("pk")
    chat = appeal.events.filter(verb=SAY.name).select_related("user").order_by("-seq")[:50]
    context = {
        "appeal": appeal,
        "me": actor.user_id,
        "errands": [{"errand": each, "legs": legs.get(each.pk, [])} for each in errands],
        "paid": sum(leg.paid or 0 for leg in found),
        "owed": sum(leg.paid or 0 for leg in found if leg.repaid_at is None),
        "chat": list(chat)[::-1],
        "may_plan": _may(actor, appeal, PLAN),
        "may_drop": _may(actor, appeal, DROP),
        "may_repay": _may(actor, appeal, REPAY),
        "may_say": _may(actor, appeal, SAY),
        "may_collect": _may(actor, appeal, COLLECT_GOODS),
        "plan": bound if isinstance(bound, PlanForm) else PlanForm(appeal),
        "why": bound if isinstance(bound, WhyForm) else WhyForm(auto_id="why-%s"),
        "say": bound
        if isinstance(bound, HelperMessageForm)
        else HelperMessageForm(auto_id="say-%s"),
        "problem": problem,
    }
    return render(request, "case/errands.html", context, status=status)


@staff_action()
def errands_act(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Do one of `_ACTS`."""
    appeal = _seen(request, number)
    if verb not in _ACTS:
        raise Http404
    make, do = _ACTS[verb]
    form = make(appeal, request.POST)
    return VerbView(request, appeal, form, _show).answer(
        perform=lambda: do(appeal, who(request), form, request.POST.get("leg", "")),
        reload=lambda: case_views.fetch_case(appeal.pk) or appeal,
        follow=lambda: redirect("errands", number=appeal.number),
        on_refused=deny_forbidden,
    )


def _leg(appeal: Appeal, given: str) -> Leg:
    leg = Leg.objects.filter(pk=whole_number(given) or 0, appeal=appeal.pk).first()
    if leg is None:
        raise moving.Refused("not_found", _("没有这一程"))
    return leg


def _plan(appeal: Appeal, actor: Actor, form: Any, _given: str) -> str:
    event: Event = errand_actions.plan(appeal.pk, actor, **form.values())
    return _("安排好了：%s") % str(event.facts["title"])


def _drop(appeal: Appeal, actor: Actor, form: Any, given: str) -> str:
    errand_actions.drop(_leg(appeal, given).pk, actor, why=form.cleaned_data["why"])
    return _("已取消，在办的人会收到通知")


def _repay(appeal: Appeal, actor: Actor, _form: Any, given: str) -> str:
    errand_actions.repay(_leg(appeal, given).pk, actor)
    return _("已记下报销")


def _collect(appeal: Appeal, actor: Actor, form: Any, given: str) -> str:
    collect_goods(_leg(appeal, given).pk, actor, why=form.cleaned_data["why"])
    return _("已记下，帮手会收到通知")


def _say(appeal: Appeal, actor: Actor, form: Any, _given: str) -> str:
    errand_actions.say(appeal.pk, actor, why=form.cleaned_data["words"])
    return ""


_ACTS: dict[str, tuple[Callable[..., forms.Form], Callable[..., str]]] = {
    "plan": (PlanForm, _plan),
    "drop": (lambda _appeal, data: WhyForm(data, auto_id="why-%s"), _drop),
    "repay": (lambda _appeal, data: forms.Form(data), _repay),
    "say": (lambda _appeal, data: HelperMessageForm(data, auto_id="say-%s"), _say),
    "collect_goods": (lambda _appeal, data: GoodsForm(data), _collect),
}
