"""A requester's data: encrypted at rest, masked on every page, found again by a keyed index.

Sealed form: one version byte, the first 4 bytes of the key's SHA-256, a 12-byte nonce, AES-256-GCM
text. The newest key (first of `settings.DATA_KEYS`) seals; every key unseals. Index and link keys
are derived from the oldest one, so that adding a newer key in front loses neither.
"""

import hashlib
import hmac
import os
import re
from functools import lru_cache

import phonenumbers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from stdnum import damm

_VERSION = b"\x01"
_MASKED = re.compile(r"[*＊×●•]|[xX]{2}")
_CHINESE_MOBILE = re.compile(r"1[3-9][0-9]{9}")


class Unreadable(Exception):
    """A sealed value that no key opens: the keys in use are not those it was sealed with."""


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> tuple[bytes, AESGCM]:
    return hashlib.sha256(key).digest()[:4], AESGCM(key)


def seal(plain: str | bytes) -> bytes:
    """Encrypt with the newest key; empty stays empty. Adds 33 bytes."""
    if not plain:
        return b""
    name, cipher = _cipher(settings.DATA_KEYS[0])
    nonce = os.urandom(12)
    data = plain.encode() if isinstance(plain, str) else plain
    return _VERSION + name + nonce + cipher.encrypt(nonce, data, None)


def unseal_bytes(sealed: bytes | memoryview) -> bytes:
    """Decrypt what `seal` made. Raises Unreadable where no key fits or the text was changed."""
    sealed = bytes(sealed)
    if not sealed:
        return b""
    for key in settings.DATA_KEYS:
        name, cipher = _cipher(key)
        if sealed[:5] == _VERSION + name:
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


def derived_key(purpose: str) -> bytes:
    """A 32-byte key for one purpose, from the oldest data key."""
    return _derived(settings.DATA_KEYS[-1], purpose)


@lru_cache(maxsize=64)
def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"yinghu:{purpose}".encode(), "sha256")


def normal_phone(text: str, region: str = "") -> str:
    """The number in E.164 (`+8613812345678`), or "" where the text is no valid phone number.

    `region` is the ISO country that numbers without a country code belong to; by default
    `settings.PHONE_REGION`. A masked number (`138****5678`) is none.
    """
    if _MASKED.search(text):
        # phonenumbers would leave the stars out, and call somebody else.
        return ""
    region = region or settings.PHONE_REGION
    if region == "CN" and _CHINESE_MOBILE.fullmatch(text):
        # Nearly every phone that comes; asking phonenumbers costs more than all else of a filing.
        return f"+86{text}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def blind(contact: str) -> bytes | None:
    """A keyed 16-byte index of a normalised phone (or a channel's user id); None for an empty one.

    Equal contacts give equal indexes; without the key nothing can be read or tried from it.
    """
    if not contact:
        return None
    return hmac.digest(derived_key("blind"), contact.encode(), "sha256")[:16]


_BETWEEN = r"[\s\-.,，。·_/()（）‐‑–—－．\u200b-\u200d\u2060\ufeff]"
_LONG_NUMBER = re.compile(
    r"(?P<kept>(?<!\d)(?<!\d[-./])(?:\d{4}-\d{4}-\d"
    r"|20\d\d([-./])(?:0?[1-9]|1[0-2])\2(?:0?[1-9]|[12]\d|3[01]))(?!\d|[-./]\d))"
    rf"|\d(?:{_BETWEEN}{{0,3}}\d){{6,}}"
)
"""A case number or a date; else seven digits or more, whatever people put between them."""


def without_numbers(text: str) -> str:
    """The text with what could be a phone or identity number made unreadable.

    People write their phone into their words; a volunteer sees it only after taking the case. Our
    own case numbers (by their check digit), dates and lists of small numbers stay.
    """
    return _LONG_NUMBER.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    said = found[0]
    groups = re.findall(r"\d+", said)
    digits = "".join(groups)
    if found["kept"] and (len(groups[1]) < 3 or damm.is_valid(digits)):
        return said
    between = re.findall(r"\D+", said)
    if (
        len(digits) < 10
        and max(map(len, groups)) < 3
        and all(set(mark) & set(",，") for mark in between)
    ):
        return said
    return f"{digits[:3] if len(digits) > 9 else ''}****{digits[-2:]}"


def mask_name(name: str) -> str:
    """`王小明` becomes `王**`, `Maria Silva` becomes `M**`."""
    return f"{name[0]}**" if name else ""


def mask_phone(phone: str) -> str:
    """`+8613812345678` becomes `138****5678`; short numbers keep their last two digits only."""
    digits = phone.removeprefix("+86").removeprefix("+")
    if len(digits) < 8:
        return "****" + digits[-2:] if digits else ""
    return f"{digits[:3]}****{digits[-4:]}"
