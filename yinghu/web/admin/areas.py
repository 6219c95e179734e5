"""Areas in the set-up: a tree by code prefix, however many there are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from yinghu.appeals.models import Appeal
from yinghu.dispatch.models import RoutingRule
from yinghu.people.models import Post, Unit
from yinghu.places import locate
from yinghu.places.importing import ALIAS_MARKS, CODE
from yinghu.places.models import LENGTHS, Area, AreaAlias, Level, Place, level_of, parent_code_in
from yinghu.ui.forms import LineField
from yinghu.web.admin.kinds import Around, Concern, Kind, Listed, SetupForm, State, fits, open_cases


class DegreeField(forms.FloatField):
    """Degrees of longitude or latitude."""

    def __init__(self, most: int) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
        self.most = most

    def clean(self, value: Any) -> float | None:
        wrong = ValidationError(
            _("应是 -%(n)d 到 %(n)d 之间的度数，例如 120.0751") % {"n": self.most}
        )
        try:
            found: float | None = super().clean(value)
        except ValidationError:
            raise wrong from None
        if found is not None and abs(found) > self.most:
            raise wrong
        return found


def both_or_none(form: SetupForm, cleaned: State) -> None:
    """A half point is none."""
    lon, lat = cleaned.get("lon"), cleaned.get("lat")
    if (lon is None) != (lat is None) and "lon" not in form.errors and "lat" not in form.errors:
        form.add_error("lat" if lat is None else "lon", _("经度和纬度要么都填，要么都不填"))


class AliasesField(forms.CharField):
    """Other names, parted by marks or line ends; the value is a sorted list."""

    def prepare_value(self, value: Any) -> Any:
        return value.replace("|", pgettext("aliases", "、")) if isinstance(value, str) else value

    def clean(self, value: Any) -> list[str]:
        text = str(super().clean(value))
        names = {" ".join(part.split()) for part in ALIAS_MARKS.split(text.replace("\n", "|"))}
        if any(len(name) > 80 for name in names):
            raise ValidationError(_("每个别名最多 80 个字；几个别名用顿号隔开"))
        return sorted(name for name in names if name)


class AreasAround(Around):
    """Areas without their outlines, and the tree that their codes make."""

    @cached_property
    def siblings(self) -> dict[tuple[str, str], list[str]]:
        """Codes of living areas by (code of the parent, name)."""
        found: dict[tuple[str, str], list[str]] = {}
        for code, state in self.states.items():
            if state["active"]:
                at = (parent_code_in(code, self.states), state["name"])
                found.setdefault(at, []).append(code)
        return found

    def add(self, key: str, state: State) -> None:
        super().add(key, state)
        if state.get("active", True):
            at = (parent_code_in(key, self.states), state["name"])
            self.siblings.setdefault(at, []).append(key)


class AreaForm(SetupForm):
    code = forms.CharField(max_length=24)
    name = LineField(max_length=80)
    name_en = LineField(max_length=120, required=False)
    level = forms.TypedChoiceField(coerce=int, required=False, empty_value=None)
    lon = DegreeField(180)
    lat = DegreeField(90)
    aliases = AliasesField(max_length=2000, required=False)

    around: AreasAround

    def prepare(self) -> None:
        level = self.fields["level"]
        assert isinstance(level, forms.TypedChoiceField)  # noqa: S101  # for the type checker
        level.choices = [("", _("按代码长度")), *((str(n), text) for n, text in Level.choices)]
        level.error_messages["invalid_choice"] = _("层级应为 1 至 5")

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not CODE.fullmatch(code):
            raise ValidationError(_("代码只用字母、数字、点和短横，以字母或数字开头"))
        under = self.data.get("under", "")
        if under and not (code.startswith(under) and code != under):
            raise ValidationError(_("代码要以上级区域的代码 %s 开头，后面再加几位") % under)
        return self.must_be_new(code)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        both_or_none(self, cleaned)
        code = self.key or cleaned.get("code")
        if not code or "level" in self.errors:
            return cleaned
        states = self.around.states
        above = parent_code_in(code, states)
        if cleaned.get("level") is None:
            now = states.get(code, {}).get("level")
            cleaned["level"] = now or _level(code, states[above]["level"] if above else 0)
        self._fits(code, above, cleaned)
        name = cleaned.get("name")
        others = self.around.siblings.get((above, name or ""), ())
        if name and any(other != code for other in others):
            self.add_error("name", _("同一个上级下面已经有“%s”，请写得能分清") % name)
        return cleaned

    def _fits(self, code: str, above: str, cleaned: State) -> None:
        """The level is below that of the area above, and above those of the areas below."""
        states, level = self.around.states, cleaned["level"]
        where = "code" if "code" in self.fields else "level"
        if above and states[above]["level"] >= level:
            said = {"above": states[above]["name"], "level": Level(states[above]["level"]).label}
            self.add_error("level", _("上级“%(above)s”是%(level)s，这里要再低一级") % said)
        if not above and level > Level.COUNTY:
            self.add_error(
                where, _("代码的前几位不是任何已有区域的代码，所以它没有上级；请先建上级区域")
            )
        if above and not self.key and not states[above]["active"]:
            self.add_error(where, _("上级“%s”已停用，请先恢复它") % states[above]["name"])
        if self.key and level != states[code]["level"]:
            below = [
                each
                for key, each in states.items()
                if key != code and key.startswith(code) and each["level"] <= level
            ]
            if below:
                self.add_error("level", _("下面的“%s”层级比这还高，要先改它") % below[0]["name"])


def _level(code: str, above: int) -> int:
    return level_of(code) if len(code) in LENGTHS else min(5, above + 1)


class Areas(Kind):
    def things(self) -> Iterable[Area]:
        return Area.objects.defer("outline").prefetch_related("aliases").order_by("code")

    def find(self, key: str) -> Area | None:
        return Area.objects.filter(pk=key).defer("outline").first()

    def there(self, keys: Collection[str]) -> set[str]:
        return set(Area.objects.filter(pk__in=keys).values_list("code", flat=True))

    def state(self, thing: Area) -> State:
        return {
            "name": thing.name,
            "name_en": thing.name_en,
            "level": thing.level,
            "lon": thing.lon,
            "lat": thing.lat,
            "aliases": sorted(alias.name for alias in thing.aliases.all()),
            "active": thing.retired_at is None,
        }

    def make(self, values: State) -> Area:
        columns = {name: value for name, value in values.items() if name != "aliases"}
        area = Area.objects.create(**columns)
        if values["aliases"]:
            _set_aliases(area, values["aliases"])
        return area

    def write(self, thing: Area, values: State) -> None:
        for name, value in values.items():
            if name == "active":
                thing.retired_at = None if value else timezone.now()
            elif name == "aliases":
                _set_aliases(thing, value)
            else:
                setattr(thing, name, value)
        # With its time: other processes look for a newer one.
        thing.save(
            update_fields=["name", "name_en", "level", "lon", "lat", "retired_at", "updated_at"]
        )

    def refresh(self) -> None:
        locate.refresh()

    def listed(self, things: Sequence[Area]) -> list[Listed]:
        codes = sorted(Area.objects.values_list("code", flat=True)) if things else []
        found = []
        for area in things:
            first = bisect_right(codes, area.code)
            n = bisect_right(codes, f"{area.code}\uffff") - first
            found.append(
                Listed(
                    area.code,
                    self.label(area),
                    area.code,
                    (str(Level(area.level).label), str(n) if n else "—"),
                    area.retired_at is None,
                    href=f"{reverse('setup_list', args=['area'])}?under={area.code}" if n else "",
                )
            )
        return found

    def said(self, name: str, value: Any, around: Around) -> str:
        if name == "level" and value:
            return str(Level(value).label)
        return super().said(name, value, around)

    def rows(self, query: str, which: str, under: str) -> list[Area]:
        """All that fit a query; without one, those right below `under`."""
        found = Area.objects.only("code", "name", "name_en", "level", "retired_at")
        if which != "all":
            found = found.filter(retired_at__isnull=which == "active")
        if query:
            fitting = [area for area in found if fits(query, self.search_words(area))]
            return sorted(fitting, key=lambda area: (area.code != query, area.level, area.code))
        areas = list(found.filter(code__startswith=under).exclude(code=under).order_by("code"))
        # In the order of codes an area comes right before all that is below it.
        children: list[Area] = []
        for area in areas:
            if not (children and area.code.startswith(children[-1].code)):
                children.append(area)
        return children

    def trail(self, code: str) -> list[Area]:
        """The area of this code and those above it, the widest first."""
        prefixes = [code[:n] for n in range(1, len(code) + 1)]
        return list(Area.objects.filter(pk__in=prefixes).defer("outline").order_by("code"))

    def count(self) -> int:
        return Area.objects.filter(retired_at=None).count()

    def below(self, thing: Area) -> list[Area]:
        found = Area.objects.filter(code__startswith=thing.code, retired_at=None)
        return list(found.exclude(pk=thing.pk).defer("outline").prefetch_related("aliases"))

    def obstacle_back(self, thing: Area, states: Mapping[str, State] | None = None) -> str:
        known = (
            {code: not state["active"] for code, state in states.items()}
            if states is not None
            else dict(Area.objects.values_list("code", "retired_at"))
        )
        above = parent_code_in(thing.code, known)
        if above and known[above]:
            return _("它的上级 %s 也停用了，请先恢复上级") % above
        return ""

    def concerns(self, thing: Area) -> list[Concern]:
        inside = Q(area__code__startswith=thing.code)
        found = []
        if n := len(self.below(thing)):
            found.append(
                Concern(
                    ngettext("下面 %d 个区域也一起停用", "下面 %d 个区域也一起停用", n) % n,
                    grave=True,
                )
            )
        if n := open_cases(Appeal.objects.filter(inside)):
            text = ngettext(
                "%d 件没办完的诉求在这里：它们照常办，区域名照旧显示",
                "%d 件没办完的诉求在这里：它们照常办，区域名照旧显示",
                n,
            )
            found.append(Concern(text % n))
        if n := Place.objects.filter(inside, active=True).count():
            text = ngettext(
                "%d 个点位在这里：贴纸照常能扫，但最好改到别的区域",
                "%d 个点位在这里：贴纸照常能扫，但最好改到别的区域",
                n,
            )
            found.append(Concern(text % n))
        if n := RoutingRule.objects.filter(active=True, area__startswith=thing.code).count():
            text = ngettext(
                "%d 条派单规则写着它：以后不会再有诉求合上",
                "%d 条派单规则写着它：以后不会再有诉求合上",
                n,
            )
            found.append(Concern(text % n))
        if n := Unit.objects.filter(inside, active=True).count():
            text = ngettext(
                "%d 个单位管这里：请给它们改管辖区域",
                "%d 个单位管这里：请给它们改管辖区域",
                n,
            )
            found.append(Concern(text % n))
        if n := Post.objects.filter(inside, active=True).count():
            text = ngettext(
                "%d 个岗位只管这里：这些人以后收不到新的诉求",
                "%d 个岗位只管这里：这些人以后收不到新的诉求",
                n,
            )
            found.append(Concern(text % n))
        return found

    def warnings(self) -> list[str]:
        if not Area.objects.filter(retired_at=None).exists():
            return [_("还没有区域：诉求说不出在哪里，也没法按地方派单。")]
        towns = Area.objects.filter(retired_at=None, level__lte=Level.TOWN, lon=None).count()
        return (
            [
                ngettext(
                    "%d 个区县、镇街没有中心坐标，地图上看不到。",
                    "%d 个区县、镇街没有中心坐标，地图上看不到。",
                    towns,
                )
                % towns
            ]
            if towns
            else []
        )

    def missing_in(self, columns: Collection[str]) -> list[str]:
        return [] if "village_code" in columns else super().missing_in(columns)

    def unknown_in(self, columns: Collection[str]) -> list[str]:
        return [] if "village_code" in columns else super().unknown_in(columns)

    def lines_of(self, cells: dict[str, str]) -> list[dict[str, str]]:
        """Also the statistics bureau's lists, of which a line names a village and what it is in."""
        if "village_code" not in cells:
            return [cells]
        levels = (("county", "1"), ("town", "2"), ("village", "3"))
        return [
            {"code": code, "name": cells.get(f"{kind}_name", ""), "level": level}
            for kind, level in levels
            if (code := cells.get(f"{kind}_code", ""))
        ]


