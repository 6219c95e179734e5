"""Access control of staff pages: the `staff` decorator and the answer to logged-out requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from yinghu.people.access import desks_of
from yinghu.ui.requests import who

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def staff(*desks: str) -> Callable[[View[P]], View[P]]:
    """Restrict a view to logins with one of these desks, or with any post if none is named."""

    def wrap(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if request.method != "GET":
                    return logged_out(request)
                if "HX-Request" in request.headers:
                    # A refreshing part of a page draws nothing; `desk.js` tells the user.
                    return HttpResponse(status=204, headers={"X-Logged-Out": "yes"})
                return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
            actor = who(request)
            if not actor.is_staff or (desks and not desks_of(actor) & set(desks)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return cast("View[P]", guarded)

    return wrap


def staff_page(*desks: str, methods: Collection[str] = ("GET",)) -> Callable[[View[P]], View[P]]:
    """Restrict a view to `staff(*desks)` and these methods; its page is not cached."""
    allow = require_http_methods([*methods])
    return lambda view: never_cache(allow(staff(*desks)(view)))


def staff_action(*desks: str) -> Callable[[View[P]], View[P]]:
    """Restrict a POST view to `staff(*desks)`; its answer is not cached."""
    return staff_page(*desks, methods=("POST",))


_NOT_TYPED = frozenset({"csrfmiddlewaretoken", "version", "back", "stay", "next", "number"})

_PICKED_VALUE = re.compile(r"[A-Za-z0-9_.:+ -]{0,40}", re.ASCII)
"""Values that buttons and lists fill in; not worth giving back."""


def logged_out(request: HttpRequest) -> HttpResponse:
    """Answer a form sent after the login had ended: 401 with the typed text to copy, not stored."""
    written = [
        value.replace("\x00", "")
        for name, values in request.POST.lists()
        if name not in _NOT_TYPED and "password" not in name
        for value in values
        if value.strip() and (name in ("words", "why") or not _PICKED_VALUE.fullmatch(value))
    ]
    try:
        came = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        came = urlsplit("")
    back = came.path + (f"?{came.query}" if came.query else "")
    if came.netloc != request.get_host() or not url_has_allowed_host_and_scheme(back, None):
        back = reverse("desk")
    login = f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': back})}"
    page = render(
        request,
        "ui/logged_out.html",
        {"written": written, "login": login, "photos": bool(request.FILES)},
        status=401,
    )
    add_never_cache_headers(page)
    return page
