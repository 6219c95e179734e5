"""API keys by which other systems act as a login; only their SHA-256 digests are stored."""

import hashlib
import secrets
from typing import Final

from django.db.models import Exists, OuterRef
from django.utils import timezone

from yinghu.people.models import ApiToken, Post, User

PREFIX: Final = "yh_"


def digest_of(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def new_key(user: User, name: str) -> str:
    """Create a key for `user`; it can be read only this once."""
    key = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, name=name, digest=digest_of(key))
    return key


def user_of(digest: bytes) -> User | None:
    """Return the user of a valid key by its digest, if they have a post. One query."""
    serving = Post.objects.filter(user=OuterRef("user"), active=True, unit__active=True)
    found = ApiToken.objects.filter(Exists(serving), revoked_at=None, user__is_active=True)
    token = found.filter(digest=digest).select_related("user").first()
    return token.user if token else None


def revoke_keys(user: User, name: str) -> int:
    """Revoke the user's keys of this name; return how many."""
    valid = ApiToken.objects.filter(user=user, name=name, revoked_at=None)
    return valid.update(revoked_at=timezone.now())
