"""Codes of tags: the address in the QR code, and the short number printed beside it.

The address carries 120 bits derived from the tag's id by the installation's key, so a copy of the
database reveals none, and a batch can be printed again. It is found by its keyed digest: a wrong
code costs the same query as a right one. Short numbers are random, so that one tells nothing of
others, and end with a Damm check digit (H. M. Damm, 2004), which finds each single wrong digit and
each swap of neighbours.
"""

import hmac
import secrets
from collections.abc import Collection

from stdnum import damm

from yinghu.appeals.numbers import secret_of
from yinghu.common.privacy.sealing import derived_key
from yinghu.common.text import plain_digits

_DIGITS = 8
_DIGEST_BYTES = 16


def tag_code(tag_id: int) -> str:
    """Return the 24 characters (lower-case base32, 120 bits) of a tag's address."""
    return secret_of("tag", tag_id)


def digest_of(code: str) -> bytes:
    """Return the 16-byte keyed digest by which a code is found; of any text, in the same time."""
    given = code.encode("utf-8", "replace")
    return hmac.digest(derived_key("tag digest"), given, "sha256")[:_DIGEST_BYTES]


def new_numbers(count: int, taken: Collection[str] = ()) -> list[str]:
    """Return so many new short numbers, none of them in `taken`."""
    found = dict.fromkeys(taken)
    before = len(found)
    while len(found) < before + count:
        digits = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
        found[digits + damm.calc_check_digit(digits)] = None
    return list(found)[before:]


def read_number(text: str) -> str:
    """Return a typed short number as it is stored (spaces, dashes and full-width digits are
    allowed), or "" if it cannot be one.
    """
    digits = "".join(char for char in plain_digits(text) if char not in " -－　")
    if len(digits) != _DIGITS + 1 or not (digits.isascii() and digits.isdigit()):
        return ""
    return digits if damm.is_valid(digits) else ""


def format_number(number: str) -> str:
    """Return the number as printed: `123 456 789`."""
    return " ".join(number[at : at + 3] for at in range(0, len(number), 3))


def scan_token(scan_id: int) -> str:
    """Return the finder's token of a scan, `<id>-<secret>`."""
    return f"{scan_id}-{secret_of('scan', scan_id)}"


def guardian_token(scan_id: int, guardian_id: int) -> str:
    """Return one guardian's token of a scan, `<scan>-<guardian>-<secret>`."""
    return f"{scan_id}-{guardian_id}-{secret_of(f'scan of {guardian_id}', scan_id)}"


def scan_of_token(token: str) -> int | None:
    """Return the scan's id of a finder's token, compared in constant time, else None."""
    head = token.partition("-")[0]
    scan_id = _whole(head)
    if scan_id is None or not _equal(scan_token(scan_id), token):
        return None
    return scan_id


def guardian_of_token(token: str) -> tuple[int, int] | None:
    """Return the ids of scan and guardian of a guardian's token, else None."""
    first, _dash, rest = token.partition("-")
    scan_id, guardian_id = _whole(first), _whole(rest.partition("-")[0])
    if scan_id is None or guardian_id is None:
        return None
    return (scan_id, guardian_id) if _equal(guardian_token(scan_id, guardian_id), token) else None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _equal(right: str, given: str) -> bool:
    return hmac.compare_digest(right.encode(), given.encode("utf-8", "replace"))
