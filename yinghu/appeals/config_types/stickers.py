"""Configuration of places with a QR sticker."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.common.config_types.config_form import CodeField, ConfigForm, State
from yinghu.common.config_types.config_type import Field
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField
from yinghu.common.language import name_of
from yinghu.places import locate
from yinghu.places.area_fields import (
    DegreeField,
    area_field,
    require_whole_point,
    show_area_with_code,
)
from yinghu.places.models import Place, new_place_code


class PlaceForm(ConfigForm):
    code = CodeField(required=False)
    name = LineField(max_length=80)
    area = area_field()
    address = LineField(max_length=200, required=False)
    lon = DegreeField(180)
    lat = DegreeField(90)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        require_whole_point(self, cleaned)
        lon, lat = cleaned.get("lon"), cleaned.get("lat")
        if not cleaned.get("area") and "area" not in self.errors:
            found = locate.by_point(lon, lat) if lon is not None and lat is not None else None
            if found is not None:
                cleaned["area"] = found.pk
            elif lon is not None:
                self.add_error("area", _("这个位置不在任何一个区域里，请选一个区域"))
            else:
                self.add_error("area", _("请选一个区域，或者在地图上点出位置"))
        # Unique in its area, so that printed stickers can be told apart.
        name, area = cleaned.get("name", ""), cleaned.get("area")
        others = [key for key in self.context.names.get(name, ()) if key != self.key]
        if area and any(self.context.states[key]["area"] == area for key in others):
            self.add_error("name", _("这个区域里已经有叫“%s”的点位了") % name)
        return cleaned


_EITHER = gettext_lazy("区域和位置，至少一样")


class PlaceType(ModelType):
    model = Place
    order = ("area_id", "name")
    name = "place"
    icon = "qrcode"
    title = gettext_lazy("点位和二维码")
    one = pgettext_lazy("one", "点位")
    why = gettext_lazy("贴了二维码的地方：扫一扫就能求助，不用写在哪里。")
    form = PlaceForm
    fields = (
        Field(
            "code",
            gettext_lazy("代码"),
            gettext_lazy("写在二维码里；空着就自动取一个。建好以后不能改，贴纸才一直能用。"),
        ),
        Field(
            "name",
            gettext_lazy("名称"),
            gettext_lazy("扫码的人首先看到它，例如：福田社区便民服务中心"),
        ),
        Field(
            "area",
            gettext_lazy("区域"),
            gettext_lazy(
                "区域和位置至少要有一样。写几个字，或拼音首字母，从提示里选；"
                "空着就按位置定，那就要在下面的地图上点出来。"
            ),
            _EITHER,
            show=show_area_with_code,
        ),
        Field("address", gettext_lazy("地址")),
        Field(
            "lon",
            gettext_lazy("经度"),
            gettext_lazy(
                "在下面的地图上点，或者直接填 WGS-84 度；上面没有选区域，这里就一定要有。"
            ),
            _EITHER,
        ),
        Field("lat", gettext_lazy("纬度"), note=_EITHER),
    )
    heads = (gettext_lazy("区域"), gettext_lazy("地址"))

    def rows(self) -> QuerySet[Place]:
        return super().rows().select_related("area").defer("area__outline")

    def new(self, values: State) -> Place:
        # Generated only on creation, so that previews do not differ.
        place: Place = super().new(values | {"code": values["code"] or new_place_code()})
        return place

    def search_words(self, row: Place) -> tuple[str, ...]:
        return (row.code, row.name, row.address, row.area.name, row.area_id)

    def list_cells(self, rows: Sequence[Place]) -> list[Sequence[str]]:
        return [(name_of(each.area), each.address) for each in rows]

    def warnings(self) -> list[str]:
        places = Place.objects.filter(active=True)
        if not places.exists():
            return [_("还没有点位：没有贴纸可扫，人们只能从首页求助。")]
        blind = places.filter(lon=None).count()
        said = ngettext(
            "%d 个点位没有坐标，地图上看不到，也不能按远近找志愿者。",
            "%d 个点位没有坐标，地图上看不到，也不能按远近找志愿者。",
            blind,
        )
        return [said % blind] if blind else []


STICKERS = PlaceType()
