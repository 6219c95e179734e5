"""Who asks: a neighbouring system by its key, staff by session, a requester by tracking token.

A key (`yh_…`) acts as its user, while that one has a post (`people.tokens`).
A key that was found good is believed for BELIEVED seconds without asking the database again,
so that to file with a revoked one works that much longer at most. Every key that has to be looked
up, good or bad, counts against its sender (`channels.flood`).
"""

from __future__ import annotations

import threading
import time
from typing import Any, cast

from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from yinghu.api import problems
from yinghu.appeals.numbers import id_of_token
from yinghu.common import rate_limit
from yinghu.people.access import Actor, actor_of, requester_of
from yinghu.people.models import User
from yinghu.people.tokens import PREFIX, digest_of, user_of

BELIEVED = 10.0
_KEPT = 10_000

_believed: dict[bytes, tuple[float, User]] = {}
_lock = threading.Lock()


def believed(key: str) -> User | None:
    """The user of a key that was found good a moment ago; no database."""
    found = _believed.get(digest_of(key))
    return found[1] if found is not None and found[0] > time.monotonic() else None


def look_up(key: str) -> User | None:
    """The user of a key, from the database: one statement. None where it opens nothing."""
    digest = digest_of(key)
    user = user_of(digest)
    with _lock:
        if len(_believed) >= _KEPT:
            _believed.clear()
        if user is None:
            _believed.pop(digest, None)
        else:
            _believed[digest] = (time.monotonic() + BELIEVED, user)
    return user


def gate(name: str, address: str) -> None:
    """Count one act of this address against the limit `name`. Raises the 429 problem."""
    if seconds := rate_limit.too_many(name, address):
        raise problems.flooded(seconds)


def actor_of_key(key: str, address: str) -> Actor:
    """The actor behind a bearer token of either kind. Raises the 401 or 429 problem."""
    if not key.startswith(PREFIX):
        appeal_id = id_of_token(key)
        if appeal_id is None:
            gate("key", address)
            raise problems.bad_key()
        return requester_of(appeal_id)
    user = believed(key)
    if user is None:
        gate("key", address)
        user = look_up(key)
    if user is None:
        raise problems.bad_key()
    actor = actor_of(user)
    if not actor.is_staff:
        raise problems.bad_key()
    return actor


class Bearer(HttpBearer):
    """`Authorization: Bearer …`, an API key or an appeal's tracking token."""

    openapi_description = "An API key (yh_…), or the tracking token of one appeal."

    def __call__(self, request: HttpRequest) -> Actor | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _space, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise problems.bad_key()
        return self.authenticate(request, key.strip())

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        return actor_of_key(token, request.META.get("REMOTE_ADDR", ""))


class Session(APIKeyCookie):
    """The session cookie of whoever is logged in; what changes something needs X-CSRFToken too."""

    param_name = "yinghu_session"
    openapi_description = "The session of a login; POST needs the X-CSRFToken header as well."

    def __call__(self, request: HttpRequest) -> Actor | None:
        if not request.user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise problems.no_csrf()
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor:
        return actor_of(cast(User, request.user))


class Anybody:
    """Whoever asks, logged in or not, within the limit for strangers."""

    def __call__(self, request: HttpRequest) -> Any:
        gate("ask", request.META.get("REMOTE_ADDR", ""))
        return "anybody"


KNOWN = [Bearer(), Session()]
"""Whoever has a key, a tracking token or a session."""


def asker(request: HttpRequest) -> Actor:
    """Who asks; only behind KNOWN."""
    actor = getattr(request, "auth", None)
    if not isinstance(actor, Actor):
        raise problems.no_key()
    return actor
