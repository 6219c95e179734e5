"""Disclosure of protected people and their guardians: as `disclosure`, for values that are sealed
with a person's own key.

Being shown a person by `show_protected` or `show_protected_photo` is one row of `Reveal`, at most
one per person and quarter of an hour, written before the value is returned. Guardians see their
own person, and the platform sends to guardians, without a row. All raise `Wiped` once the key is
destroyed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.db import connection
from django.utils import timezone

from yinghu.common.language import name_of
from yinghu.common.privacy.masking import mask_name
from yinghu.people import access
from yinghu.people.access import Actor
from yinghu.people.disclosure import WINDOW, Denied, Sealed
from yinghu.people.models import PersonKey, Post, Reveal
from yinghu.people.personal_opening import open_bytes_for, open_for

_SHOWN: Final = ("name", "phone", "address", "details", "photo")


class ProtectedRecord(Protocol):
    """A protected person's row with its sealed values."""

    @property
    def pk(self) -> int: ...
    @property
    def key(self) -> PersonKey: ...
    @property
    def area_id(self) -> str: ...
    @property
    def details(self) -> Sealed: ...
    @property
    def photo(self) -> Sealed: ...
    @property
    def consent_by(self) -> Sealed: ...


class GuardianRecord(Protocol):
    """A guardian's row with the sealed contact."""

    @property
    def contact(self) -> Sealed: ...


@dataclass(frozen=True, slots=True)
class GuardianContact:
    """A guardian's name, relation, phone (E.164) and mail address; "" if not given."""

    name: str = ""
    relation: str = ""
    phone: str = ""
    mail: str = ""


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """What was sealed of a person: details, who gave the consent, and the guardians given."""

    details: dict[str, Any]
    consent: dict[str, Any]
    guardians: tuple[GuardianContact, ...]


def masked_protected_name(record: ProtectedRecord) -> str:
    """Return the masked name, for lists."""
    return mask_name(str(open_for(record.key, record.details).get("name", "")))


# --- logged -------------------------------------------------------------------------------------


def show_protected(
    actor: Actor, record: ProtectedRecord, guardians: Iterable[GuardianRecord] = ()
) -> ShownPerson:
    """Show a person, with guardians of theirs, to staff in whose areas they live. Raises Denied."""
    _log_look(actor, record)
    return own_protected(record, guardians)


def show_protected_photo(actor: Actor, record: ProtectedRecord) -> bytes:
    """Show the photo (JPEG, b"" if none), as part of the same look. Raises Denied."""
    _log_look(actor, record)
    return own_protected_photo(record)


_LOG_SQL: Final = """
INSERT INTO people_reveal (user_id, protected, appeal_number, shown, asked, why)
SELECT %(user)s, %(person)s, '', %(shown)s::varchar[], false, %(why)s
WHERE NOT EXISTS (
    SELECT FROM people_reveal AS earlier
    WHERE earlier.protected = %(person)s AND earlier.user_id = %(user)s
      AND earlier.why = %(why)s AND earlier.shown @> %(shown)s::varchar[]
      AND earlier.at > %(since)s)
ON CONFLICT DO NOTHING
"""


def _log_look(actor: Actor, record: ProtectedRecord) -> None:
    # Names the person: the index that admits one look each quarter of an hour has only this.
    log_look(actor, record.pk, record.area_id, _SHOWN, f"person {record.pk}")


def log_look(actor: Actor, person_id: int, area_id: str, shown: Sequence[str], why: str) -> None:
    """Log a look of staff at a person, unless it repeats one within `WINDOW`. Raises Denied.

    `why` is of this person only, such as "person 7".
    """
    if actor.user_id is None or not access.may_protect(actor, area_id):
        raise Denied
    values: dict[str, Any] = {
        "user": actor.user_id,
        "person": person_id,
        "shown": list(shown),
        "why": why,
        "since": timezone.now() - WINDOW,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOG_SQL, values)


# --- not logged ---------------------------------------------------------------------------------


def own_protected(record: ProtectedRecord, guardians: Iterable[GuardianRecord] = ()) -> ShownPerson:
    """Return a person's data to a guardian of theirs, whom the caller has verified. Not logged."""
    return ShownPerson(
        open_for(record.key, record.details),
        open_for(record.key, record.consent_by),
        tuple(guardian_contact(record.key, guardian) for guardian in guardians),
    )


def own_protected_photo(record: ProtectedRecord) -> bytes:
    """Return the photo (JPEG, b"" if none) to a verified guardian. Not logged."""
    return open_bytes_for(record.key, record.photo)


def guardian_contact(key: PersonKey, guardian: GuardianRecord) -> GuardianContact:
    """Return a guardian's own contact, to send to it. Not logged."""
    return GuardianContact(**open_for(key, guardian.contact))


def looks_at(person_id: int) -> list[Reveal]:
    """Return the latest 100 looks at a person, newest first, with the login of each."""
    rows = Reveal.objects.filter(protected=person_id).select_related("user").order_by("-at")
    return list(rows[:100])


def units_of_looks(looks: Iterable[Reveal]) -> list[tuple[tuple[str, ...], datetime]]:
    """Return the units of those who looked, and when, as guardians see it: they are not told the
    names of staff.
    """
    looks = list(looks)
    posts = Post.objects.filter(user__in={look.user_id for look in looks}, active=True)
    units: dict[int, list[str]] = {}
    for post in posts.select_related("unit").order_by("unit"):
        names = units.setdefault(post.user_id, [])
        if (name := name_of(post.unit)) not in names:
            names.append(name)
    return [(tuple(units.get(look.user_id, ())), look.at) for look in looks]
