"""Tells pages how far live updates had come before they were made."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from yinghu.web.live.hub import mark_of_process

GetResponse = Callable[[HttpRequest], HttpResponse]


def note_live_mark(get_response: GetResponse) -> GetResponse:
    """Note the hub's mark in `request.live_mark`, before the view reads anything.

    The page's stream then begins with what was missed since, instead of all that it follows.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        setattr(request, "live_mark", mark_of_process())  # noqa: B010  # no attribute of Django's
        return get_response(request)

    return middleware
