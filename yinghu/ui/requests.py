"""Accessors for requests: actor, login, requested part and version."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.dateparse import parse_date

from yinghu.common.rate_limit import address_key
from yinghu.common.text import whole_number
from yinghu.people.access import Actor
from yinghu.people.logins import actor_in
from yinghu.people.models import User


def who(request: HttpRequest) -> Actor:
    """Return the actor of the request's login, cached; a stranger has no relations."""
    return actor_in(request)


def login_of(request: HttpRequest) -> User:
    """Return the login of a staff request."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def sender_of(request: HttpRequest) -> str:
    """Return the key of the login that sends a request, or of its address: who has a budget."""
    if request.user.is_authenticated:
        return f"login {request.user.pk}"
    return f"address {address_key(request.META.get('REMOTE_ADDR', ''))}"


def absolute(path: str) -> str:
    """Make a full URL of a path of this site."""
    return f"{settings.SITE_URL}{path}"


def is_part(request: HttpRequest, name: str) -> bool:
    """Does the request ask for this part of the page only?"""
    return request.GET.get("part") == name


def read_day(text: str) -> date | None:
    """Parse a date in an address; None if it is none."""
    try:
        return parse_date(text)
    except ValueError:
        return None


def version_of(request: HttpRequest) -> int | None:
    """Return the case version that the form was made for, if given."""
    return whole_number(request.POST.get("version", ""), 9)
