"""Whistling at a place, without a case: the whistle's form with area and category."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from yinghu.appeals import moving
from yinghu.appeals.models import Appeal
from yinghu.appeals.numbers import number_of
from yinghu.common.form_fields import PickerSelect
from yinghu.common.language import name_of
from yinghu.intake.whistle_filing import blow, callers
from yinghu.oversight import whistles
from yinghu.oversight.whistle_actions import WHISTLE
from yinghu.people.models import Unit
from yinghu.places.area_fields import AreaField, AreaInput
from yinghu.ui.decorators import staff
from yinghu.ui.forms import Known, VerbForm, initial_of
from yinghu.ui.requests import who
from yinghu.web.citizen.filing import genuine_form_id, new_form_id


class WhistleForm(VerbForm):
    """A whistle's fields, and the unit, area and category of the case that it files."""

    def __init__(self, units: list[Unit], known: Known, **given: Any) -> None:
        super().__init__(WHISTLE, known, **given)
        several = PickerSelect if len(units) > 1 else forms.HiddenInput
        self.units = {unit.code: unit for unit in units}
        self.fields["unit"] = forms.ChoiceField(
            label=_("以哪个单位吹哨"),
            choices=[(unit.code, name_of(unit)) for unit in units],
            widget=several,
        )
        self.fields["area"] = AreaField(label=_("哪个地方"), max_length=120, widget=AreaInput())
        self.fields["category"] = forms.ChoiceField(
            label=_("类别"), choices=[("", _("请选择")), *known.categories], widget=PickerSelect
        )
        self.fields["why"].label = _("要办什么")
        self.order_fields(
            ["unit", "occasion", "why", "category", "area", "place", "units", "until"]
        )


@never_cache
@require_http_methods(["GET", "POST"])
@staff("whistles")
def whistle_create_page(request: HttpRequest) -> HttpResponse:
    """Show or take the form; the whistles page then shows the new case."""
    actor = who(request)
    units = callers(actor)
    if not units:
        raise PermissionDenied
    known = Known()
    places = (Appeal(unit=unit, area=unit.area) for unit in units)
    offered = dict.fromkeys(
        unit for place in places for unit in whistles.units_to_call(place, actor)
    )
    known.to_call = [(unit.code, name_of(unit)) for unit in offered]
    form_id, problem = request.POST.get("form_id", ""), ""
    if request.method == "GET":
        here = units[0].area
        initial = initial_of(WHISTLE, Appeal(area=here))
        initial |= {"unit": units[0].code, "area": f"{here.pk} {here.name}" if here else ""}
        return _show(request, WhistleForm(units, known, initial=initial), new_form_id(request))
    form, key = WhistleForm(units, known, data=request.POST), genuine_form_id(request, form_id)
    if not key:
        form_id, problem = new_form_id(request), _("页面放得太久，没有发出去。请再按一次。")
    elif form.is_valid():
        try:
            messages.success(request, _("%s：已吹哨") % number_of(_blow(request, form, key)))
            return redirect("whistles")
        except moving.Refused as refused:
            at = refused.field if refused.field in form.fields else None
            form.add_error(at, refused.message)
    return _show(request, form, form_id, problem, 400)


def _blow(request: HttpRequest, form: WhistleForm, key: str) -> int:
    given, sent = form.cleaned_data, dict(request.POST.lists())
    sent.pop("csrfmiddlewaretoken", None)
    return blow(
        who(request),
        key=key,
        raw=json.dumps(sent, ensure_ascii=False).encode(),
        unit=form.units[given["unit"]],
        area=given["area"],
        category=given["category"],
        whistle=form.values(),
    )


def _show(
    request: HttpRequest, form: WhistleForm, form_id: str, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {"desk": "whistles", "form": form, "form_id": form_id, "problem": problem}
    return render(request, "oversight/whistle_create.html", context, status=status)
