"""Stickers of many places on sheets of A4, to print and cut."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from yinghu.places.models import Area, Place
from yinghu.ui.qr import qr_inline
from yinghu.ui.requests import absolute
from yinghu.web.admin.decorators import door

LAYOUTS = (1, 2, 4, 8)
MOST = 400
"""Stickers of one printing: fifty sheets, or four hundred."""


@door("GET")
def page(request: HttpRequest) -> HttpResponse:
    """The stickers of chosen places, or of all in an area; first a form to choose by."""
    per = request.GET.get("per", "4")
    per_sheet = int(per) if per in {str(n) for n in LAYOUTS} else 4
    codes = [code.replace("\x00", "") for code in request.GET.getlist("code")[:MOST]]
    under = request.GET.get("area", "").replace("\x00", "").strip()[:120]
    area = Area.objects.filter(pk=under.split()[0]).first() if under else None
    places = Place.objects.filter(active=True).select_related("area").defer("area__outline")
    chosen = places.none()
    if codes:
        chosen = places.filter(code__in=codes)
    elif area:
        chosen = places.filter(area__code__startswith=area.pk)
    elif "all" in request.GET:
        chosen = places
    found = list(chosen.order_by("area_id", "name")[: MOST + 1])
    asked = bool(codes or under or "all" in request.GET)
    problem = ""
    if "per" in request.GET and not asked:
        problem = _("还没有选点位")
    elif under and not area:
        problem = _("没有找到这个区域，请从提示里选")
    elif len(found) > MOST:
        problem = _("一次最多打印 %d 张贴纸，请选一个小一点的区域") % MOST
        found = found[:MOST]
    context = {
        "sheets": [[_sticker(place) for place in batch] for batch in _batches(found, per_sheet)],
        "per": per_sheet,
        "layouts": LAYOUTS,
        "codes": codes,
        "area": f"{area.pk} {area.name}" if area else under,
        "count": len(found),
        "asked": asked,
        "problem": problem,
        "desk": "setup",
    }
    return render(request, "admin/sheet.html", context)


def _batches(places: list[Place], size: int) -> list[list[Place]]:
    return [places[at : at + size] for at in range(0, len(places), size)]


def _sticker(place: Place) -> dict[str, Any]:
    link = absolute(reverse("file_at", args=[place.code]))
    # As short as it can be typed: browsers find https by themselves.
    return {"place": place, "link": link.removeprefix("https://"), "qr": qr_inline(link)}
