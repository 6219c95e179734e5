"""Opening of what `personal_keys` sealed for one person.

Import-linter limits who may import this: `people/protected_disclosure.py` alone.
"""

import json
from typing import Any

from yinghu.common.privacy.opening import unseal_with
from yinghu.people.models import PersonKey
from yinghu.people.personal_keys import raw_key


def open_for(key: PersonKey, sealed: bytes | memoryview) -> dict[str, Any]:
    """Open a value of `seal_for`; {} if it is empty. Raises Wiped."""
    found: dict[str, Any] = json.loads(unseal_with(raw_key(key), sealed)) if sealed else {}
    return found


def open_bytes_for(key: PersonKey, sealed: bytes | memoryview) -> bytes:
    """Open a value of `seal_bytes_for`; b"" if it is empty. Raises Wiped."""
    return unseal_with(raw_key(key), sealed) if sealed else b""
