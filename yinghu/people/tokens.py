"""Keys by which neighbouring systems act as a login; of each only its SHA-256 digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from django.db.models import Exists, OuterRef
from django.utils import timezone

from yinghu.people.models import ApiToken, Post, User

PREFIX: Final = "yh_"


def digest_of(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def new_key(user: User, name: str) -> str:
    """Make a key for `user`; it can be read this once only."""
    key = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, name=name, digest=digest_of(key))
    return key


def user_of(digest: bytes) -> User | None:
    """Whose key this is the digest of, while it is valid and its user has a post. One query."""
    serving = Post.objects.filter(user=OuterRef("user"), active=True, unit__active=True)
    found = ApiToken.objects.filter(Exists(serving), revoked_at=None, user__is_active=True)
    token = found.filter(digest=digest).select_related("user").first()
    return token.user if token else None


def revoke(user: User, name: str) -> int:
    """Revoke the user's keys of this name; how many."""
    valid = ApiToken.objects.filter(user=user, name=name, revoked_at=None)
    return valid.update(revoked_at=timezone.now())
