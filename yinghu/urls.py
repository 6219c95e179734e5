"""Addresses of the Django side; the doors that bypass Django stand in `asgi.py`."""

from django.urls import include, path

urlpatterns = [
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]
