"""Printable A4 sheets of QR code stickers for places."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from yinghu.common.text import whole_number
from yinghu.places.models import Area, Place
from yinghu.ui.qr import qr_inline
from yinghu.ui.requests import absolute
from yinghu.web.admin.decorators import door

LAYOUTS = (1, 2, 4, 8)
MAX_STICKERS = 400
"""Maximum stickers per print."""


@door("GET")
def show_stickers(request: HttpRequest) -> HttpResponse:
    """Show the stickers of chosen places or of an area, and the form to choose them."""
    per = whole_number(request.GET.get("per", ""))
    per_sheet = per if per in LAYOUTS else 4
    codes = [code.replace("\x00", "") for code in request.GET.getlist("code")[:MAX_STICKERS]]
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
    found = list(chosen.order_by("area_id", "name")[: MAX_STICKERS + 1])
    asked = bool(codes or under or "all" in request.GET)
    problem = ""
    if "per" in request.GET and not asked:
        problem = _("还没有选点位")
    elif under and not area:
        problem = _("没有找到这个区域，请从提示里选")
    elif len(found) > MAX_STICKERS:
        problem = _("一次最多打印 %d 张贴纸，请选一个小一点的区域") % MAX_STICKERS
        found = found[:MAX_STICKERS]
    context = {
        "sheets": [
            [_sticker(place) for place in found[at : at + per_sheet]]
            for at in range(0, len(found), per_sheet)
        ],
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


def _sticker(place: Place) -> dict[str, Any]:
    link = absolute(reverse("file_at", args=[place.code]))
    # Short to type: browsers add https themselves.
    return {"place": place, "link": link.removeprefix("https://"), "qr": qr_inline(link)}
