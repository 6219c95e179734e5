"""Stickers of many places on sheets of A4, to print and cut."""

from __future__ import annotations

import io
from typing import Any

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from yinghu.places.models import Area, Place
from yinghu.web.setup.doors import door
from yinghu.web.shared import absolute

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
    return render(request, "web/setup/sheet.html", context)


@door("GET")
def old_list(request: HttpRequest) -> HttpResponse:
    """Where the list of places stood once, for whoever kept the address."""
    return redirect("setup_list", "place")


@door("GET")
def old_sticker(request: HttpRequest, place_code: str) -> HttpResponse:
    """Where a place's sticker stood once."""
    return redirect(f"{reverse('setup_sheet')}?code={place_code}&per=1")


def _batches(places: list[Place], size: int) -> list[list[Place]]:
    return [places[at : at + size] for at in range(0, len(places), size)]


def _sticker(place: Place) -> dict[str, Any]:
    link = absolute(reverse("file_at", args=[place.code]))
    # As short as it can be typed: browsers find https by themselves.
    return {"place": place, "link": link.removeprefix("https://"), "qr": qr_inside(link)}


def qr_inside(text: str) -> SafeString:
    """A QR code within the page: hundreds of images would be hundreds of requests."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out,
        kind="svg",
        border=2,
        svgclass=None,
        lineclass=None,
        light="#fff",
        xmldecl=False,
        svgns=False,
        omitsize=True,
        nl=False,
    )
    return mark_safe(out.getvalue().decode())  # noqa: S308  # segno's own, of our own address
