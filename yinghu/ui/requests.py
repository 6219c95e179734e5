"""What views ask of a request: its actor, its login, the part and the version that it names."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from yinghu.people.access import Actor
from yinghu.people.logins import actor_in
from yinghu.people.models import User


def who(request: HttpRequest) -> Actor:
    """The actor of this request's login; one query a request. A stranger has no relation at all."""
    return actor_in(request)


def login_of(request: HttpRequest) -> User:
    """The login of a view for staff."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def absolute(path: str) -> str:
    """The address by which people outside reach a path of ours."""
    return f"{settings.SITE_URL}{path}"


def is_part(request: HttpRequest, name: str) -> bool:
    """Whether a page in a browser asks for one part of itself again."""
    return request.GET.get("part") == name


def version_of(request: HttpRequest) -> int | None:
    """The version that the form was made for; None where it says none."""
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
