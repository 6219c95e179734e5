"""Public map data: outlines, names and look-up of areas."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from yinghu.appeals.policies import policy
from yinghu.common import rate_limit
from yinghu.common.language import name_of
from yinghu.intake.drafts import is_far
from yinghu.places import locate, typeahead
from yinghu.places.models import Area, parent_code_in


@require_GET
def area_outline(request: HttpRequest, code: str) -> JsonResponse:
    """Answer with an area's outline, or that around it, and the centres of the areas below it."""
    found = get_object_or_404(Area, pk=code.replace("\x00", ""), retired_at=None)
    below = Area.objects.filter(
        code__startswith=found.pk, level=found.level + 1, retired_at=None, lon__isnull=False
    )
    answer = JsonResponse(
        {
            "code": found.pk,
            "name": name_of(found),
            "outline": found.outline or _enclosing_outline(found),
            "children": [
                {"code": each.pk, "name": name_of(each), "lon": each.lon, "lat": each.lat}
                for each in below.defer("outline")[:400]
            ],
        }
    )
    answer.headers["Cache-Control"] = "private, max-age=600"
    # Names are in the reader's language.
    answer.headers["Vary"] = "Cookie, Accept-Language"
    return answer


def _enclosing_outline(area: Area) -> dict[str, Any] | None:
    codes = [area.pk[:length] for length in range(1, len(area.pk))]
    around = Area.objects.filter(pk__in=codes, retired_at=None, outline__isnull=False)
    found = around.order_by("-level").first()
    return found.outline if found else None


@require_GET
def area_at_point(request: HttpRequest) -> JsonResponse:
    """Answer with the area of the point `?lon=&lat=` (degrees of WGS-84).

    `{}` if there is none, `{"far": true}` if a filing would not keep the point.
    """
    if wait := rate_limit.too_many("words", request.META.get("REMOTE_ADDR", "")):
        return JsonResponse({"error": _("请 %d 秒后再试") % wait}, status=429)
    point = point_in(request.GET)
    found = locate.by_point(*point) if point else None
    if point and not found:
        return JsonResponse({"far": True} if is_far(*point, policy("city_margin_km")) else {})
    return JsonResponse({"code": found.pk, "name": name_of(found)} if found else {})


@require_GET
def area_hints(request: HttpRequest) -> JsonResponse:
    """Answer with areas whose code, name or words match `?q=`, for suggestions while typing."""
    if wait := rate_limit.too_many("words", request.META.get("REMOTE_ADDR", "")):
        return JsonResponse({"error": _("请 %d 秒后再试") % wait}, status=429)
    return JsonResponse(area_suggestions(request.GET.get("q", "")), safe=False)


def area_suggestions(typed: str) -> list[dict[str, str]]:
    """Find areas that match the text, with their parents' names to tell apart equal names."""
    known, hints = locate.known_areas(), []
    for found in typeahead.suggest_areas(typed.replace("\x00", "").strip()[:60]):
        above = known.get(parent_code_in(found.pk, known))
        under = name_of(above) if above else ""
        hints.append({"code": found.pk, "name": name_of(found), "under": under})
    return hints


def point_in(given: Any) -> tuple[float, float] | None:
    """Read `lon` and `lat` of a form or query; None unless they are a valid point."""
    try:
        lon, lat = float(given.get("lon", "")), float(given.get("lat", ""))
    except ValueError:
        return None
    on_earth = math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90
    return (lon, lat) if on_earth else None
