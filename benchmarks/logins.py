"""Logins of a benchmark: sessions as the browser would hold them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from yinghu.people.models import Post, Unit, User


def session_key(user: User, **values: Any) -> str:
    """Key of a new session of this user, with further session values."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update(values)
    session.create()
    return str(session.session_key)


def staff_cookie(username: str) -> str:
    """Session cookie of a login with a second factor, as production requires."""
    user = User.objects.get(username=username)
    Authenticator.objects.get_or_create(user=user, type="totp", defaults={"data": {}})
    return f"{settings.SESSION_COOKIE_NAME}={session_key(user)}"


def new_user(username: str, role: str) -> User:
    """A new login with a post of this role."""
    user = User.objects.create_user(username)
    Post.objects.create(user=user, unit=Unit.objects.all()[0], role=role)
    return user
