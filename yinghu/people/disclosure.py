"""Disclosure of stored personal data: checks permission, writes the access log, returns values.

No other module opens personal data, except `protected_disclosure` that of protected people. A look
is somebody being shown another person's value in full. Each is one row of `Reveal` (who, when,
whose, what, why), written before the value is returned, in one statement.

- `show_requester` and `show_volunteer_phone`, which need a reason, write a row each time.
- Pages for work in hand (`show_to_holder`, `show_to_helper`, `show_partner_phone`, `log_places`)
  refresh themselves. A
  look for the same reason at no more than before adds no row within `WINDOW`, so the log tells when
  somebody looked, to the quarter of an hour. `why` names the taking or the leg, so that taking a
  case again is a new look.
- Masked values (`masked`) identify nobody and are not logged.
- People's own data (`own_record`, `own_name`, `own_contact`) and the platform's own checks
  (`open_message`, `check_readable`) are not logged.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from yinghu.common.privacy.masking import mask_name, mask_phone
from yinghu.common.privacy.opening import unseal, unseal_bytes
from yinghu.common.privacy.phones import is_verified
from yinghu.people import access, history, volunteers
from yinghu.people.access import Actor, Case, Meeting, Task
from yinghu.people.models import Reveal, User, Volunteer

WINDOW: Final = timedelta(minutes=15)
"""A page for work in hand that is opened again within this time is the same look."""
_MAX_WHY: Final = 200
_CONTACT: Final = ("name", "phone")
_ALL: Final = (*_CONTACT, "address", "place")
"""What can be shown; `place` is the exact point on the map."""

Sealed = bytes | memoryview


class SealedContact(Protocol):
    """A row with a sealed name and phone, of an appeal or of a volunteer."""

    @property
    def name(self) -> Sealed: ...
    @property
    def phone(self) -> Sealed: ...


class Record(SealedContact, Case, Protocol):
    """An appeal with its requester's sealed data."""

    @property
    def address(self) -> Sealed: ...
    @property
    def number(self) -> str: ...


class Denied(PermissionDenied):
    """The actor may not see this."""


@dataclass(frozen=True, slots=True)
class Person:
    """Name, phone and address as they may be shown; "" if not given.

    The phone is in E.164, or as written if it is `unverified`.
    """

    name: str
    phone: str
    address: str = ""
    unverified: bool = False


def masked(contact: SealedContact) -> Person:
    """Return masked name and phone, for staff's lists, pages and exports."""
    phone = unseal(contact.phone)
    name, unverified = mask_name(unseal(contact.name)), not is_verified(phone)
    return Person(name, mask_phone(phone), unverified=unverified)


# --- logged -------------------------------------------------------------------------------------


def show_requester(actor: Actor, record: Record, why: str) -> Person:
    """Show a requester to somebody who gives a reason. Raises Denied."""
    if not access.may_reveal(actor, record):
        raise Denied
    Reveal.objects.create(
        user_id=_login_id(actor),
        appeal_number=record.number,
        shown=list(_ALL),
        asked=True,
        why=why[:_MAX_WHY],
    )
    return _person_of(record)


def show_to_holder(actor: Actor, record: Record, why: str) -> Person:
    """Show a requester to the case's holder; `why` names the taking. Raises Denied."""
    if not access.may_reveal(actor, record):
        raise Denied
    _log_looks(actor, [(record.number, why)], _ALL)
    return _person_of(record)


def show_to_helper(actor: Actor, leg: Task, record: Record, why: str) -> Person:
    """Show a requester to the leg's holder; the address if it goes to their door. Raises Denied."""
    if leg.appeal_id != record.pk or not access.holds_leg(actor, leg):
        raise Denied
    _log_looks(actor, [(record.number, why)], _ALL if leg.at_home else _CONTACT)
    person = _person_of(record)
    return person if leg.at_home else replace(person, address="")


def log_places(actor: Actor, looks: Iterable[tuple[str, str]]) -> None:
    """Log that a map shows requesters' locations, as pairs (number, why)."""
    _log_looks(actor, looks, ("place",))


def show_partner_phone(actor: Actor, leg: Meeting, other: Volunteer) -> str:
    """Show one side of a pending hand-over the other's phone, for the button that calls them.

    Raises Denied.
    """
    if not access.meets(actor, leg, other.pk):
        raise Denied
    by, why, shown = _login_id(actor), f"leg {leg.pk}", ["phone"]
    since = timezone.now() - WINDOW
    earlier = Reveal.objects.filter(user=by, volunteer=other, why=why, shown=shown, at__gt=since)
    if not earlier.exists():
        look = Reveal(user_id=by, volunteer=other, shown=shown, why=why)
        Reveal.objects.bulk_create([look], ignore_conflicts=True)
    return unseal(other.phone)


def show_volunteer_phone(actor: Actor, volunteer: Volunteer) -> str:
    """Show a volunteer's phone to a coordinator, and record it in the history. Raises Denied."""
    if not access.squads_of(actor).filter(pk=volunteer.squad_id).exists():
        raise Denied
    by, user = _login_id(actor), volunteer.user
    with transaction.atomic():
        Reveal.objects.create(user_id=by, volunteer=volunteer, shown=["phone"], asked=True)
        shown = {"phone": "shown"}
        history.record(User(pk=by), volunteers.KIND, user.username, str(user), {}, shown)
    return unseal(volunteer.phone)


_LOG_SQL = """
INSERT INTO people_reveal (user_id, appeal_number, shown, asked, why)
SELECT %(user)s, number, %(shown)s::varchar[], false, why
FROM unnest(%(numbers)s::text[], %(whys)s::text[]) AS look(number, why)
WHERE NOT EXISTS (
    SELECT FROM people_reveal AS earlier
    WHERE earlier.appeal_number = look.number AND earlier.user_id = %(user)s
      AND earlier.why = look.why AND earlier.shown @> %(shown)s::varchar[]
      AND earlier.at > %(since)s)
ON CONFLICT DO NOTHING
"""


def _log_looks(actor: Actor, looks: Iterable[tuple[str, str]], shown: Iterable[str]) -> None:
    """Log each look that is not a repeat within `WINDOW`, in one statement."""
    looks = list(looks)
    if looks:
        values: dict[str, Any] = {
            "user": _login_id(actor),
            "shown": list(shown),
            "numbers": [number for number, _why in looks],
            "whys": [why[:_MAX_WHY] for _number, why in looks],
            "since": timezone.now() - WINDOW,
        }
        with connection.cursor() as cursor:
            cursor.execute(_LOG_SQL, values)


def _login_id(actor: Actor) -> int:
    if actor.user_id is None:
        raise Denied
    return actor.user_id


def _person_of(record: Record) -> Person:
    phone = unseal(record.phone)
    return Person(unseal(record.name), phone, unseal(record.address), not is_verified(phone))


# --- not logged ---------------------------------------------------------------------------------


def own_record(record: Record) -> Person:
    """Return requesters' own data, for the page of their tracking link. Not logged."""
    return _person_of(record)


def own_name(volunteer: Volunteer) -> str:
    """Return a volunteer's own name, for their page and certificate. Not logged."""
    return unseal(volunteer.name)


def own_contact(sealed: Sealed) -> str:
    """Return somebody's own phone or address, to verify or to send to it. Not logged."""
    return unseal(sealed)


def open_message(sealed: Sealed) -> bytes:
    """Return a message as received, for the platform to detect repeats. Not logged."""
    return unseal_bytes(sealed)


def check_readable(sealed: Sealed) -> None:
    """Raise `sealing.Unreadable` if the current keys cannot open the value."""
    unseal(sealed)
