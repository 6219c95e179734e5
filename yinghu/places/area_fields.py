"""Form fields for areas, points and outlines."""

import json
import re
from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from yinghu.common.config_types.config_form import FormContext
from yinghu.common.config_types.config_type import Field, with_code
from yinghu.common.language import name_of
from yinghu.places import locate
from yinghu.places.importing import ALIAS_MARKS, CODE, BadRow, sound_outline
from yinghu.places.models import Area

CERTAIN = 0.9
"""Confidence from which an area found in a text counts as decided."""

_MARKS = re.compile(r"[|\n;；、，]")
_MAX_AREAS = 500


class AreaInput(forms.TextInput):
    """A text field for an area; `picker.js` shows the areas that match."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.attrs |= {"data-areas": "/desk/areas", "autocomplete": "off"}


class AreaField(forms.CharField):
    """An area by its code or its name; the value is its code."""

    def clean(self, value: Any) -> str:
        text = str(super().clean(value)).strip()
        if not text:
            return ""
        head = text.split()[0]
        found = locate.by_code(head)
        if found is not None:
            return found.pk
        named = Area.objects.filter(Q(name=text) | Q(name_en=text), retired_at=None)[:2]
        if len(named) == 1:
            return named[0].pk
        matches = locate.by_words(text)
        if len(matches) == 1 or (matches and matches[0].confidence >= CERTAIN):
            return matches[0].area.pk
        if matches:
            names = _("、").join(f"{m.area.name}（{m.area.pk}）" for m in matches[:4])
            raise ValidationError(_("有几个地方叫这个名字，请写明是哪一个：%s") % names)
        raise ValidationError(_("没有找到这个地方，请从提示里选，或写区域代码"))


def _with_name(code: str) -> str:
    """The code with the area's name beside it."""
    area = locate.known_areas().get(code)
    return f"{code} {name_of(area)}" if area else code


class ExactAreaField(AreaField):
    """An `AreaField` that accepts only complete codes, for values that are stored for good."""

    def prepare_value(self, value: Any) -> Any:
        return _with_name(value) if isinstance(value, str) else value

    def clean(self, value: Any) -> str:
        text = str(value or "").strip()
        head = text.split()[0] if text else ""
        if CODE.fullmatch(head) and any(char.isdigit() for char in head):
            if head not in locate.known_areas():
                gone = Area.objects.filter(pk=head).exists()
                raise ValidationError(
                    (_("区域 %s 已停用，请另选一个") if gone else _("没有代码为 %s 的区域")) % head
                )
            return head
        return super().clean(value)


def area_field() -> ExactAreaField:
    return ExactAreaField(max_length=120, required=False, widget=AreaInput)


class AreasField(forms.CharField):
    """Several areas, one per line, each by code or name; the value is the sorted list of codes."""

    def __init__(self) -> None:
        rows = forms.Textarea(attrs={"rows": 4})
        super().__init__(required=False, max_length=60_000, widget=rows)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return "\n".join(_with_name(line.strip()) for line in _MARKS.split(value) if line.strip())

    def clean(self, value: Any) -> list[str]:
        lines = [line for part in _MARKS.split(super().clean(value)) if (line := part.strip())]
        if len(lines) > _MAX_AREAS:
            raise ValidationError(_("最多 %d 个区域；再大就写上一级的") % _MAX_AREAS)
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


class DegreeField(forms.FloatField):
    """Degrees of longitude or latitude."""

    def __init__(self, most: int) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
        self.most = most

    def clean(self, value: Any) -> float | None:
        with suppress(ValidationError):
            found: float | None = super().clean(value)
            if found is None or abs(found) <= self.most:
                return found
        said = {"n": self.most}
        raise ValidationError(_("应是 -%(n)d 到 %(n)d 之间的度数，例如 120.0751") % said)


def require_whole_point(form: forms.Form, cleaned: dict[str, Any]) -> None:
    """Add an error unless longitude and latitude are both given or both empty."""
    lon, lat = cleaned.get("lon"), cleaned.get("lat")
    if (lon is None) != (lat is None) and "lon" not in form.errors and "lat" not in form.errors:
        form.add_error("lat" if lat is None else "lon", _("经度和纬度要么都填，要么都不填"))


class AliasesField(forms.CharField):
    """Other names, separated by punctuation or line ends; the value is a sorted list."""

    def prepare_value(self, value: Any) -> Any:
        return value.replace("|", pgettext("aliases", "、")) if isinstance(value, str) else value

    def clean(self, value: Any) -> list[str]:
        text = str(super().clean(value))
        names = {" ".join(part.split()) for part in ALIAS_MARKS.split(text.replace("\n", "|"))}
        if any(len(name) > 80 for name in names):
            raise ValidationError(_("每个别名最多 80 个字；几个别名用顿号隔开"))
        return sorted(name for name in names if name)


class OutlineField(forms.CharField):
    """A GeoJSON geometry, or a feature with one; the value is the stored outline or None."""

    def __init__(self) -> None:
        rows = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})
        super().__init__(required=False, max_length=400_000, widget=rows)

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


def area_name(code: str) -> str:
    """An area's name, also of a retired one; the code itself if there is none."""
    area = locate.known_areas().get(code) or Area.objects.filter(pk=code).first()
    return name_of(area) if area else code


def show_area(code: str, context: FormContext) -> str:
    return str(context.remember(area_name, code))


def show_area_with_code(code: str, context: FormContext) -> str:
    name = show_area(code, context)
    return with_code(name, code) if name != code else code


COVERED_AREA = Field(
    "area",
    gettext_lazy("管辖区域"),
    gettext_lazy("空着就是全市。写几个字，或拼音首字母，从提示里选。"),
    show=show_area_with_code,
)
"""The area that a unit or a post covers."""
