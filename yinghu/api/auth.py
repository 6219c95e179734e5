"""Authentication of the API: keys of other systems, staff sessions, requesters' tracking tokens.

A key (`yh_…`) acts as its user while that user has a post (`people.tokens`). A valid key is cached
for CACHE_SECONDS, and forgotten at once when the key, its user or a post changes
(`people.access_changes`); while such changes are not heard, every request looks its key up. Every
look-up of a key counts against the sender's rate limit (`common.rate_limit`).
"""

import threading
import time
from collections.abc import Collection
from typing import cast

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from yinghu.api import problems
from yinghu.appeals.numbers import id_of_token
from yinghu.common import rate_limit
from yinghu.people.access import Actor, actor_of, requester_of
from yinghu.people.access_changes import access_changes
from yinghu.people.models import User
from yinghu.people.tokens import PREFIX, digest_of, user_of

CACHE_SECONDS = 10.0
_MAX_CACHED = 10_000

_cached: dict[bytes, tuple[float, User]] = {}
_lock = threading.Lock()


def cached_user(key: str) -> User | None:
    """Return the user of a recently checked key, without the database."""
    if not access_changes.listening:
        return None
    found = _cached.get(digest_of(key))
    return found[1] if found is not None and found[0] > time.monotonic() else None


def look_up(key: str) -> User | None:
    """Look a key's user up in the database, with one statement; None if it is invalid."""
    digest = digest_of(key)
    before = access_changes.count
    user = user_of(digest)
    with _lock:
        if len(_cached) >= _MAX_CACHED:
            _cached.clear()
        if user is None:
            _cached.pop(digest, None)
        elif access_changes.count == before:
            # Otherwise it may have been read before the change.
            _cached[digest] = (time.monotonic() + CACHE_SECONDS, user)
    return user


def _forget(users: Collection[int]) -> None:
    with _lock:
        for digest, (_until, user) in list(_cached.items()):
            if not users or user.pk in users:
                del _cached[digest]


access_changes.subscribe(_forget)


def count_request(name: str, address: str) -> None:
    """Count a request of this address against the limit `name`. Raises the 429 problem."""
    if seconds := rate_limit.too_many(name, address):
        raise problems.flooded(seconds)


class Bearer(HttpBearer):
    """Bearer authentication: an API key or an appeal's tracking token."""

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
        """Return the actor of a token of either kind. Raises the 401 or 429 problem."""
        address = request.META.get("REMOTE_ADDR", "")
        if not token.startswith(PREFIX):
            appeal_id = id_of_token(token)
            if appeal_id is None:
                count_request("key", address)
                raise problems.bad_key()
            return requester_of(appeal_id)
        user = cached_user(token)
        if user is None:
            count_request("key", address)
            user = look_up(token)
        actor = actor_of(user) if user else None
        if actor is None or not actor.is_staff:
            raise problems.bad_key()
        return actor


class Session(APIKeyCookie):
    """Session authentication; unsafe methods need X-CSRFToken too."""

    param_name = "yinghu_session"
    openapi_description = "The session of a login; POST needs the X-CSRFToken header as well."

    def __call__(self, request: HttpRequest) -> Actor | None:
        if not request.user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise problems.forbidden(_("缺少或不符的 X-CSRFToken，请刷新页面再试"), "csrf")
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor:
        return actor_of(cast(User, request.user))


def count_visitor(request: HttpRequest) -> str:
    """Authenticate anybody, within the rate limit for strangers."""
    count_request("ask", request.META.get("REMOTE_ADDR", ""))
    return "anybody"


KNOWN = [Bearer(), Session()]
"""Authentication by key, tracking token or session."""


def request_actor(request: HttpRequest) -> Actor:
    """Return the actor of a request to an endpoint with `auth=KNOWN`."""
    actor = getattr(request, "auth", None)
    if not isinstance(actor, Actor):
        raise problems.no_key()
    return actor