def _set_aliases(area: Area, names: list[str]) -> None:
    area.aliases.exclude(name__in=names).delete()
    known = set(area.aliases.values_list("name", flat=True))
    AreaAlias.objects.bulk_create(
        [AreaAlias(area=area, name=name) for name in names if name not in known]
    )
    # A prefetched list would be the old one.
    getattr(area, "_prefetched_objects_cache", {}).pop("aliases", None)


AREAS = Areas(
    name="area",
    icon="map",
    title=pgettext_lazy("many", "区域"),
    one=pgettext_lazy("one", "区域"),
    why=gettext_lazy("区县、镇街、村社区、网格：诉求在哪里、归谁管，都按它。"),
    labels={
        "code": gettext_lazy("代码"),
        "name": gettext_lazy("名称"),
        "name_en": gettext_lazy("英文名称"),
        "level": gettext_lazy("层级"),
        "lon": gettext_lazy("经度"),
        "lat": gettext_lazy("纬度"),
        "aliases": gettext_lazy("别名"),
    },
    form=AreaForm,
    around=AreasAround,
    heads=(gettext_lazy("层级"), gettext_lazy("下面有")),
    hints={
        "code": gettext_lazy("以上级的代码开头；国家统计局的代码可以直接用。建好以后不能改。"),
        "level": gettext_lazy(
            "不选就按代码的长度：6 位区县、9 位镇街、12 位村社区、15 位网格、18 位微网格。"
        ),
        "aliases": gettext_lazy("人们还怎么叫它；几个之间用顿号隔开，例如：国际商贸城、小商品城"),
        "lon": gettext_lazy("中心点，WGS-84 度；也可以在下面的地图上点。"),
    },
)
