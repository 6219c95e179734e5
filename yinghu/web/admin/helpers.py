"""Fixed buyers and couriers in the set-up: whom a group asks first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.dispatch.models import FixedHelper, LegKind
from yinghu.people.access import JOINED
from yinghu.people.models import Post, Unit, User
from yinghu.places.models import Place
from yinghu.ui.forms import LineField, PickerSelect, name_of
from yinghu.web.admin.kinds import Around, Kind, Listed, SetupForm, State, with_code


class HelpersAround(Around):
    """Who works where, and the places in use by code."""

    @cached_property
    def people(self) -> dict[str, str]:
        """Those with a post in a group or a squad, by login."""
        posts = Post.objects.filter(active=True, user__is_active=True, unit__kind__in=JOINED)
        users = User.objects.filter(pk__in=posts.values("user")).order_by("username")
        return {user.username: str(user) for user in users}

    @cached_property
    def places(self) -> dict[str, str]:
        return dict(Place.objects.filter(active=True).values_list("code", "name"))


class HelperForm(SetupForm):
    fixed = ("unit", "kind", "user", "place")

    unit = forms.ChoiceField(widget=PickerSelect)
    kind = forms.ChoiceField()
    user = forms.ChoiceField(widget=PickerSelect)
    place = LineField(max_length=120, required=False)

    around: HelpersAround

    def prepare(self) -> None:
        if self.key:
            return
        around = self.around
        units = [
            (code, name_of(unit))
            for code, unit in around.units.items()
            if unit.active and unit.kind in JOINED
        ]
        people = [(name, with_code(said, name)) for name, said in around.people.items()]
        # A hand-over is between those who give and receive.
        kinds = [(k.value, str(k.label)) for k in LegKind if k is not LegKind.HAND_OVER]
        for name, choices, wrong in (
            ("unit", units, _("没有代码为 %(value)s 的在用的组或队")),
            ("kind", kinds, _("应是这几个之一：%s") % _("、").join(value for value, _l in kinds)),
            ("user", people, _("没有登录名为 %(value)s 的组员或队员")),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type checker
            field.choices = [("", _("请选择")), *choices]
            field.error_messages["invalid_choice"] = wrong
        self.fields["place"].widget.attrs |= {"list": "setup-places", "autocomplete": "off"}

    def clean_place(self) -> str:
        """By its code, as the hints have it first, or by a name that only one has."""
        text: str = self.cleaned_data["place"]
        if not text:
            return ""
        places = self.around.places
        if (code := text.split()[0]) in places:
            return code
        named = [code for code, name in places.items() if name == text]
        if len(named) != 1:
            raise ValidationError(_("没有找到这个点位，请从提示里选，或写它的代码"))
        return named[0]

    def clean(self) -> State:
        given: State = super().clean() or {}
        if self.key or self.errors:
            return given
        posts = Post.objects.filter(
            user__username=given["user"], unit__code=given["unit"], active=True
        )
        if not posts.exists():
            self.add_error("user", _("这个人不在这个组里，请先给他这里的岗位"))
        elif _key_of(given) in self.around.states:
            raise ValidationError(_("这个人已经是了"))
        return given


def _key_of(given: Mapping[str, Any]) -> str:
    return ":".join(str(given.get(name) or "") for name in HelperForm.fixed)


class Helpers(Kind):
    def things(self) -> Iterable[FixedHelper]:
        found = FixedHelper.objects.select_related("unit", "user", "place")
        return found.order_by("unit__name", "kind", "user__username", "pk")

    def find(self, key: str) -> FixedHelper | None:
        parts = key.split(":")
        if len(parts) != len(HelperForm.fixed):
            return None
        unit, kind, user, place = parts
        found = FixedHelper.objects.filter(unit__code=unit, kind=kind, user__username=user)
        found = found.filter(place__code=place) if place else found.filter(place=None)
        return found.select_related("unit", "user", "place").first()

    def there(self, keys: Collection[str]) -> set[str]:
        return {self.key(thing) for thing in self.things()}.intersection(keys)

    def key(self, thing: FixedHelper) -> str:
        return _key_of(self.keys_of(thing))

    def keys_of(self, thing: FixedHelper) -> State:
        return {
            "unit": thing.unit.code,
            "kind": thing.kind,
            "user": thing.user.username,
            "place": thing.place.code if thing.place else "",
        }

    def key_in(self, cells: Mapping[str, str], around: Around) -> str:
        return _key_of(cells)

    def key_of(self, values: State) -> str:
        return _key_of(values)

    @property
    def needed(self) -> tuple[str, ...]:
        return ("unit", "kind", "user")

    def state(self, thing: FixedHelper) -> State:
        return {"active": thing.active}

    def make(self, values: State) -> FixedHelper:
        return FixedHelper.objects.create(
            unit=Unit.objects.get(code=values["unit"]),
            kind=values["kind"],
            user=User.objects.get(username=values["user"]),
            place=Place.objects.get(code=values["place"]) if values["place"] else None,
        )

    def write(self, thing: FixedHelper, values: State) -> None:
        if "active" in values:
            thing.active = values["active"]
            thing.save(update_fields=["active"])

    def label(self, thing: FixedHelper) -> str:
        return f"{thing.user} · {LegKind(thing.kind).label} · {name_of(thing.unit)}"

    def search_words(self, thing: FixedHelper) -> tuple[str, ...]:
        place = thing.place.name if thing.place else ""
        said = (str(thing.user), thing.user.username, thing.unit.name, thing.unit.name_en)
        return (*said, str(LegKind(thing.kind).label), place)

    def listed(self, things: Sequence[FixedHelper]) -> list[Listed]:
        return [
            Listed(
                self.key(each),
                str(each.user),
                each.user.username,
                (
                    name_of(each.unit),
                    str(LegKind(each.kind).label),
                    each.place.name if each.place else _("哪里都行"),
                ),
                each.active,
                "truck-delivery",
            )
            for each in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "kind" and value in LegKind.values:
            return str(LegKind(value).label)
        if name == "unit" and value:
            return around.unit_said(value)
        return super().said(name, value, around)

    def count(self) -> int:
        return FixedHelper.objects.filter(active=True).count()

    def obstacle_back(self, thing: FixedHelper, states: Mapping[str, State] | None = None) -> str:
        here = Post.objects.filter(user=thing.user, unit=thing.unit, active=True)
        return "" if here.exists() else _("这个人不在这个组里，请先给他这里的岗位")


HELPERS = Helpers(
    name="helper",
    icon="truck-delivery",
    title=gettext_lazy("固定跑腿的人"),
    one=pgettext_lazy("one", "固定跑腿的人"),
    why=gettext_lazy("组里自己的采购员、配送员：这一种步骤先问他，他不行再问别人。"),
    labels={
        "unit": gettext_lazy("哪个组或队"),
        "kind": gettext_lazy("做什么"),
        "user": gettext_lazy("谁"),
        "place": gettext_lazy("只在哪个点位"),
    },
    form=HelperForm,
    around=HelpersAround,
    heads=(gettext_lazy("哪个组或队"), gettext_lazy("做什么"), gettext_lazy("点位")),
    hints={
        "user": gettext_lazy("要在这个组里有岗位。"),
        "place": gettext_lazy("例如只在一家医院排队；空着就是哪里都行。从提示里选。"),
    },
    shows_key=False,
)
