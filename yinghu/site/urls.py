"""Root URLs of Django; DOORS in `site/doors.py` bypass them."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from allauth.account import urls as account_urls
from allauth.mfa import urls as mfa_urls
from django.conf import settings
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from yinghu.api.app import api
from yinghu.site import health

_ALWAYS = {"account_login", "account_logout", "account_inactive", "account_reauthenticate"}
_OWN_PASSWORD = {"account_change_password", "account_set_password"}
_BY_MAIL = {
    "account_email",
    "account_email_verification_sent",
    "account_confirm_email",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
}
_CODE_ASKED_FOR = {"mfa_authenticate", "mfa_reauthenticate"}


def account_routes(*, mail: bool) -> list[URLPattern]:
    """Select the routes of allauth.account: no sign-up, and those that send mail only with `mail`.

    Demo mode closes the routes for passwords: its logins are shared and have none.
    """
    routes = []
    for route in account_urls.urlpatterns:
        if route.name in _ALWAYS:
            routes.append(route)
        elif route.name in _OWN_PASSWORD or (mail and route.name in _BY_MAIL):
            routes.append(_guarded(route, lambda: not settings.DEMO))
    return routes


def mfa_routes(routes: Sequence[Any]) -> list[URLPattern | URLResolver]:
    """Guard routes of allauth.mfa: set-up only where a second factor is required."""
    guarded: list[URLPattern | URLResolver] = []
    for route in routes:
        if isinstance(route, URLResolver):
            guarded.append(path(str(route.pattern), include(mfa_routes(route.url_patterns))))
        elif route.name in _CODE_ASKED_FOR:
            guarded.append(route)
        else:
            guarded.append(_guarded(route, lambda: settings.SECOND_FACTOR_REQUIRED))
    return guarded


def _guarded(route: URLPattern, is_open: Callable[[], bool]) -> URLPattern:
    view = route.callback

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not is_open():
            raise Http404
        return view(request, *args, **kwargs)

    return URLPattern(route.pattern, guarded, route.default_args, route.name)


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Head of the live updates; the stream itself bypasses Django (`site/doors.py`)."""
    return HttpResponse(content_type="text/event-stream")


urlpatterns = [
    path("healthz", health.healthz),
    path("metrics", health.metrics),
    path("api/v1/", api.urls),
    path("accounts/2fa/", include(mfa_routes(mfa_urls.urlpatterns))),
    path("accounts/", include(account_routes(mail=bool(settings.ENV.email_url)))),
    path("i18n/setlang/", require_POST(set_language), name="set_language"),
    path("live", live),
    path("", include("yinghu.web.urls")),
]
handler400 = "yinghu.ui.errors.bad_request_page"
handler500 = "yinghu.ui.errors.server_error_page"
if settings.DEBUG:
    urlpatterns += staticfiles_urlpatterns()
