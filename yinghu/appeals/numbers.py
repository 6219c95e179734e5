"""Appeal numbers and the secrets of tracking links and mail threads, derived from the id."""

import base64
import hmac
from itertools import islice

from stdnum import damm
from stdnum.exceptions import ValidationError

from yinghu.common.privacy.sealing import derived_key
from yinghu.common.text import plain_digits

MOST_CHECKED = 10_000
"""Most ids whose check digit is computed in a search: all of a million for three digits."""
_WIDTH = 8
_SECRET_BYTES = 15


def number_of(appeal_id: int) -> str:
    """Format an id as `0000-0123-x`: groups of four and a Damm check digit (H. M. Damm, 2004)."""
    digits = f"{appeal_id:0{_WIDTH}d}"
    parts = filter(None, (digits[:-8], digits[-8:-4], digits[-4:]))
    return "-".join((*parts, damm.calc_check_digit(digits)))


def id_of(number: str) -> int | None:
    """Return the id of a typed number (full-width digits, spaces and dashes allowed), or None."""
    digits = "".join(char for char in plain_digits(number) if char not in " -－　")
    if not (9 <= len(digits) <= 19 and digits.isascii() and digits.isdigit()):
        return None
    try:
        damm.validate(digits)
    except ValidationError:
        return None
    return int(digits[:-1])


def ids_with_part(part: str, newest: int) -> list[tuple[int, int]]:
    """Return ranges (first, last) of the ids up to `newest` whose number has these digits in a row.

    A part that ends with the check digit is found among the newest `MOST_CHECKED` possible ids.
    """
    size, value = 10 ** len(part), int(part)
    found: list[tuple[int, int]] = []
    for place in range(max(_WIDTH, len(str(newest))) - len(part) + 1):
        step = 10**place
        # Shorter ids are written with zeros in front, up to eight digits.
        shortest = 0 if place + len(part) <= _WIDTH else step * size // 10
        for first in range(value * step, newest + 1, step * size):
            if first >= shortest:
                found.append((first, first + step - 1))
    if len(part) > 1:
        found += [(each, each) for each in _ids_ending_with(part, newest)]
    return found


def _ids_ending_with(part: str, newest: int) -> list[int]:
    apart = 10 ** (len(part) - 1)
    last = newest - (newest - int(part[:-1])) % apart
    alike = islice(range(last, -1, -apart), MOST_CHECKED)
    return [each for each in alike if number_of(each)[-1] == part[-1]]


def track_token(appeal_id: int) -> str:
    """Return `<id>-<secret>`: 120 bits of a keyed hash in lower-case base32 (24 characters)."""
    return f"{appeal_id}-{secret_of('track', appeal_id)}"


def secret_of(purpose: str, number: int) -> str:
    """Derive 24 characters from a number, the purpose and this installation's key."""
    secret = hmac.digest(derived_key(purpose), str(number).encode(), "sha256")[:_SECRET_BYTES]
    return base64.b32encode(secret).decode().lower()


def id_of_token(token: str) -> int | None:
    """Return the id of a valid tracking token, compared in constant time, else None."""
    head, _, _ = token.partition("-")
    if not (head.isascii() and head.isdigit() and len(head) <= 18):
        return None
    appeal_id = int(head)
    if not hmac.compare_digest(track_token(appeal_id).encode(), token.encode("utf-8", "replace")):
        return None
    return appeal_id
