"""Links by which somebody chooses the password of a login that was made for them: once, for a week.

Only a link's digest is kept. A new link for a login ends the older ones; so a forgotten password is
a new link from an administrator.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from yinghu.people import history
from yinghu.people.models import Invitation, User
from yinghu.people.sessions import end_sessions

VALID_FOR = timedelta(days=7)
_KIND = "user"
"""Of the rows of the history."""
_BYTES = 24
"""192 random bits."""


def make(user: User, by: User | None) -> str:
    """A new link's secret for a login, shown this once; links made before for it open nothing."""
    secret = secrets.token_urlsafe(_BYTES)
    with transaction.atomic():
        _lock(user.pk)
        revoke(user)
        Invitation.objects.create(
            user=user, digest=_digest(secret), made_by=by, expires_at=timezone.now() + VALID_FOR
        )
    return secret


def invite(user: User, by: User) -> str:
    """A new link, as `make` gives it, told in the history."""
    secret = make(user, by)
    history.record(by, _KIND, user.username, str(user), {}, {"invited": True})
    return secret


def withdraw(user: User, by: User) -> int:
    """End the login's open links; how many there were. Told in the history."""
    gone = revoke(user)
    if gone:
        history.record(by, _KIND, user.username, str(user), {"invited": True}, {})
    return gone


def lose_factors(user: User, by: User) -> None:
    """After a lost phone: the second factor goes, and so does the password, which alone must open
    nothing. Whoever is logged in with them is out.
    """
    with transaction.atomic():
        gone, _by_kind = Authenticator.objects.filter(user=user).delete()
        user.set_unusable_password()
        user.save(update_fields=["password"])
        end_sessions(user)
        if gone:
            before, after = {"second_factor": True}, {"second_factor": False}
            history.record(by, _KIND, user.username, str(user), before, after)


def revoke(user: User) -> int:
    """End the login's open links; how many there were."""
    return _open().filter(user=user).update(revoked_at=timezone.now())


def waiting(users: Iterable[User]) -> set[int]:
    """Those of the logins, by primary key, that have an open link."""
    return set(_open().filter(user__in=users).values_list("user_id", flat=True))


def invited(secret: str) -> User | None:
    """Whose link this is, while it can be used."""
    found = _open().filter(digest=_digest(secret), user__is_active=True)
    invitation = found.select_related("user").first()
    return invitation.user if invitation is not None else None


def accept(secret: str, password: str) -> User | None:
    """Give the login its password and end the link; None where it cannot be used (any more).

    Of two who use one link at once, one succeeds; no other link of the login outlives it.
    """
    with transaction.atomic():
        found = _open().filter(digest=_digest(secret)).first()
        if found is None:
            return None
        user = _lock(found.user_id)
        used = _open().filter(pk=found.pk).update(used_at=timezone.now()) if user.is_active else 0
        if not used:
            return None
        revoke(user)
        user.set_password(password)
        user.save(update_fields=["password"])
        history.record(user, _KIND, user.username, str(user), {}, {"password": True})
    return user


def _lock(user_id: int) -> User:
    """The login, its links from now on in our hands alone. First of all locks, so none crosses."""
    return User.objects.select_for_update(no_key=True).get(pk=user_id)


def _open() -> QuerySet[Invitation]:
    return Invitation.objects.filter(used_at=None, revoked_at=None, expires_at__gt=timezone.now())


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
