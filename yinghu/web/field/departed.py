"""Pages of helpers, which tell those who serve no more what happened (`ui.departed`)."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from yinghu.people.models import User
from yinghu.ui.decorators import staff_page
from yinghu.ui.departed import departed_helper, departure_of, remember_helper

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def show_departed(request: HttpRequest, user: User) -> HttpResponse:
    """Show what happened, and the steps that this phone still has."""
    context = {"helper": user, "departure": departure_of(user)}
    # 403, so that the phone deletes its copy of the page.
    page = render(request, "field/departed.html", context, status=403)
    remember_helper(page, user)
    add_never_cache_headers(page)
    return page


def helper_page(view: View[P]) -> View[P]:
    """Restrict a page to people with field work; those who serve no more are told why."""
    guarded = staff_page("field")(view)

    @wraps(guarded)
    def told(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method == "GET" and "HX-Request" not in request.headers:
            helper = departed_helper(request)
            if helper is not None:
                return show_departed(request, helper)
        response = guarded(request, *args, **kwargs)
        if isinstance(request.user, User) and response.status_code == 200:
            remember_helper(response, request.user)
        return response

    return told
