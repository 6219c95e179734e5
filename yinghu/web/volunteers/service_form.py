"""Form for a volunteer's skills, areas and zones, used by volunteers and coordinators."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.common.language import name_of
from yinghu.people.models import Skill, Volunteer
from yinghu.places import locate
from yinghu.places.area_fields import AreaField, AreaInput
from yinghu.places.models import Area, Zone


class Names:
    """Names of skills, zones and areas by code, retired ones included; each table is read once."""

    @cached_property
    def _skills(self) -> dict[str, str]:
        return {skill.code: name_of(skill) for skill in Skill.objects.all()}

    @cached_property
    def _zones(self) -> dict[str, str]:
        return {zone.code: name_of(zone) for zone in Zone.objects.defer("outline")}

    @cached_property
    def _areas(self) -> dict[str, Area]:
        return locate.known_areas()

    def skills(self, codes: Iterable[str]) -> list[str]:
        return [self._skills.get(code, code) for code in codes]

    def zones(self, codes: Iterable[str]) -> list[str]:
        return [self._zones.get(code, code) for code in codes]

    def areas(self, codes: Iterable[str]) -> list[str]:
        return [name_of(self._areas[code]) if code in self._areas else code for code in codes]


def offer_choices(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    """Set the choices of a field; drop the field if there is nothing to choose."""
    field: Any = form.fields[name]
    field.choices = choices
    if not any(value for value, _label in choices):
        del form.fields[name]


class ServiceForm(forms.Form):
    """Skills and areas; for coordinators also zone passes and the zone of residence."""

    skills = forms.MultipleChoiceField(
        label=gettext_lazy("会什么"), required=False, widget=forms.CheckboxSelectMultiple
    )
    areas = forms.MultipleChoiceField(
        label=gettext_lazy("在哪几片服务"), required=False, widget=forms.CheckboxSelectMultiple
    )
    more = AreaField(
        label=gettext_lazy("再加一片"), max_length=120, required=False, widget=AreaInput
    )
    zones = forms.MultipleChoiceField(
        label=gettext_lazy("能进哪些管控区（通行证）"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    inside = forms.ChoiceField(label=gettext_lazy("住在哪个管控区里"), required=False)

    def __init__(self, volunteer: Volunteer, data: Any = None, *, coordinator: bool) -> None:
        initial = {name: getattr(volunteer, name) for name in ("skills", "areas", "zones")}
        super().__init__(data, initial=initial | {"inside": volunteer.inside}, auto_id="v-%s")
        skills = Skill.objects.all()
        if not coordinator:
            # Volunteers must not give themselves a skill that opens a zone.
            opening = Zone.objects.filter(active=True).exclude(skill="").values("skill")
            skills = skills.filter(Q(pk__in=volunteer.skills) | ~Q(pk__in=opening))
        self._offer("skills", skills, volunteer.skills)
        areas = list(zip(volunteer.areas, Names().areas(volunteer.areas), strict=True))
        offer_choices(self, "areas", areas)
        if coordinator:
            self._offer("zones", Zone.objects.all(), volunteer.zones)
            self._offer("inside", Zone.objects.all(), [volunteer.inside], none=_("不住在里面"))
        else:
            del self.fields["zones"], self.fields["inside"]

    def _offer(self, name: str, things: Any, now: list[str], none: str = "") -> None:
        """Offer active things, and retired ones that the volunteer has."""
        found = [(one.code, name_of(one)) for one in things if one.active or one.code in now]
        offer_choices(self, name, [("", none), *found] if none else found)

    def values(self) -> dict[str, Any]:
        """Values for `volunteers.change`."""
        given = dict(self.cleaned_data)
        more = given.pop("more")
        areas = given.get("areas", [])
        return given | {"areas": [*areas, more] if more else areas}
