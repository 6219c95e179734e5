"""Configuration of areas: a tree by code prefix, of any size."""

from bisect import bisect_right, insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from yinghu.common.config_types.config_form import ConfigForm, FormContext, State
from yinghu.common.config_types.config_type import Field, ListedRow, matches
from yinghu.common.config_types.model_type import ModelType
from yinghu.common.form_fields import LineField
from yinghu.places import locate
from yinghu.places.area_fields import AliasesField, DegreeField, require_whole_point
from yinghu.places.importing import CODE
from yinghu.places.models import LENGTHS, Area, AreaAlias, AreaLevel, level_of, parent_code_in


class AreaContext(FormContext):
    """Adds the tree of area codes."""

    @cached_property
    def siblings(self) -> dict[tuple[str, str], list[str]]:
        """Codes of active areas by (code of the parent, name)."""
        found: dict[tuple[str, str], list[str]] = {}
        for code, state in self.states.items():
            if state["active"]:
                at = (parent_code_in(code, self.states), state["name"])
                found.setdefault(at, []).append(code)
        return found

    @cached_property
    def codes(self) -> list[str]:
        """All codes, sorted: an area comes directly before those that begin with its code."""
        return sorted(self.states)

    def below(self, code: str) -> list[str]:
        """Return the other codes that begin with this one."""
        first = bisect_right(self.codes, code)
        return self.codes[first : bisect_right(self.codes, f"{code}\uffff")]

    def add(self, key: str, state: State) -> None:
        if key not in self.states:
            insort(self.codes, key)
        super().add(key, state)
        if state.get("active", True):
            at = (parent_code_in(key, self.states), state["name"])
            self.siblings.setdefault(at, []).append(key)


class AreaForm(ConfigForm):
    code = forms.CharField(max_length=24)
    name = LineField(max_length=80)
    name_en = LineField(max_length=120, required=False)
    level = forms.TypedChoiceField(
        choices=[("", gettext_lazy("按代码长度")), *AreaLevel.choices],
        error_messages={"invalid_choice": gettext_lazy("层级应为 1 至 5")},
        coerce=int,
        required=False,
        empty_value=None,
    )
    lon = DegreeField(180)
    lat = DegreeField(90)
    aliases = AliasesField(max_length=2000, required=False)

    shared = True
    context: AreaContext

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not CODE.fullmatch(code):
            raise ValidationError(_("代码只用字母、数字、点和短横，以字母或数字开头"))
        under = self.data.get("under", "")
        if under and not (code.startswith(under) and code != under):
            raise ValidationError(_("代码要以上级区域的代码 %s 开头，后面再加几位") % under)
        return self.new_key(code)

    def clean(self) -> State:
        cleaned = super().clean() or {}
        require_whole_point(self, cleaned)
        code = self.key or cleaned.get("code")
        if not code or "level" in self.errors:
            return cleaned
        states = self.context.states
        above = parent_code_in(code, states)
        if cleaned.get("level") is None:
            now = states.get(code, {}).get("level")
            if not now and above and self._may_be_a_running_number(code, above):
                self.add_error("level", self._same_length(above))
                return cleaned
            cleaned["level"] = now or _level(code, states[above]["level"] if above else 0)
        self._check_level(code, above, cleaned)
        name = cleaned.get("name")
        others = self.context.siblings.get((above, name or ""), ())
        if name and any(other != code for other in others):
            self.add_error("name", _("同一个上级下面已经有“%s”，请写得能分清") % name)
        return cleaned

    def _may_be_a_running_number(self, code: str, above: str) -> bool:
        """Is 10 meant to be below 1? Posts reach all codes that begin with theirs, so ask."""
        return (
            len(code) == len(above) + 1
            and len(code) not in LENGTHS
            and not self.data.get("under")
            and code[-1].isdigit()
        )

    def _same_length(self, above: str) -> str:
        said = {"above": self.context.states[above]["name"], "code": above}
        return (
            _(
                "代码以“%(above)s”的代码 %(code)s 开头，就算在它下面；如果是这样，请写明层级；"
                "如果不是，请把代码写成一样长，例如 01、10"
            )
            % said
        )

    def _check_level(self, code: str, above: str, cleaned: State) -> None:
        """Require a level below the parent's and above the children's."""
        states, level = self.context.states, cleaned["level"]
        where = "code" if "code" in self.fields else "level"
        if above and states[above]["level"] >= level:
            said = {
                "above": states[above]["name"],
                "level": AreaLevel(states[above]["level"]).label,
                "code": above,
            }
            why = _(
                "上级“%(above)s”（代码 %(code)s）是%(level)s，这里要再低一级；如果不在它下面，"
                "代码就不能以 %(code)s 开头，请写成一样长，例如 01、10"
            )
            self.add_error("level", why % said)
        if not above and level > AreaLevel.COUNTY:
            self.add_error(
                where, _("代码的前几位不是任何已有区域的代码，所以它没有上级；请先建上级区域")
            )
        if above and not self.key and not states[above]["active"]:
            self.add_error(where, _("上级“%s”已停用，请先恢复它") % states[above]["name"])
        if self.key and level == states[code]["level"]:
            return
        below = [key for key in self.context.below(code) if states[key]["level"] <= level]
        if below and self.key:
            wrong = states[below[0]]["name"]
            self.add_error("level", _("下面的“%s”层级比这还高，要先改它") % wrong)
        elif below:
            said = {"name": states[below[0]]["name"], "code": below[0]}
            why = _(
                "“%(name)s”的代码 %(code)s 以它开头，会算在它下面，可是层级不比它低；"
                "请把代码写成一样长，例如 01、10"
            )
            self.add_error(where, why % said)


