"""Disclosure of scans of tags: as `disclosure`, for values sealed with a person's own key.

Finders and guardians read the board of their own scan (`own_entry`, `own_photo`) without a row in
the log. Staff are shown a scan by `show_scan`: at most one row of `Reveal` per person and quarter
of an hour, written before values are returned. Scans without a person have nobody whose log it
could be. All raise `Wiped` once the key is destroyed.
"""

from collections.abc import Iterable
from typing import Any, Final, Protocol

from yinghu.people import access
from yinghu.people.access import Actor
from yinghu.people.disclosure import Denied, Sealed
from yinghu.people.models import PersonKey
from yinghu.people.personal_opening import open_bytes_for, open_for
from yinghu.people.protected_disclosure import log_look

_SHOWN: Final = ("place", "details")


class SealedEntry(Protocol):
    """A row of a scan's board with its sealed values."""

    @property
    def content(self) -> Sealed: ...
    @property
    def photo(self) -> Sealed: ...


def show_scan(
    actor: Actor,
    scan_id: int,
    person: tuple[int, str] | None,
    key: PersonKey,
    entries: Iterable[SealedEntry],
) -> list[dict[str, Any]]:
    """Show the content of a scan's entries to staff; `person` is (id, area), None if unknown.

    Raises Denied.
    """
    _log_look(actor, scan_id, person)
    return [own_entry(key, entry) for entry in entries]


def show_scan_photo(
    actor: Actor, scan_id: int, person: tuple[int, str] | None, key: PersonKey, entry: SealedEntry
) -> bytes:
    """Show the photo of an entry to staff, as part of the same look. Raises Denied."""
    _log_look(actor, scan_id, person)
    return own_photo(key, entry)


def _log_look(actor: Actor, scan_id: int, person: tuple[int, str] | None) -> None:
    if person is not None:
        log_look(actor, *person, _SHOWN, f"scan {scan_id}")
    elif actor.user_id is None or not access.protected_areas(actor):
        raise Denied


def own_entry(key: PersonKey, entry: SealedEntry) -> dict[str, Any]:
    """Return an entry's content to the finder or a guardian of the scan. Not logged."""
    return open_for(key, entry.content)


def own_photo(key: PersonKey, entry: SealedEntry) -> bytes:
    """Return an entry's photo (JPEG, b"" if none) to a guardian of the scan. Not logged."""
    return open_bytes_for(key, entry.photo)
