"""Keys of persons: all that is stored of one person is sealed with a key of their own.

`personal_opening` opens it again, for `protected_disclosure` alone.

Destroying the key wipes the person at once, also in append-only tables. Backups of the database
still hold the key until they expire. Its digest stays as the proof that this very key is gone.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from yinghu.common.privacy.opening import unseal_bytes
from yinghu.common.privacy.sealing import Unreadable, seal, seal_with
from yinghu.people.access import Actor
from yinghu.people.models import PersonKey

_KEY_BYTES = 32


class Wiped(Unreadable):
    """The person's key was destroyed: nothing of them can be read."""


@dataclass(frozen=True, slots=True)
class WipeProof:
    """What remains of a destroyed key: its SHA-256 in hexadecimal, and when it was destroyed."""

    digest: str
    destroyed_at: datetime


def create_key() -> PersonKey:
    """Make and store a new key."""
    key = os.urandom(_KEY_BYTES)
    return PersonKey.objects.create(sealed=seal(key), digest=hashlib.sha256(key).digest())


def seal_for(key: PersonKey, values: Mapping[str, Any]) -> bytes:
    """Seal values (as JSON) for this person. Raises Wiped."""
    return seal_with(raw_key(key), json.dumps(values, ensure_ascii=False))


def seal_bytes_for(key: PersonKey, data: bytes) -> bytes:
    """Seal a file, such as a photo, for this person. Raises Wiped."""
    return seal_with(raw_key(key), data)


def destroy_key(key_id: int, actor: Actor, why: str) -> WipeProof:
    """Destroy a key for good. A second time it only returns the proof."""
    left = PersonKey.objects.filter(pk=key_id, destroyed_at=None)
    left.update(sealed=None, destroyed_at=timezone.now(), destroyed_by=actor.user_id, why=why[:200])
    digest, at = PersonKey.objects.values_list("digest", "destroyed_at").get(pk=key_id)
    return WipeProof(bytes(digest).hex(), at or timezone.now())


def raw_key(key: PersonKey) -> bytes:
    """Return a person's key (32 bytes), to this module and `personal_opening`. Raises Wiped."""
    if key.sealed is None:
        raise Wiped("the person's key was destroyed")
    return unseal_bytes(key.sealed)
