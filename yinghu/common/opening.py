"""Opens what `sealing.py` sealed. Import-linter lets a few modules import this one: personal data
is opened by `people/disclosure.py` alone, machine secrets and queued jobs by the modules that own
them.
"""

from cryptography.exceptions import InvalidTag
from django.conf import settings

from yinghu.common.sealing import VERSION, Unreadable, cipher_of


def unseal_bytes(sealed: bytes | memoryview) -> bytes:
    """Decrypt what `seal` made. Raises Unreadable where no key fits or the text was changed."""
    sealed = bytes(sealed)
    if not sealed:
        return b""
    for key in settings.DATA_KEYS:
        name, cipher = cipher_of(key)
        if sealed[:5] == VERSION + name:
            try:
                return cipher.decrypt(sealed[5:17], sealed[17:], None)
            except InvalidTag as wrong:
                raise Unreadable("the sealed value was changed after it was sealed") from wrong
    raise Unreadable(
        "no key in YINGHU_DATA_KEYS opens this value; restore the key it was sealed with"
    )


def unseal(sealed: bytes | memoryview) -> str:
    """`unseal_bytes` as text."""
    return unseal_bytes(sealed).decode()
