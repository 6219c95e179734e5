"""Tables of areas (a tree by code prefix), sticker places, zones and working time.

A county's code has 6 digits, its towns' 9, villages and communities 12, grids 15, cells 18 (the
first twelve are the statistical codes of the National Bureau of Statistics, GB/T 10114). Other
countries' codes work too, as long as a child's code begins with its parent's.
"""

import secrets
from collections.abc import Container
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

LENGTHS: Final[tuple[int, ...]] = (6, 9, 12, 15, 18)
"""Code lengths of levels 1 to 5 by default."""

PLACE_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without 0/o and 1/l/i, because codes are typed from stickers."""

# The "not null" conditions are needed because a CHECK that yields NULL passes.
ON_EARTH: Final = Q(lon__isnull=True, lat__isnull=True) | Q(
    lon__isnull=False,
    lat__isnull=False,
    lon__gte=-180,
    lon__lte=180,
    lat__gte=-90,
    lat__lte=90,
)


class AreaLevel(models.IntegerChoices):
    COUNTY = 1, _("区县")
    TOWN = 2, _("镇街")
    VILLAGE = 3, _("村社区")
    GRID = 4, _("网格")
    CELL = 5, _("微网格")


def level_of(code: str) -> int:
    """Return the level (1..5) by the length of `code`, at least 1."""
    return max(1, sum(len(code) >= length for length in LENGTHS))


def new_place_code() -> str:
    """Return eight random characters of PLACE_ALPHABET, some 40 bits; not a secret."""
    return "".join(secrets.choice(PLACE_ALPHABET) for _i in range(8))


class Area(models.Model):
    """An area. `outline` is a GeoJSON Polygon or MultiPolygon, `lon` and `lat` its centre, in
    degrees of WGS-84.

    The primary key's `_like` index (varchar_pattern_ops) makes `code__startswith` an index range.
    Areas are retired instead of deleted, because appeals refer to them.
    """

    code = models.CharField(_("代码"), max_length=24, primary_key=True)
    name = models.CharField(_("名称"), max_length=80)
    name_en = models.CharField(_("英文名称"), max_length=120, blank=True, default="")
    level = models.PositiveSmallIntegerField(_("层级"), choices=AreaLevel.choices)
    lon = models.FloatField(_("经度"), null=True, blank=True)
    lat = models.FloatField(_("纬度"), null=True, blank=True)
    outline = models.JSONField(_("边界"), null=True, blank=True)
    retired_at = models.DateTimeField(_("停用时间"), null=True, blank=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        ordering = ("code",)
        verbose_name = _("区域")
        verbose_name_plural = _("区域")
        constraints = (
            models.CheckConstraint(condition=Q(level__gte=1, level__lte=5), name="area_level_1_5"),
            models.CheckConstraint(condition=ON_EARTH, name="area_point_on_earth"),
        )
        indexes = (models.Index(fields=["updated_at"], name="area_updated"),)

    def __str__(self) -> str:
        return self.name


def parent_code_in(code: str, known: Container[str]) -> str:
    """Return the longest proper prefix of `code` in `known`, or ""."""
    return next((code[:n] for n in range(len(code) - 1, 0, -1) if code[:n] in known), "")


class AreaAlias(models.Model):
    """An informal name of an area ("国际商贸城" for the street that it stands in)."""

    area = models.ForeignKey(Area, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(_("别名"), max_length=80)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        verbose_name = _("别名")
        verbose_name_plural = _("别名")
        constraints = (models.UniqueConstraint(fields=["area", "name"], name="alias_once"),)

    def __str__(self) -> str:
        return self.name


class WorkDay(models.Model):
    """Working hours of a day of the week ("1" is Monday) or of one date ("2026-02-17").

    `hours` are spans such as "8:30-12:00 13:30-17:30", "" is a day off. Dates override statutory
    holidays (if the city follows them, `STATUTORY`), which override days of the week.
    """

    STATUTORY = "statutory"
    """Key of the row whose `hours` are "yes" if statutory holidays and make-up days apply."""

    key = models.CharField(primary_key=True, max_length=10)
    hours = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.hours}"


class WorkSpan(models.Model):
    """A span of working time; `before` sums the minutes of earlier ones. See `calendar.lay_out`."""

    opens = models.DateTimeField(primary_key=True)
    closes = models.DateTimeField()
    before = models.FloatField()

    class Meta:
        indexes = (models.Index(fields=("before",), name="span_before"),)

    def __str__(self) -> str:
        return f"{self.opens} to {self.closes}"


class Place(models.Model):
    """A place with a QR sticker; scanning it gives the requester's location."""

    code = models.SlugField(_("代码"), max_length=40, unique=True, default=new_place_code)
    name = models.CharField(_("名称"), max_length=80)
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="places")
    address = models.CharField(_("地址"), max_length=200, blank=True, default="")
    lon = models.FloatField(_("经度"), null=True, blank=True)
    lat = models.FloatField(_("纬度"), null=True, blank=True)
    active = models.BooleanField(_("启用"), default=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("点位")
        verbose_name_plural = _("点位")
        constraints = (models.CheckConstraint(condition=ON_EARTH, name="place_point_on_earth"),)

    def __str__(self) -> str:
        return self.name


class Zone(models.Model):
    """A zone with restricted access: the listed areas (with descendants) and the inside of
    `outline` (GeoJSON, like an area's).

    Nothing is restricted while `status` is open. Otherwise `entry` says who may go in and `skill`
    which skill they need ("" for none). Goods change hands at its `gate`.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("正常")
        CONTROLLED = "controlled", _("管控")
        SEALED = "sealed", _("封控")

    class Entry(models.TextChoices):
        ANYONE = "anyone", _("谁都可以进")
        PASS = "pass", _("住在里面或有通行证的人")
        NOBODY = "nobody", _("谁都不能进")

    code = models.SlugField(_("代码"), max_length=40, primary_key=True)
    name = models.CharField(_("名称"), max_length=80)
    name_en = models.CharField(_("英文名称"), max_length=120, blank=True, default="")
    status = models.CharField(_("状态"), max_length=10, choices=Status.choices)
    entry = models.CharField(
        _("谁能进"), max_length=8, choices=Entry.choices, default=Entry.PASS.value
    )
    skill = models.CharField(_("还要会什么"), max_length=40, blank=True, default="")
    areas = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    outline = models.JSONField(_("边界"), null=True, blank=True)
    gate = models.CharField(_("交接的地方"), max_length=120, blank=True, default="")
    gate_lon = models.FloatField(_("经度"), null=True, blank=True)
    gate_lat = models.FloatField(_("纬度"), null=True, blank=True)
    active = models.BooleanField(_("启用"), default=True)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.name

    @property
    def keeps_out(self) -> bool:
        """Is entry limited to pass holders?"""
        shut = self.active and self.status != Zone.Status.OPEN
        return shut and self.entry != Zone.Entry.ANYONE
