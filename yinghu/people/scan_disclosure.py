"""Disclosure of scans of tags: as `disclosure`, for values sealed with a person's own key.

Finders and guardians read the board of their own scan (`own_entry`, `own_photo`) without a row in
the log. Staff are shown a scan by `show_scan`: at most one row of `Reveal` per person and quarter
of an hour, written before values are returned. Scans without a person have nobody whose log it
could be. All raise `Wiped` once the key is destroyed.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from django.utils import timezone

from yinghu.people import access
from yinghu.people.access import Actor
from yinghu.people.disclosure import WINDOW, Denied, Sealed
from yinghu.people.models import PersonKey, Reveal
from yinghu.people.personal_opening import open_bytes_for, open_for


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
    if actor.user_id is None:
        raise Denied
    if person is None:
        if not access.protected_areas(actor):
            raise Denied
        return
    person_id, area_id = person
    if not access.may_protect(actor, area_id):
        raise Denied
    look = {"user_id": actor.user_id, "protected": person_id, "why": f"scan {scan_id}"}
    if not Reveal.objects.filter(**look, at__gt=timezone.now() - WINDOW).exists():
        rows = [Reveal(**look, shown=["place", "details"])]
        Reveal.objects.bulk_create(rows, ignore_conflicts=True)


def own_entry(key: PersonKey, entry: SealedEntry) -> dict[str, Any]:
    """Return an entry's content to the finder or a guardian of the scan. Not logged."""
    return open_for(key, entry.content)


def own_photo(key: PersonKey, entry: SealedEntry) -> bytes:
    """Return an entry's photo (JPEG, b"" if none) to a guardian of the scan. Not logged."""
    return open_bytes_for(key, entry.photo)


def guardian_address(key: PersonKey, contact: Sealed, name: str) -> str:
    """Return a guardian's own `phone` (E.164) or `mail`, to send to it. Not logged."""
    return str(open_for(key, contact).get(name, ""))
