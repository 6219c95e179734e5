"""Users and session cookies for benchmarks."""

from importlib import import_module
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from yinghu.people.models import Post, Unit, User


def session_key(user: User, **values: Any) -> str:
    """Create a session of the user with further values; return its key."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update(values)
    session.create()
    return str(session.session_key)


def staff_cookie(username: str) -> str:
    """Session cookie of a user with a second factor, as production requires."""
    user = User.objects.get(username=username)
    Authenticator.objects.get_or_create(user=user, type="totp", defaults={"data": {}})
    return f"{settings.SESSION_COOKIE_NAME}={session_key(user)}"


def new_user(username: str, role: str) -> User:
    """Create a user with a post of this role."""
    user = User.objects.create_user(username)
    Post.objects.create(user=user, unit=Unit.objects.all()[0], role=role)
    return user
