"""Catalogue endpoints: categories, areas, units."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from yinghu.api import problems
from yinghu.api.auth import KNOWN, count_visitor, request_actor
from yinghu.api.cases import REFUSALS
from yinghu.api.types import Line, Short
from yinghu.appeals.models import Category
from yinghu.people.models import Unit
from yinghu.places import locate
from yinghu.places.models import Area

router = Router(tags=["catalogue"])
MAX_AREAS = 100


class _Named(Schema):
    code: str
    name: str
    name_en: str


class CategoryOut(_Named):
    """A category; a dot in the code makes a child. `questions` are asked of the requester."""

    klass: str
    icon: str
    questions: list[dict[str, Any]]


class AreaOut(_Named):
    """An area; its code begins with its parent's. Level 1 county to 5 micro-grid."""

    level: int
    lon: float | None
    lat: float | None


class UnitOut(_Named):
    """A unit that appeals can be assigned to."""

    kind: str
    area: str | None

    @staticmethod
    def resolve_area(unit: Unit) -> str | None:
        return unit.area_id


class AreaSearch(Schema):
    """Search by words, by point (WGS-84 degrees), or list the children of a code."""

    q: Line = Field(default="", description="Words that name it.")
    under: Short = Field(default="", description="Only under this code.")
    level: int | None = Field(default=None, ge=1, le=5)
    lon: float | None = Field(default=None, ge=-180, le=180)
    lat: float | None = Field(default=None, ge=-90, le=90)
    limit: int = Field(default=50, ge=1, le=MAX_AREAS)


@router.get(
    "/categories",
    response={200: list[CategoryOut]} | REFUSALS,
    auth=count_visitor,
    operation_id="categories",
    summary="Categories",
)
def list_categories(request: HttpRequest) -> Any:
    """Active categories in display order."""
    return Category.objects.filter(active=True)


@router.get(
    "/areas",
    response={200: list[AreaOut]} | REFUSALS,
    auth=count_visitor,
    operation_id="areas",
    summary="Find areas",
)
def find_areas(request: HttpRequest, search: Query[AreaSearch]) -> Any:
    """Areas by point (the deepest one there), by words (most likely first), or by code."""
    if search.lon is not None and search.lat is not None:
        held = locate.by_point(search.lon, search.lat)
        found = [held] if held is not None else []
    elif search.q:
        found = [match.area for match in locate.by_words(search.q, within=search.under)]
        if not found:
            named = Q(name__contains=search.q) | Q(name_en__icontains=search.q)
            rows = Area.objects.filter(named, code__startswith=search.under, retired_at=None)
            found = list(rows.defer("outline")[: search.limit])
    else:
        rows = Area.objects.filter(code__startswith=search.under, retired_at=None)
        if search.level is not None:
            rows = rows.filter(level=search.level)
        return rows.defer("outline")[: search.limit]
    return [area for area in found if search.level in (None, area.level)][: search.limit]


@router.get(
    "/units",
    response={200: list[UnitOut]} | REFUSALS,
    auth=KNOWN,
    operation_id="units",
    summary="Units",
)
def list_units(request: HttpRequest) -> Any:
    """Active units; for staff only."""
    actor = request_actor(request)
    if actor.kind == "requester":
        raise problems.forbidden(_("只有工作人员可以查看单位"), "staff_only")
    return Unit.objects.filter(active=True)
