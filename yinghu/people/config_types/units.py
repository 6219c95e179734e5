"""Configuration of units and of volunteers' skills."""

from collections import Counter
from collections.abc import Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from yinghu.common.config_types.config_form import CodeField, ConfigForm, State, order_field
from yinghu.common.config_types.config_type import Field, few
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField, PickerSelect
from yinghu.common.language import name_of
from yinghu.people.access import administrators
from yinghu.people.models import Post, Skill, Unit, UnitKind, Volunteer
from yinghu.places.area_fields import COVERED_AREA, area_field, area_name


class UnitForm(ConfigForm):
    unique_name = True

    code = CodeField()
    name = LineField(max_length=80)
    name_en = LineField(max_length=80, required=False)
    kind = forms.ChoiceField(choices=UnitKind.choices)
    area = area_field()
    parent = forms.ChoiceField(required=False, widget=PickerSelect)
    most_held = forms.IntegerField(
        min_value=0, max_value=1000, required=False, initial=Unit.MOST_HELD
    )

    def prepare(self) -> None:
        now = self.state_now.get("parent")
        parents = [
            (code, state["name"])
            for code, state in self.context.states.items()
            if code != self.key and (state["active"] or code == now)
        ]
        self.choose("parent", parents, _("没有代码为 %(value)s 的在用单位"), _("没有"))
        known = _("、").join(UnitKind.values)
        self.choose("kind", UnitKind.choices, _("种类应是这几个之一：%s") % known)

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
            above = self.context.states.get(above, {}).get("parent", "")
        return parent


class UnitType(ModelType):
    model = Unit
    order = ("kind", "name")
    name = "unit"
    icon = "building"
    title = gettext_lazy("单位")
    one = pgettext_lazy("one", "单位")
    why = gettext_lazy("部门、镇街、功能组、志愿队、专班：诉求派给它们，人在它们里面。")
    form = UnitForm
    fields = (
        Field(
            "code",
            gettext_lazy("代码"),
            gettext_lazy("简短的英文或拼音，例如 milk；建好以后不能改。"),
        ),
        Field("name", gettext_lazy("名称"), gettext_lazy("群众在进度页面上看到的就是这个名称。")),
        Field("name_en", gettext_lazy("英文名称")),
        Field(
            "kind",
            gettext_lazy("种类"),
            gettext_lazy("决定它在哪一级：网格、村社、镇街、部门、指挥中心，办不了的往上提一级。"),
            choices=UnitKind,
        ),
        COVERED_AREA,
        Field("parent", gettext_lazy("上级单位"), target=Unit),
        Field(
            "most_held",
            gettext_lazy("每位志愿者手上最多几件"),
            gettext_lazy("到了这个数，要办好或放回一件才能再接。0 是不限；空着按 5 件。"),
            show=lambda most, _context: str(most) if most else _("不限"),
        ),
    )
    heads = (
        gettext_lazy("种类"),
        gettext_lazy("层级"),
        gettext_lazy("管辖区域"),
        gettext_lazy("人数"),
    )

    def create_many(self, many: Sequence[State]) -> list[Unit]:
        # One by one, because a unit may be the parent of the next.
        return [self.create(values) for values in many]

    def list_cells(self, rows: Sequence[Unit]) -> list[Sequence[str]]:
        serving = Q(active=True, user__is_active=True)
        found = Post.objects.filter(serving, unit__in=rows).values("unit")
        people = dict(
            found.annotate(n=Count("user", distinct=True)).values_list("unit", "n").order_by()
        )
        return [
            (
                str(UnitKind(unit.kind).label),
                _("%(n)d 级 · %(level)s") % {"n": unit.level.value, "level": unit.level.label},
                area_name(unit.area_id) if unit.area_id else _("全市"),
                str(people.get(unit.pk, 0)),
            )
            for unit in rows
        ]

    def retire_obstacle(self, row: Unit) -> str:
        admins = administrators()
        if admins.exists() and not admins.exclude(unit=row).exists():
            return _("管理员都在这个单位：停用它，就没有人能进设置了。请先在别的单位设一位管理员。")
        return ""

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


UNITS = UnitType()


class SkillForm(ConfigForm):
    unique_name = True

    code = CodeField()
    name = LineField(max_length=60)
    name_en = LineField(max_length=60, required=False)
    order = order_field()


class SkillType(ModelType):
    model = Skill
    order = ("order", "code")
    name = "skill"
    icon = "stethoscope"
    title = gettext_lazy("技能")
    one = pgettext_lazy("one", "技能")
    why = gettext_lazy("不是谁都会的：开车、懂医护、外语、搬重物。报名时勾，任务按它挑人。")
    form = SkillForm
    fields = (
        Field(
            "code",
            gettext_lazy("代码"),
            gettext_lazy("简短的英文或拼音，例如 car；建好以后不能改。"),
        ),
        Field(
            "name",
            gettext_lazy("名称"),
            gettext_lazy("报名的人看到的，例如：开车、懂医护、英语"),
        ),
        Field("name_en", gettext_lazy("英文名称")),
        Field("order", gettext_lazy("顺序"), gettext_lazy("小的在前面。")),
    )
    heads = (gettext_lazy("多少人会"),)

    def list_cells(self, rows: Sequence[Skill]) -> list[Sequence[str]]:
        here = Volunteer.objects.exclude(state=Volunteer.State.LEFT)
        having = Counter(
            code for codes in here.values_list("skills", flat=True) for code in codes or ()
        )
        return [(str(having[skill.code]),) for skill in rows]

    def warnings(self) -> list[str]:
        if self.count():
            return []
        return [_("还没有技能：报名时不问会什么，任务也不能挑人。")]


SKILLS = SkillType()
