"""Invitations: links, valid once and for a week, by which somebody sets their login's password.

Only the digest is stored. A new link replaces older ones, so a forgotten password is solved by a
new link from an administrator.
"""

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
from yinghu.people.tokens import digest_of

VALID_FOR = timedelta(days=7)
_KIND = "user"
"""Kind of the history's rows."""


def make_link(user: User, by: User | None) -> str:
    """Create a link's secret, returned only this once; earlier links of the login end."""
    secret = secrets.token_urlsafe(24)
    with transaction.atomic():
        _lock(user.pk)
        revoke_links(user)
        Invitation.objects.create(
            user=user, digest=digest_of(secret), made_by=by, expires_at=timezone.now() + VALID_FOR
        )
    return secret


def invite_user(user: User, by: User) -> str:
    """Create a link as `make_link` does, and record it in the history."""
    secret = make_link(user, by)
    history.record(by, _KIND, user.username, str(user), {}, {"invited": True})
    return secret


def withdraw_invitation(user: User, by: User) -> int:
    """End the login's open links and record it in the history; return how many there were."""
    gone = revoke_links(user)
    if gone:
        history.record(by, _KIND, user.username, str(user), {"invited": True}, {})
    return gone


def lose_factors(user: User, by: User) -> None:
    """Remove the second factor of a lost phone and the password, and end the sessions."""
    with transaction.atomic():
        gone, _by_kind = Authenticator.objects.filter(user=user).delete()
        user.set_unusable_password()
        user.save(update_fields=["password"])
        end_sessions(user)
        if gone:
            before, after = {"second_factor": True}, {"second_factor": False}
            history.record(by, _KIND, user.username, str(user), before, after)


def revoke_links(user: User) -> int:
    """End the login's open links; return how many there were."""
    return _valid().filter(user=user).update(revoked_at=timezone.now())


def users_with_open_link(users: Iterable[User]) -> set[int]:
    """Return the primary keys of those logins that have an open link."""
    return set(_valid().filter(user__in=users).values_list("user_id", flat=True))


def invited(secret: str) -> User | None:
    """Return the login of a valid link, else None."""
    found = _valid().filter(digest=digest_of(secret), user__is_active=True)
    invitation = found.select_related("user").first()
    return invitation.user if invitation is not None else None


def use_invitation(secret: str, password: str) -> User | None:
    """Set the login's password and end all its links; None if the link is not valid (any more)."""
    with transaction.atomic():
        found = _valid().filter(digest=digest_of(secret)).first()
        if found is None:
            return None
        user = _lock(found.user_id)
        used = _valid().filter(pk=found.pk).update(used_at=timezone.now()) if user.is_active else 0
        if not used:
            return None
        revoke_links(user)
        user.set_password(password)
        user.save(update_fields=["password"])
        history.record(user, _KIND, user.username, str(user), {}, {"password": True})
    return user


def _lock(user_id: int) -> User:
    """Lock the login; taken before all other locks, so that there is no deadlock."""
    return User.objects.select_for_update(no_key=True).get(pk=user_id)


def _valid() -> QuerySet[Invitation]:
    return Invitation.objects.filter(used_at=None, revoked_at=None, expires_at__gt=timezone.now())
