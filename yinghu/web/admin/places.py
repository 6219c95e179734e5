"""Places with a QR sticker in the set-up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.appeals.models import Appeal
from yinghu.places import locate
from yinghu.places.models import Place, new_place_code
from yinghu.ui.forms import LineField, name_of
from yinghu.web.admin.areas import DegreeField, both_or_none
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
from yinghu.web.admin.units import clean_slug


class PlaceForm(SetupForm):
    code = forms.CharField(max_length=40, required=False)
    name = LineField(max_length=80)
    area = area_field()
    address = LineField(max_length=200, required=False)
    lon = DegreeField(180)
    lat = DegreeField(90)

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        return clean_slug(self, code) if code else ""

    def clean(self) -> State:
        cleaned = super().clean() or {}
        both_or_none(self, cleaned)
        lon, lat = cleaned.get("lon"), cleaned.get("lat")
        if not cleaned.get("area") and "area" not in self.errors:
            found = locate.by_point(lon, lat) if lon is not None and lat is not None else None
            if found is None and lon is not None:
                self.add_error("area", _("这个位置不在任何一个区域里，请选一个区域"))
            elif found is None:
                self.add_error("area", _("请选一个区域，或者在地图上点出位置"))
            else:
                cleaned["area"] = found.pk
        if cleaned.get("name") and cleaned.get("area"):
            self._is_only_here(cleaned["name"], cleaned["area"])
        return cleaned

    def _is_only_here(self, name: str, area: str) -> None:
        """Two stickers of one name in one area could not be told apart when printed."""
        for key in self.around.names.get(name, ()):
            if key != self.key and self.around.states[key]["area"] == area:
                self.add_error("name", _("这个区域里已经有叫“%s”的点位了") % name)
                return


class Places(Kind):
    def things(self) -> Iterable[Place]:
        return (
            Place.objects.select_related("area").defer("area__outline").order_by("area_id", "name")
        )

    def find(self, key: str) -> Place | None:
        return Place.objects.select_related("area").filter(code=key).first()

    def there(self, keys: Collection[str]) -> set[str]:
        return set(Place.objects.filter(code__in=keys).values_list("code", flat=True))

    def state(self, thing: Place) -> State:
        return {
            "name": thing.name,
            "area": thing.area_id,
            "address": thing.address,
            "lon": thing.lon,
            "lat": thing.lat,
            "active": thing.active,
        }

    def make(self, values: State) -> Place:
        # Drawn no earlier: a file would do something else each time that one looks at it.
        place = Place(code=values["code"] or new_place_code())
        _put(place, {name: value for name, value in values.items() if name != "code"})
        return place

    def write(self, thing: Place, values: State) -> None:
        _put(thing, values)

    def search_words(self, thing: Place) -> tuple[str, ...]:
        return (thing.code, thing.name, thing.address, thing.area.name, thing.area_id)

    def listed(self, things: Sequence[Place]) -> list[Listed]:
        return [
            Listed(
                each.code,
                each.name,
                each.code,
                (name_of(each.area), each.address),
                each.active,
            )
            for each in things
        ]

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "area" and value:
            return around.area_and_code_said(value)
        return super().said(name, value, around)

    def concerns(self, thing: Place) -> list[Concern]:
        cases = open_cases(Appeal.objects.filter(place=thing))
        found = [
            Concern(_("已经贴出去的贴纸还能扫：页面会说没有认出这张贴纸，请人写明地点，照样能求助"))
        ]
        if cases:
            found.append(
                Concern(
                    ngettext(
                        "%d 件没办完的诉求是在这里提的：它们照常办",
                        "%d 件没办完的诉求是在这里提的：它们照常办",
                        cases,
                    )
                    % cases
                )
            )
        return found

    def count(self) -> int:
        return Place.objects.filter(active=True).count()

    def warnings(self) -> list[str]:
        places = Place.objects.filter(active=True)
        if not places.exists():
            return [_("还没有点位：没有贴纸可扫，人们只能从首页求助。")]
        blind = places.filter(lon=None).count()
        return (
            [
                ngettext(
                    "%d 个点位没有坐标，地图上看不到，也不能按远近找志愿者。",
                    "%d 个点位没有坐标，地图上看不到，也不能按远近找志愿者。",
                    blind,
                )
                % blind
            ]
            if blind
            else []
        )


def _put(place: Place, values: State) -> None:
    for name, value in values.items():
        setattr(place, "area_id" if name == "area" else name, value)
    place.save()


PLACES = Places(
    name="place",
    icon="qrcode",
    title=gettext_lazy("点位和二维码"),
    one=pgettext_lazy("one", "点位"),
    why=gettext_lazy("贴了二维码的地方：扫一扫就能求助，不用写在哪里。"),
    labels={
        "code": gettext_lazy("代码"),
        "name": gettext_lazy("名称"),
        "area": gettext_lazy("区域"),
        "address": gettext_lazy("地址"),
        "lon": gettext_lazy("经度"),
        "lat": gettext_lazy("纬度"),
    },
    form=PlaceForm,
    heads=(gettext_lazy("区域"), gettext_lazy("地址")),
    hints={
        "code": gettext_lazy("写在二维码里；空着就自动取一个。建好以后不能改，贴纸才一直能用。"),
        "name": gettext_lazy("扫码的人首先看到它，例如：福田社区便民服务中心"),
        "area": gettext_lazy(
            "区域和位置至少要有一样。写几个字，或拼音首字母，从提示里选；"
            "空着就按位置定，那就要在下面的地图上点出来。"
        ),
        "lon": gettext_lazy(
            "在下面的地图上点，或者直接填 WGS-84 度；上面没有选区域，这里就一定要有。"
        ),
    },
    marks=dict.fromkeys(("area", "lon", "lat"), gettext_lazy("区域和位置，至少一样")),
)
