"""Encryption of stored personal data and secrets, and blind indexes to find it by.

Format: one version byte, the first 4 bytes of the key's SHA-256, a 12-byte nonce, AES-256-GCM text.
The newest key (first of `settings.DATA_KEYS`) encrypts; every key decrypts (`opening.py`). Index
and link keys derive from the oldest key, so that adding a key in front changes neither.
"""

import hashlib
import hmac
import os
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION: Final = b"\x01"


class Unreadable(Exception):
    """A sealed value that no current key can decrypt."""


@lru_cache(maxsize=8)
def cipher_of(key: bytes) -> tuple[bytes, AESGCM]:
    """Return a data key's id in sealed values, and its cipher."""
    return hashlib.sha256(key).digest()[:4], AESGCM(key)


def seal(plain: str | bytes) -> bytes:
    """Encrypt with the newest key; empty stays empty. Adds 33 bytes."""
    return seal_with(settings.DATA_KEYS[0], plain) if plain else b""


def seal_with(key: bytes, plain: str | bytes) -> bytes:
    """Encrypt with this 32-byte key, in the same format."""
    name, cipher = cipher_of(key)
    nonce = os.urandom(12)
    data = plain.encode() if isinstance(plain, str) else plain
    return VERSION + name + nonce + cipher.encrypt(nonce, data, None)


def derived_key(purpose: str) -> bytes:
    """A 32-byte key for one purpose, from the oldest data key."""
    return _derived(settings.DATA_KEYS[-1], purpose)


@lru_cache(maxsize=64)
def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"yinghu:{purpose}".encode(), "sha256")


def blind(contact: str) -> bytes | None:
    """Return the keyed 16-byte index of a normalised phone (or a channel's user id); None if empty.

    Equal contacts have equal indexes; without the key they cannot be guessed.
    """
    if not contact:
        return None
    return hmac.digest(derived_key("blind"), contact.encode(), "sha256")[:16]
