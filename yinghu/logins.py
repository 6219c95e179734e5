"""How staff log in: allauth with public sign-up closed, second factors sealed, and required."""

from __future__ import annotations

import base64
from collections.abc import Callable

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from yinghu.people import privacy


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by those who run the place, never by whoever comes by."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SealedMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of second factors lie in the database encrypted, like everything personal."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(privacy.seal(text)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return privacy.unseal(base64.b64decode(encrypted_text))


def second_factor(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: who is logged in by password alone can only set up the second factor."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if (
            settings.SECOND_FACTOR_REQUIRED
            and request.user.is_authenticated
            and not request.path.startswith(("/accounts/", "/i18n/", "/healthz"))
            and not is_mfa_enabled(request.user)
        ):
            return redirect("mfa_activate_totp")
        return get_response(request)

    return middleware
