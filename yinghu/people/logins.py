"""Staff login with allauth: no public sign-up, sealed and mandatory second factors."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout, user_logged_in
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from yinghu.common.privacy.opening import unseal
from yinghu.common.privacy.sealing import seal
from yinghu.common.rate_limit import address_key
from yinghu.people.access import Actor, actor_of, is_only_volunteer
from yinghu.people.models import User

_log = structlog.get_logger("yinghu.people.logins")


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Account adapter without public sign-up: administrators create accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str | None) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count wrong passwords by login and sender together: a stranger must lock nobody out."""
        sender = address_key(request.META.get("REMOTE_ADDR", ""))
        return f"{super()._get_login_attempts_cache_key(request, **credentials)}:{sender}"

    def render_mail(self, *given: Any, headers: dict[str, str] | None = None) -> Any:
        """Mark mails as automatic (RFC 3834)."""
        headers = {"Auto-Submitted": "auto-generated"} | (headers or {})
        return super().render_mail(*given, headers=headers)

    def get_reset_password_from_key_url(self, key: str) -> str:
        return at_site_url(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return at_site_url(super().get_email_confirmation_url(request, emailconfirmation))


class SealedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """Stores the secrets of second factors encrypted."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(base64.b64decode(encrypted_text))


def at_site_url(url: str) -> str:
    """Return `url` at the site's own address, whatever Host the request had."""
    parts, site = urlsplit(url), urlsplit(settings.SITE_URL)
    return parts._replace(scheme=site.scheme, netloc=site.netloc).geturl()


# Static files come this way only while debugging; the check would renew the page's secret.
_EXEMPT_PATHS = ("/accounts/", "/i18n/", "/healthz", settings.STATIC_URL)


def second_factor(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a login by password alone can only set up the second factor.

    A volunteer who logged in by a code sent to their phone needs no second factor for what
    volunteers may do. Such a session ends with the first other post, and cannot set a password or a
    second factor.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if came_by_phone(request.session, request.user):
            if not is_only_volunteer(actor_in(request)):
                logout(request)
                return redirect("volunteer")
            if request.path.startswith("/accounts/") and request.path != reverse("account_logout"):
                raise PermissionDenied
            return get_response(request)
        if (
            settings.SECOND_FACTOR_REQUIRED
            and request.user.is_authenticated
            and not request.path.startswith(_EXEMPT_PATHS)
            and not is_mfa_enabled(request.user)
        ):
            return redirect("mfa_activate_totp")
        return get_response(request)

    return middleware


BY_PHONE = "by_phone"
"""Session key: the login that was admitted by its phone."""


def phone_opens(user: User) -> bool:
    """May this login be admitted by its phone alone? Only volunteers."""
    return user.is_active and is_only_volunteer(actor_of(user)) and not is_mfa_enabled(user)


def came_by_phone(session: Any, user: Any) -> bool:
    """Was this session opened by a code sent to the login's phone?"""
    return isinstance(user, User) and session.get(BY_PHONE) == user.pk


@receiver(user_logged_in)
def forget_phone(request: HttpRequest | None = None, **_signal: Any) -> None:
    """Drop the mark of a login by phone, as somebody logs in another way."""
    if request is not None:
        request.session.pop(BY_PHONE, None)


def actor_in(request: HttpRequest) -> Actor:
    """Return the request's actor, cached per request; without relations if anonymous."""
    known: Actor | None = getattr(request, "_yinghu_actor", None)
    if known is None:
        user = request.user
        known = actor_of(user) if isinstance(user, User) else Actor("stranger")
        request._yinghu_actor = known  # type: ignore[attr-defined]  # a request-long cache
    return known
