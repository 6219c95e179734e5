"""Units in the set-up: who can be answerable for an appeal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.appeals.models import Appeal
from yinghu.dispatch.models import RoutingRule
from yinghu.people.access import administrators
from yinghu.people.models import Level, Post, Unit, UnitKind
from yinghu.places import locate
from yinghu.places.importing import SLUG
from yinghu.ui.forms import LineField, PickerSelect, name_of
from yinghu.web.admin.kinds import (
    Around,
    Concern,
    Kind,
    Listed,
    SetupForm,
    State,
    area_field,
    open_cases,
)


def clean_slug(form: SetupForm, code: str) -> str:
    if not SLUG.fullmatch(code):
        raise ValidationError(_("代码只用字母、数字、短横和下划线，最多 40 个"))
    return form.must_be_new(code)


class UnitForm(SetupForm):
    code = forms.CharField(max_length=40)
    name = LineField(max_length=80)
    name_en = LineField(max_length=80, required=False)
    kind = forms.ChoiceField(choices=UnitKind.choices)
    area = area_field()
    parent = forms.ChoiceField(required=False, widget=PickerSelect)
    most_held = forms.IntegerField(
        min_value=0, max_value=1000, required=False, initial=Unit.MOST_HELD
    )

    def prepare(self) -> None:
        parent, states = self.fields["parent"], self.around.states
        assert isinstance(parent, forms.ChoiceField)  # noqa: S101  # for the type checker
        now = states.get(self.key, {}).get("parent")
        parent.choices = [
            ("", _("没有")),
            *(
                (code, state["name"])
                for code, state in states.items()
                if code != self.key and (state["active"] or code == now)
            ),
        ]
        parent.error_messages["invalid_choice"] = _("没有代码为 %(value)s 的在用单位")
        self.fields["kind"].error_messages["invalid_choice"] = _("种类应是这几个之一：%s") % _(
            "、"
        ).join(UnitKind.values)

    def clean_code(self) -> str:
        return clean_slug(self, self.cleaned_data["code"])

    def clean_name(self) -> str:
        return self.must_be_only(self.cleaned_data["name"])

    def clean_most_held(self) -> int:
        given: int | None = self.cleaned_data["most_held"]
        return Unit.MOST_HELD if given is None else given

    def clean_parent(self) -> str:
        parent: str = self.cleaned_data["parent"]
        above, seen = parent, {self.key}
        while above and self.key:
            if above in seen:
                raise ValidationError(_("这个单位就在它下面，上下级绕成了圈"))
            seen.add(above)
            above = self.around.states.get(above, {}).get("parent", "")
        return parent


class Units(Kind):
    def things(self) -> Iterable[Unit]:
        return Unit.objects.select_related("parent").order_by("kind", "name")

    def find(self, key: str) -> Unit | None:
        return Unit.objects.select_related("parent").filter(code=key).first()

    def state(self, thing: Unit) -> State:
        return {
            "name": thing.name,
            "name_en": thing.name_en,
            "kind": thing.kind,
            "area": thing.area_id or "",
            "parent": thing.parent.code if thing.parent else "",
            "most_held": thing.most_held,
            "active": thing.active,
        }

    def make(self, values: State) -> Unit:
        unit = Unit(code=values["code"])
        _put(unit, values)
        return unit

    def write(self, thing: Unit, values: State) -> None:
        _put(thing, values)

    def listed(self, things: Sequence[Unit]) -> list[Listed]:
        people = _people(things)
        areas = locate.known_areas()
        return [
            Listed(
                unit.code,
                self.label(unit),
                unit.code,
                (
                    str(UnitKind(unit.kind).label),
                    _level_said(unit.level),
                    name_of(areas[unit.area_id]) if unit.area_id in areas else _("全市"),
                    str(people.get(unit.pk, 0)),
                ),
                unit.active,
            )
            for unit in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "kind" and value in UnitKind.values:
            return str(UnitKind(value).label)
        if name == "area" and value:
            return around.area_and_code_said(value)
        if name == "parent" and value:
            return around.unit_said(value)
        if name == "most_held" and value == 0:
            return _("不限")
        return super().said(name, value, around)

    def obstacle(self, thing: Unit) -> str:
        admins = administrators()
        if admins.exists() and not admins.exclude(unit=thing).exists():
            return _("管理员都在这个单位：停用它，就没有人能进设置了。请先在别的单位设一位管理员。")
        return ""

    def concerns(self, thing: Unit) -> list[Concern]:
        cases = open_cases(Appeal.objects.filter(unit=thing))
        posts = Post.objects.filter(unit=thing, active=True).count()
        rules = RoutingRule.objects.filter(unit=thing, active=True).count()
        children = Unit.objects.filter(parent=thing, active=True).count()
        found = []
        if cases:
            said = (
                ngettext(
                    "%d 件没办完的诉求在它手里：停用以后它的人看不到了，请先让派单员改派",
                    "%d 件没办完的诉求在它手里：停用以后它的人看不到了，请先让派单员改派",
                    cases,
                )
                % cases
            )
            found.append(Concern(said, grave=True))
        if posts:
            said = (
                ngettext(
                    "%d 个岗位在这里：这些人就没有这个岗位了，恢复单位时一起回来",
                    "%d 个岗位在这里：这些人就没有这个岗位了，恢复单位时一起回来",
                    posts,
                )
                % posts
            )
            found.append(Concern(said, grave=True))
        if rules:
            found.append(
                Concern(
                    ngettext(
                        "%d 条派单规则派给它：停用期间跳过，这些诉求会落到后面的规则或派单席",
                        "%d 条派单规则派给它：停用期间跳过，这些诉求会落到后面的规则或派单席",
                        rules,
                    )
                    % rules
                )
            )
        if children:
            found.append(
                Concern(
                    ngettext(
                        "%d 个单位是它的下级：它们照常工作",
                        "%d 个单位是它的下级：它们照常工作",
                        children,
                    )
                    % children
                )
            )
        return found

    def count(self) -> int:
        return Unit.objects.filter(active=True).count()

    def warnings(self) -> list[str]:
        units = Unit.objects.filter(active=True)
        if not units.exists():
            return [_("还没有单位：诉求没有地方可派。")]
        staffed = Post.objects.filter(active=True, user__is_active=True).values("unit")
        bare = [name_of(unit) for unit in units.exclude(pk__in=staffed)]
        found = [_("这些单位还没有人：%s") % few(bare)] if bare else []
        if not units.filter(kind=UnitKind.COMMAND, pk__in=staffed).exists():
            found.append(_("没有指挥中心，提级到头没有人接。"))
        return found


def _level_said(level: Level) -> str:
    return _("%(n)d 级 · %(level)s") % {"n": level.value, "level": level.label}


def _put(unit: Unit, values: State) -> None:
    for name, value in values.items():
        if name == "area":
            unit.area_id = value or None
        elif name == "parent":
            unit.parent = Unit.objects.get(code=value) if value else None
        else:
            setattr(unit, name, value)
    unit.save()


def _people(units: Sequence[Unit]) -> dict[int, int]:
    """How many people each has."""
    serving = Q(active=True, user__is_active=True)
    found = Post.objects.filter(serving, unit__in=units).values("unit")
    return {row["unit"]: row["n"] for row in found.annotate(n=Count("user", distinct=True))}


def few(names: Sequence[str], most: int = 5) -> str:
    """The first of them in words, and that there are more."""
    said = _("、").join(names[:most])
    return (
        _("%(names)s 等 %(n)d 个") % {"names": said, "n": len(names)} if len(names) > most else said
    )


UNITS = Units(
    name="unit",
    icon="building",
    title=gettext_lazy("单位"),
    one=pgettext_lazy("one", "单位"),
    why=gettext_lazy("部门、镇街、功能组、志愿队、专班：诉求派给它们，人在它们里面。"),
    labels={
        "code": gettext_lazy("代码"),
        "name": gettext_lazy("名称"),
        "name_en": gettext_lazy("英文名称"),
        "kind": gettext_lazy("种类"),
        "area": gettext_lazy("管辖区域"),
        "parent": gettext_lazy("上级单位"),
        "most_held": gettext_lazy("每位志愿者手上最多几件"),
    },
    form=UnitForm,
    heads=(
        gettext_lazy("种类"),
        gettext_lazy("层级"),
        gettext_lazy("管辖区域"),
        gettext_lazy("人数"),
    ),
    hints={
        "code": gettext_lazy("简短的英文或拼音，例如 milk；建好以后不能改。"),
        "area": gettext_lazy("空着就是全市。写几个字，或拼音首字母，从提示里选。"),
        "name": gettext_lazy("群众在进度页面上看到的就是这个名称。"),
        "kind": gettext_lazy(
            "决定它在哪一级：网格、村社、镇街、部门、指挥中心，办不了的往上提一级。"
        ),
        "most_held": gettext_lazy("到了这个数，要办好或放回一件才能再接。0 是不限；空着按 5 件。"),
    },
)
