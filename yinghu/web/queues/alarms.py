"""The page of alarms, and the lane of the header, which is fetched again when they change."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from yinghu.oversight import alarms
from yinghu.ui.decorators import staff_page
from yinghu.ui.requests import is_part, who


@staff_page("alarms")
def show_alarms(request: HttpRequest) -> HttpResponse:
    """The lane in the header of this page has all alarms, that of other pages the first ones."""
    if is_part(request, "lane"):
        return render(request, "ui/parts/alarms_again.html")
    if is_part(request, "alarms"):
        return render(request, "ui/parts/alarms_again.html", {"desk": "alarms"})
    some = alarms.alarmed_cases(who(request)).exists()
    return render(request, "queues/alarms.html", {"desk": "alarms", "some": some})