def _level(code: str, above: int) -> int:
    return level_of(code) if len(code) in LENGTHS else min(5, above + 1)


def _clashes(areas: QuerySet[Area]) -> list[tuple[Area, Area]]:
    """Return pairs of areas of which the second begins with the first's code, but is no lower."""
    found: list[tuple[Area, Area]] = []
    above: list[Area] = []
    for area in areas.only("code", "name", "level").order_by("code"):
        while above and not area.code.startswith(above[-1].code):
            above.pop()
        if above and above[-1].level >= area.level:
            found.append((above[-1], area))
        above.append(area)
    return found


_CLASHES_SHOWN = 3

_NO_CHILD = "—"
"""Shown in the list for an area without children."""


class AreaType(ModelType):
    model = Area
    active_attribute = "retired_at"
    order = ("code",)
    name = "area"
    icon = "map"
    title = pgettext_lazy("many", "区域")
    one = pgettext_lazy("one", "区域")
    why = gettext_lazy("区县、镇街、村社区、网格：诉求在哪里、归谁管，都按它。")
    form = AreaForm
    context = AreaContext
    fields = (
        Field(
            "code",
            gettext_lazy("代码"),
            gettext_lazy("以上级的代码开头；国家统计局的代码可以直接用。建好以后不能改。"),
        ),
        Field("name", gettext_lazy("名称")),
        Field("name_en", gettext_lazy("英文名称")),
        Field(
            "level",
            gettext_lazy("层级"),
            gettext_lazy(
                "不选就按代码的长度：6 位区县、9 位镇街、12 位村社区、15 位网格、18 位微网格。"
            ),
            choices=AreaLevel,
        ),
        Field(
            "lon",
            gettext_lazy("经度"),
            gettext_lazy("中心点，WGS-84 度；也可以在下面的地图上点。"),
        ),
        Field("lat", gettext_lazy("纬度")),
        Field(
            "aliases",
            gettext_lazy("别名"),
            gettext_lazy("人们还怎么叫它；几个之间用顿号隔开，例如：国际商贸城、小商品城"),
        ),
    )
    heads = (gettext_lazy("层级"), gettext_lazy("下面有"))

    def rows(self) -> QuerySet[Area]:
        aliases = Prefetch("aliases", to_attr="known_aliases")
        return super().rows().defer("outline").prefetch_related(aliases)

    def state(self, row: Area) -> State:
        # A list that `rows` has read: a query set for each of many rows would take seconds.
        aliases = getattr(row, "known_aliases", None)
        aliases = row.aliases.all() if aliases is None else aliases
        return super().state(row) | {"aliases": sorted(alias.name for alias in aliases)}

    def is_active(self, row: Area) -> bool:
        return row.retired_at is None

    def attributes(self, values: State) -> dict[str, Any]:
        found = super().attributes(values)
        if "active" in values:
            found["retired_at"] = None if values["active"] else timezone.now()
        return found

    def create_many(self, many: Sequence[State]) -> list[Area]:
        areas: list[Area] = super().create_many(many)
        AreaAlias.objects.bulk_create(
            [
                AreaAlias(area=area, name=name)
                for area, values in zip(areas, many, strict=True)
                for name in values["aliases"]
            ]
        )
        return areas

    def write(self, row: Area, values: State) -> None:
        if "aliases" in values:
            names = values["aliases"]
            row.aliases.exclude(name__in=names).delete()
            known = set(row.aliases.values_list("name", flat=True))
            added = [AreaAlias(area=row, name=name) for name in names if name not in known]
            AreaAlias.objects.bulk_create(added)
            # Drop the stale list.
            vars(row).pop("known_aliases", None)
        for name, value in self.attributes(values).items():
            setattr(row, name, value)
        # Update `updated_at`, by which other processes notice changes.
        row.save(
            update_fields=["name", "name_en", "level", "lon", "lat", "retired_at", "updated_at"]
        )

    def refresh(self) -> None:
        locate.refresh_areas()

    def listed(self, rows: Sequence[Area]) -> list[ListedRow]:
        return [replace(row, is_parent=row.cells[1] != _NO_CHILD) for row in super().listed(rows)]

    def list_cells(self, rows: Sequence[Area]) -> list[Sequence[str]]:
        codes = sorted(Area.objects.values_list("code", flat=True)) if rows else []
        found: list[Sequence[str]] = []
        for area in rows:
            n = bisect_right(codes, f"{area.code}\uffff") - bisect_right(codes, area.code)
            found.append((str(AreaLevel(area.level).label), str(n) if n else _NO_CHILD))
        return found

    def search(self, query: str, which: str, under: str) -> list[Area]:
        """Return all areas that match a query; without one, the children of `under`."""
        found = Area.objects.only("code", "name", "name_en", "level", "retired_at")
        if which != "all":
            found = found.filter(retired_at__isnull=which == "active")
        if query:
            matching = [area for area in found if matches(query, self.search_words(area))]
            return sorted(matching, key=lambda area: (area.code != query, area.level, area.code))
        areas = list(found.filter(code__startswith=under).exclude(code=under).order_by("code"))
        # In code order an area comes directly before its descendants.
        children: list[Area] = []
        for area in areas:
            if not (children and area.code.startswith(children[-1].code)):
                children.append(area)
        return children

    def trail(self, code: str) -> list[Area]:
        """Return the area and its ancestors, widest first."""
        prefixes = [code[:n] for n in range(1, len(code) + 1)]
        return list(Area.objects.filter(pk__in=prefixes).defer("outline").order_by("code"))

    def count(self) -> int:
        return Area.objects.filter(retired_at=None).count()

    def below(self, row: Area) -> list[Area]:
        found = self.rows().filter(code__startswith=row.code, retired_at=None)
        return list(found.exclude(pk=row.pk))

    def restore_obstacle(self, row: Area, states: Mapping[str, State] | None = None) -> str:
        known = (
            {code: not state["active"] for code, state in states.items()}
            if states is not None
            else dict(Area.objects.values_list("code", "retired_at"))
        )
        above = parent_code_in(row.code, known)
        if above and known[above]:
            return _("它的上级 %s 也停用了，请先恢复上级") % above
        return ""

    def warnings(self) -> list[str]:
        active = Area.objects.filter(retired_at=None)
        if not active.exists():
            return [_("还没有区域：诉求说不出在哪里，也没法按地方派单。")]
        found = [self._said_of_clash(*each) for each in _clashes(active)[:_CLASHES_SHOWN]]
        towns = active.filter(level__lte=AreaLevel.TOWN, lon=None).count()
        said = ngettext(
            "%d 个区县、镇街没有中心坐标，地图上看不到。",
            "%d 个区县、镇街没有中心坐标，地图上看不到。",
            towns,
        )
        return [*found, *([said % towns] if towns else [])]

    def _said_of_clash(self, above: Area, area: Area) -> str:
        said = {"area": area.name, "code": area.code, "above": above.name, "begins": above.code}
        return (
            _(
                "“%(area)s”的代码 %(code)s 以“%(above)s”的代码 %(begins)s 开头，层级却不比它低："
                "管“%(above)s”的人也看得到“%(area)s”的诉求。请另建代码一样长的区域，停用这一个。"
            )
            % said
        )

    def missing_in(self, columns: Collection[str]) -> list[str]:
        return [] if "village_code" in columns else super().missing_in(columns)

    def unknown_in(self, columns: Collection[str]) -> list[str]:
        return [] if "village_code" in columns else super().unknown_in(columns)

    def split_line(self, cells: dict[str, str]) -> list[dict[str, str]]:
        """Accept the statistics bureau's lists, where a line names a village and its ancestors."""
        if "village_code" not in cells:
            return [cells]
        levels = (("county", "1"), ("town", "2"), ("village", "3"))
        return [
            {"code": code, "name": cells.get(f"{kind}_name", ""), "level": level}
            for kind, level in levels
            if (code := cells.get(f"{kind}_code", ""))
        ]


AREAS = AreaType()
