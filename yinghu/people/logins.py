"""How staff log in: allauth with public sign-up closed, second factors sealed, and required."""

from __future__ import annotations

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

from yinghu.common.opening import unseal
from yinghu.common.sealing import seal
from yinghu.people.access import Actor, actor_of, is_only_volunteer
from yinghu.people.models import User

_log = structlog.get_logger("yinghu.people.logins")


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Accounts are made by those who run the place, never by whoever comes by."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str | None) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def render_mail(self, *given: Any, headers: dict[str, str] | None = None) -> Any:
        """Mails say that no program is to answer them (RFC 3834)."""
        headers = {"Auto-Submitted": "auto-generated"} | (headers or {})
        return super().render_mail(*given, headers=headers)

    def get_reset_password_from_key_url(self, key: str) -> str:
        return of_the_site(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return of_the_site(super().get_email_confirmation_url(request, emailconfirmation))


class SealedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is untyped
    """Secrets of second factors lie in the database encrypted, like everything personal."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(base64.b64decode(encrypted_text))


def of_the_site(url: str) -> str:
    """`url` at the site's own address, whatever host the request claimed to be for."""
    parts, site = urlsplit(url), urlsplit(settings.SITE_URL)
    return parts._replace(scheme=site.scheme, netloc=site.netloc).geturl()


# Style sheets come this way only while debugging; their look at the page would renew its secret.
_WITHOUT_CODE = ("/accounts/", "/i18n/", "/healthz", settings.STATIC_URL)


def second_factor(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: who is logged in by password alone can only set up the second factor.

    A volunteer who has read back a code holds the phone that it was sent to; that is enough for
    what volunteers may do, and for nothing more: such a session ends with the first other post, and
    gives the login neither a password nor a second factor.
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
            and not request.path.startswith(_WITHOUT_CODE)
            and not is_mfa_enabled(request.user)
        ):
            return redirect("mfa_activate_totp")
        return get_response(request)

    return middleware


BY_PHONE = "by_phone"
"""In a session: the login that was let in for the phone it holds."""


def phone_opens(user: User) -> bool:
    """Whether holding the phone is enough for this login: it is for volunteers, not for desks."""
    return user.is_active and is_only_volunteer(actor_of(user)) and not is_mfa_enabled(user)


def came_by_phone(session: Any, user: Any) -> bool:
    """Whether this session was opened by a code that was sent to the login's phone."""
    return isinstance(user, User) and session.get(BY_PHONE) == user.pk


@receiver(user_logged_in)
def forget_phone(request: HttpRequest | None = None, **_signal: Any) -> None:
    """Whoever logs in anew did so by whatever they have just shown."""
    if request is not None:
        request.session.pop(BY_PHONE, None)


def actor_in(request: HttpRequest) -> Actor:
    """The actor of this request's login; one query a request. A stranger has no relation at all."""
    known: Actor | None = getattr(request, "_yinghu_actor", None)
    if known is None:
        user = request.user
        known = actor_of(user) if isinstance(user, User) else Actor("stranger")
        request._yinghu_actor = known  # type: ignore[attr-defined]  # a request-long cache
    return known
