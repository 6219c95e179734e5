"""The page of alarms, and the lane of the header, which is fetched again when they change."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from yinghu.oversight import alarms
from yinghu.ui.decorators import staff_page
from yinghu.ui.requests import is_part, who

SHOWN = 200


@staff_page("alarms")
def show_alarms(request: HttpRequest) -> HttpResponse:
    if is_part(request, "lane"):
        return render(request, "ui/parts/alarms_again.html")
    found = alarms.waiting(who(request)).select_related("area", "place").defer("area__outline")
    context = {"desk": "alarms", "alarms": alarms.lane(found[:SHOWN])}
    return render(request, "queues/alarms.html", context)
