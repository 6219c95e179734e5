"""Zones in the set-up: parts of the city that one may not simply walk into."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from procrastinate.exceptions import AlreadyEnqueued

from yinghu.common.job_queue import queue
from yinghu.dispatch.rezoning import rezone
from yinghu.people.models import Skill, Volunteer
from yinghu.places import locate
from yinghu.places.importing import BadRow, sound_outline
from yinghu.places.models import Zone
from yinghu.ui.forms import LineField, name_of
from yinghu.web.admin.areas import DegreeField, both_or_none
from yinghu.web.admin.kinds import Around, Concern, ExactAreaField, Kind, Listed, SetupForm, State
from yinghu.web.admin.units import clean_slug, few

_MARKS = re.compile(r"[|\n;；、，]")
_MOST_AREAS = 500
_MOST_OUTLINE = 400_000
"""Characters of an outline."""
_COLUMNS = {"lon": "gate_lon", "lat": "gate_lat"}
"""Fields of the form that the row has by another name: the gate is the one point of a zone."""


class AreasField(forms.CharField):
    """Areas one a line, each by its code or its name; the value is the sorted list of codes."""

    def __init__(self) -> None:
        rows = forms.Textarea(attrs={"rows": 4})
        super().__init__(required=False, max_length=60_000, widget=rows)

    def prepare_value(self, value: Any) -> Any:
        """Bare codes with their names beside them."""
        if not isinstance(value, str):
            return value
        known = locate.known_areas()
        lines = [line.strip() for line in _MARKS.split(value) if line.strip()]
        return "\n".join(
            f"{line} {name_of(known[line])}" if line in known else line for line in lines
        )

    def clean(self, value: Any) -> list[str]:
        lines = [line for part in _MARKS.split(super().clean(value)) if (line := part.strip())]
        if len(lines) > _MOST_AREAS:
            raise ValidationError(_("最多 %d 个区域；再大就写上一级的") % _MOST_AREAS)
        one, codes, wrong = ExactAreaField(max_length=120), set(), []
        for line in lines:
            try:
                codes.add(one.clean(line))
            except ValidationError as why:
                said = {"line": line[:40], "why": why.messages[0]}
                wrong.append(_("“%(line)s”：%(why)s") % said)
        if wrong:
            raise ValidationError(wrong)
        return sorted(codes)


class OutlineField(forms.CharField):
    """GeoJSON: a geometry, or a feature with one. The value is what the row keeps, or None."""

    def __init__(self) -> None:
        rows = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})
        super().__init__(required=False, max_length=_MOST_OUTLINE, widget=rows)

    def clean(self, value: Any) -> dict[str, Any] | None:
        text = str(super().clean(value)).strip()
        if not text:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise ValidationError(
                _("这不是 GeoJSON；可以在 geojson.io 这样的地方画好，把文字粘贴过来")
            ) from None
        features = found.get("features") if isinstance(found, dict) else None
        if isinstance(features, list) and len(features) == 1:
            found = features[0]
        if isinstance(found, dict) and found.get("type") == "Feature":
            found = found.get("geometry")
        if isinstance(features, list) and len(features) > 1:
            raise ValidationError(_("一个管控区只能有一个边界；几块的请画成一个 MultiPolygon"))
        try:
            return sound_outline(found)
        except BadRow as why:
            raise ValidationError(str(why)) from None


class ZoneForm(SetupForm):
    code = forms.CharField(max_length=40)
    name = LineField(max_length=80)
    name_en = LineField(max_length=120, required=False)
    status = forms.ChoiceField(choices=Zone.Status.choices)
    entry = forms.ChoiceField(choices=Zone.Entry.choices, initial=Zone.Entry.PASS.value)
    skill = forms.ChoiceField(required=False)
    areas = AreasField()
    outline = OutlineField()
    gate = LineField(max_length=120, required=False)
    lon = DegreeField(180)
    lat = DegreeField(90)

    def prepare(self) -> None:
        skill = self.fields["skill"]
        assert isinstance(skill, forms.ChoiceField)  # noqa: S101  # for the type checker
        now = self.around.states.get(self.key, {}).get("skill")
        skills = Skill.objects.filter(Q(active=True) | Q(pk=now or ""))
        skill.choices = [("", _("不用")), *((each.code, name_of(each)) for each in skills)]
        skill.error_messages["invalid_choice"] = _("没有代码为 %(value)s 的在用技能")
        for name, choices in (("status", Zone.Status), ("entry", Zone.Entry)):
            self.fields[name].error_messages["invalid_choice"] = _("应是这几个之一：%s") % _(
                "、"
            ).join(choices.values)

    def clean_code(self) -> str:
        return clean_slug(self, self.cleaned_data["code"])

    def clean_name(self) -> str:
        return self.must_be_only(self.cleaned_data["name"])

    def clean(self) -> State:
        cleaned = super().clean() or {}
        both_or_none(self, cleaned)
        said = "areas" in self.errors or "outline" in self.errors
        if not said and not cleaned.get("areas") and not cleaned.get("outline"):
            self.add_error("areas", _("写上有哪些区域，或者在下面贴上边界：至少要有一样"))
        return cleaned


class Zones(Kind):
    def things(self) -> Iterable[Zone]:
        return Zone.objects.order_by("code")

    def find(self, key: str) -> Zone | None:
        return Zone.objects.filter(pk=key).first()

    def state(self, thing: Zone) -> State:
        return {
            name: getattr(thing, _COLUMNS.get(name, name))
            for name in (*ZONES.labels, "active")
            if name != "code"
        }

    def cells(self, thing: Zone) -> dict[str, str]:
        outline = json.dumps(thing.outline) if thing.outline else ""
        return super().cells(thing) | {"outline": outline}

    def make(self, values: State) -> Zone:
        return Zone.objects.create(**_columns(values))

    def write(self, thing: Zone, values: State) -> None:
        columns = _columns(values)
        for name, value in columns.items():
            setattr(thing, name, value)
        thing.save(update_fields=list(columns))

    def refresh(self) -> None:
        """Legs that wait to be taken may lie in other zones now."""
        try:
            # Within another transaction a refusal must not spoil it.
            with transaction.atomic():
                queue(rezone.name)
        except AlreadyEnqueued:
            return

    def listed(self, things: Sequence[Zone]) -> list[Listed]:
        around = Around(self)
        return [
            Listed(
                zone.code,
                self.label(zone),
                zone.code,
                (
                    str(Zone.Status(zone.status).label),
                    str(Zone.Entry(zone.entry).label),
                    few([around.area_said(code) for code in zone.areas])
                    if zone.areas
                    else _("按画的边界"),
                    zone.gate,
                ),
                zone.active,
            )
            for zone in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "status" and value in Zone.Status.values:
            return str(Zone.Status(value).label)
        if name == "entry" and value in Zone.Entry.values:
            return str(Zone.Entry(value).label)
        if name == "areas" and value:
            return _("、").join(around.area_and_code_said(code) for code in value)
        if name == "outline" and value:
            return _("%d 个点的边界") % _points(value["coordinates"])
        return super().said(name, value, around)

    def concerns(self, thing: Zone) -> list[Concern]:
        found = [Concern(_("马上就不再管控：谁都能进，里面的人也能接外面的任务"), grave=True)]
        here = Volunteer.objects.filter(inside=thing.code).exclude(state=Volunteer.State.LEFT)
        if n := here.count():
            said = ngettext("%d 位志愿者住在里面", "%d 位志愿者住在里面", n)
            found.append(Concern(said % n))
        return found

    def count(self) -> int:
        return Zone.objects.filter(active=True).count()

    def warnings(self) -> list[str]:
        shut = Zone.objects.filter(active=True).exclude(status=Zone.Status.OPEN)
        bare = [name_of(zone) for zone in shut.defer("outline") if not zone.gate]
        return [_("没有写在哪里交接，送到门口的人不知道去哪：%s") % few(bare)] if bare else []


def _columns(values: State) -> State:
    return {_COLUMNS.get(name, name): value for name, value in values.items()}


def _points(coordinates: Any) -> int:
    """How many points there are in coordinates, however deep."""
    if coordinates and isinstance(coordinates[0], int | float):
        return 1
    return sum(_points(each) for each in coordinates)


ZONES = Zones(
    name="zone",
    icon="lock",
    title=gettext_lazy("管控区"),
    one=pgettext_lazy("one", "管控区"),
    why=gettext_lazy("不能随便进出的地方：谁能进、在哪里交接。送东西到里面时，按它分成几步。"),
    labels={
        "code": gettext_lazy("代码"),
        "name": gettext_lazy("名称"),
        "name_en": gettext_lazy("英文名称"),
        "status": gettext_lazy("状态"),
        "entry": gettext_lazy("谁能进"),
        "skill": gettext_lazy("还要会什么"),
        "areas": gettext_lazy("有哪些区域"),
        "outline": gettext_lazy("边界（GeoJSON）"),
        "gate": gettext_lazy("在哪里交接"),
        "lon": gettext_lazy("交接处的经度"),
        "lat": gettext_lazy("交接处的纬度"),
    },
    form=ZoneForm,
    heads=(
        gettext_lazy("状态"),
        gettext_lazy("谁能进"),
        gettext_lazy("有哪些区域"),
        gettext_lazy("在哪里交接"),
    ),
    hints={
        "code": gettext_lazy("简短的英文或拼音，例如 futian-1；建好以后不能改。"),
        "status": gettext_lazy(
            "“正常”时什么也不限；“管控”时按下面的规定进；“封控”时里面的志愿者也不出来。"
        ),
        "areas": gettext_lazy("一行一个：区域的代码或名称，连同它下面的都算。也可以只画边界。"),
        "outline": gettext_lazy("只有几栋楼，没有区域代码，就画一个边界，把 GeoJSON 文字贴过来。"),
        "gate": gettext_lazy("送来的人和里面的人在这里碰头，例如：北门岗亭"),
        "lon": gettext_lazy("在下面的地图上点出交接的地方，或者直接填 WGS-84 度。"),
    },
    marks=dict.fromkeys(("areas", "outline"), gettext_lazy("区域和边界，至少一样")),
)
