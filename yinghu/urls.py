"""Addresses of the Django side; the doors that bypass Django stand in `asgi.py`."""

from django.conf import settings
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

from yinghu import health
from yinghu.api.app import api

urlpatterns = [
    path("healthz", health.healthz),
    path("metrics", health.metrics),
    path("api/v1/", api.urls),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("yinghu.web.urls")),
]
handler400 = "yinghu.web.errors.bad_request"
handler403 = "yinghu.web.errors.forbidden"
handler404 = "yinghu.web.errors.not_found"
handler500 = "yinghu.web.errors.failed"
if settings.DEBUG:
    urlpatterns += staticfiles_urlpatterns()
