"""Configuration type of zones: parts of the city with restricted access."""

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from shapely import get_num_coordinates
from shapely.geometry import shape

from yinghu.common.config_types.config_form import CodeField, ConfigForm, FormContext, State
from yinghu.common.config_types.config_type import Field, few
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField
from yinghu.common.language import name_of
from yinghu.people.models import Skill
from yinghu.places.area_fields import (
    AreasField,
    DegreeField,
    OutlineField,
    area_name,
    require_whole_point,
    show_area_with_code,
)
from yinghu.places.models import Zone


class ZoneForm(ConfigForm):
    unique_name = True

    code = CodeField()
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
        skills = self.context.choices(Skill, keep=self.state_now.get("skill"))
        self.choose("skill", skills, _("没有代码为 %(value)s 的在用技能"), _("不用"))
        for name, known in (("status", Zone.Status), ("entry", Zone.Entry)):
            wrong = _("应是这几个之一：%s") % _("、").join(known.values)
            self.choose(name, known.choices, wrong)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        require_whole_point(self, cleaned)
        said = "areas" in self.errors or "outline" in self.errors
        if not said and not cleaned.get("areas") and not cleaned.get("outline"):
            self.add_error("areas", _("写上有哪些区域，或者在下面贴上边界：至少要有一样"))
        return cleaned


def _show_areas(codes: list[str], context: FormContext) -> str:
    return _("、").join(show_area_with_code(code, context) for code in codes)


_EITHER = gettext_lazy("区域和边界，至少一样")


class ZoneType(ModelType):
    model = Zone
    order = ("code",)
    name = "zone"
    icon = "lock"
    title = gettext_lazy("管控区")
    one = pgettext_lazy("one", "管控区")
    why = gettext_lazy("不能随便进出的地方：谁能进、在哪里交接。送东西到里面时，按它分成几步。")
    form = ZoneForm
    fields = (
        Field(
            "code",
            gettext_lazy("代码"),
            gettext_lazy("简短的英文或拼音，例如 futian-1；建好以后不能改。"),
        ),
        Field("name", gettext_lazy("名称")),
        Field("name_en", gettext_lazy("英文名称")),
        Field(
            "status",
            gettext_lazy("状态"),
            gettext_lazy(
                "“正常”时什么也不限；“管控”时按下面的规定进；“封控”时里面的志愿者也不出来。"
            ),
            choices=Zone.Status,
        ),
        Field("entry", gettext_lazy("谁能进"), choices=Zone.Entry),
        Field("skill", gettext_lazy("还要会什么")),
        Field(
            "areas",
            gettext_lazy("有哪些区域"),
            gettext_lazy("一行一个：区域的代码或名称，连同它下面的都算。也可以只画边界。"),
            _EITHER,
            show=_show_areas,
        ),
        Field(
            "outline",
            gettext_lazy("边界（GeoJSON）"),
            gettext_lazy("只有几栋楼，没有区域代码，就画一个边界，把 GeoJSON 文字贴过来。"),
            _EITHER,
            show=lambda outline, _context: _("%d 个点的边界") % get_num_coordinates(shape(outline)),
        ),
        Field(
            "gate",
            gettext_lazy("在哪里交接"),
            gettext_lazy("送来的人和里面的人在这里碰头，例如：北门岗亭"),
        ),
        Field(
            "lon",
            gettext_lazy("交接处的经度"),
            gettext_lazy("在下面的地图上点出交接的地方，或者直接填 WGS-84 度。"),
            attribute="gate_lon",
        ),
        Field("lat", gettext_lazy("交接处的纬度"), attribute="gate_lat"),
    )
    heads = (
        gettext_lazy("状态"),
        gettext_lazy("谁能进"),
        gettext_lazy("有哪些区域"),
        gettext_lazy("在哪里交接"),
    )

    def list_cells(self, rows: Sequence[Zone]) -> list[Sequence[str]]:
        return [
            (
                str(Zone.Status(zone.status).label),
                str(Zone.Entry(zone.entry).label),
                few([area_name(code) for code in zone.areas]) if zone.areas else _("按画的边界"),
                zone.gate,
            )
            for zone in rows
        ]

    def warnings(self) -> list[str]:
        shut = Zone.objects.filter(active=True).exclude(status=Zone.Status.OPEN)
        bare = [name_of(zone) for zone in shut.defer("outline") if not zone.gate]
        return [_("没有写在哪里交接，送到门口的人不知道去哪：%s") % few(bare)] if bare else []


ZONES = ZoneType()
