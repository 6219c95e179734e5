"""Sessions for tests.

The logins of the demo have sessions in the template database, since logging in takes several
statements and nearly every test begins with it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client

from yinghu.people.models import User


def create_sessions() -> None:
    """Create a session for each login, as logging in does."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for user in User.objects.filter(is_active=True):
        session = store()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()


@cache
def known_sessions() -> dict[int, str]:
    """Session keys by login id; the same in each copy of the template."""
    return {int(each.get_decoded()[SESSION_KEY]): each.pk for each in Session.objects.all()}


def log_client_in(client: Client, user: User) -> None:
    """Log in with the session of the template, or a new one if the test has none or ended it."""
    key = known_sessions().get(user.pk)
    if key is not None and Session.objects.filter(pk=key).exists():
        client.cookies[settings.SESSION_COOKIE_NAME] = key
    else:
        client.force_login(user)
