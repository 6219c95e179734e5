"""Decryption of what `sealing.py` encrypted.

Import-linter limits who may import this: `people/disclosure.py` for personal data, and the owners
of machine secrets and queued jobs.
"""

from cryptography.exceptions import InvalidTag
from django.conf import settings

from yinghu.common.privacy.sealing import VERSION, Unreadable, cipher_of


def unseal_bytes(sealed: bytes | memoryview) -> bytes:
    """Decrypt a value of `seal`. Raises Unreadable if no key fits or it was changed."""
    sealed = bytes(sealed)
    if not sealed:
        return b""
    for key in settings.DATA_KEYS:
        if sealed[:5] == VERSION + cipher_of(key)[0]:
            return unseal_with(key, sealed)
    raise Unreadable(
        "no key in YINGHU_DATA_KEYS opens this value; restore the key it was sealed with"
    )


def unseal_with(key: bytes, sealed: bytes | memoryview) -> bytes:
    """Decrypt a value of `seal_with` by the same key. Raises Unreadable."""
    sealed = bytes(sealed)
    name, cipher = cipher_of(key)
    if sealed[:5] != VERSION + name:
        raise Unreadable("the value was sealed with another key")
    try:
        return cipher.decrypt(sealed[5:17], sealed[17:], None)
    except InvalidTag as wrong:
        raise Unreadable("the sealed value was changed after it was sealed") from wrong


def unseal(sealed: bytes | memoryview) -> str:
    """Decrypt as text; see `unseal_bytes`."""
    return unseal_bytes(sealed).decode()
