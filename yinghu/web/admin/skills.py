"""Skills in the set-up: what not every volunteer can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.people.models import Skill, Volunteer
from yinghu.ui.forms import LineField
from yinghu.web.admin.kinds import Concern, Kind, Listed, SetupForm, State
from yinghu.web.admin.units import clean_slug


class SkillForm(SetupForm):
    code = forms.CharField(max_length=40)
    name = LineField(max_length=60)
    name_en = LineField(max_length=60, required=False)
    order = forms.IntegerField(min_value=0, max_value=30_000, initial=100)

    def clean_code(self) -> str:
        return clean_slug(self, self.cleaned_data["code"])

    def clean_name(self) -> str:
        return self.must_be_only(self.cleaned_data["name"])


class Skills(Kind):
    def things(self) -> Iterable[Skill]:
        return Skill.objects.order_by("order", "code")

    def find(self, key: str) -> Skill | None:
        return Skill.objects.filter(pk=key).first()

    def state(self, thing: Skill) -> State:
        return {name: getattr(thing, name) for name in ("name", "name_en", "order", "active")}

    def make(self, values: State) -> Skill:
        return Skill.objects.create(**values)

    def write(self, thing: Skill, values: State) -> None:
        for name, value in values.items():
            setattr(thing, name, value)
        thing.save(update_fields=list(values))

    def listed(self, things: Sequence[Skill]) -> list[Listed]:
        here = Volunteer.objects.exclude(state=Volunteer.State.LEFT)
        having = Counter(
            code for codes in here.values_list("skills", flat=True) for code in codes or ()
        )
        return [
            Listed(
                skill.code,
                self.label(skill),
                skill.code,
                (str(having[skill.code]),),
                skill.active,
            )
            for skill in things
        ]

    def concerns(self, thing: Skill) -> list[Concern]:
        found = [Concern(_("报名时不再问它；已经有它的人照旧，要它的任务也照旧"))]
        here = Volunteer.objects.exclude(state=Volunteer.State.LEFT)
        if n := here.filter(skills__contains=[thing.code]).count():
            said = ngettext("%d 位志愿者会它", "%d 位志愿者会它", n)
            found.append(Concern(said % n))
        return found

    def count(self) -> int:
        return Skill.objects.filter(active=True).count()

    def warnings(self) -> list[str]:
        if Skill.objects.filter(active=True).exists():
            return []
        return [_("还没有技能：报名时不问会什么，任务也不能挑人。")]


SKILLS = Skills(
    name="skill",
    icon="stethoscope",
    title=gettext_lazy("技能"),
    one=pgettext_lazy("one", "技能"),
    why=gettext_lazy("不是谁都会的：开车、懂医护、外语、搬重物。报名时勾，任务按它挑人。"),
    labels={
        "code": gettext_lazy("代码"),
        "name": gettext_lazy("名称"),
        "name_en": gettext_lazy("英文名称"),
        "order": gettext_lazy("顺序"),
    },
    form=SkillForm,
    heads=(gettext_lazy("多少人会"),),
    hints={
        "code": gettext_lazy("简短的英文或拼音，例如 car；建好以后不能改。"),
        "name": gettext_lazy("报名的人看到的，例如：开车、懂医护、英语"),
        "order": gettext_lazy("小的在前面。"),
    },
)
