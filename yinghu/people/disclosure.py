"""The only module that opens stored personal data: it checks permission, writes the access log and
returns the values.

What counts as a look: somebody is shown a value in full that belongs to somebody else. Each look is
one row of `Reveal`: who, when, whose, what was shown, and why. It is written before the value is
returned, in one statement.

- Whoever gives a reason (`show_requester`, `show_volunteer_phone`) gets a row each time.
- A page that shows what somebody needs for work in hand (`show_to_holder`, `show_to_helper`,
  `log_places`) renews itself, and people go back and forth. A look for the same reason at no more
  than was shown adds no row within `WINDOW`: an auditor reads when somebody looked, to the quarter
  of an hour, and not how often their phone redrew the page. `why` names the taking or the leg, so
  that taking a case again is a new look.
- Masked values (`masked`) are no look: they name nobody, and nobody can call them.
- Whoever reads their own data (`own_record`, `own_name`, `own_phone`) is shown nothing new, and the
  platform itself (`open_message`, `check_readable`) shows nothing to anybody: no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from yinghu.common.masking import mask_name, mask_phone
from yinghu.common.opening import unseal, unseal_bytes
from yinghu.people import access, history, volunteers
from yinghu.people.access import Actor, Case, Task
from yinghu.people.models import Reveal, User, Volunteer

WINDOW: Final = timedelta(minutes=15)
"""For so long a page for work in hand, opened again, is the same look."""
_MAX_WHY: Final = 200
_CONTACT: Final = ("name", "phone")
_ALL: Final = (*_CONTACT, "address", "place")
"""What can be shown: `place` is the exact point on the map."""

Sealed = bytes | memoryview


class Contact(Protocol):
    """A row with a sealed name and phone: of an appeal or of a volunteer."""

    @property
    def name(self) -> Sealed: ...
    @property
    def phone(self) -> Sealed: ...


class Record(Contact, Case, Protocol):
    """An appeal with what its requester told of themselves, sealed."""

    @property
    def address(self) -> Sealed: ...
    @property
    def number(self) -> str: ...


class Denied(PermissionDenied):
    """The actor may not be shown this."""


@dataclass(frozen=True, slots=True)
class Person:
    """A name, a phone (E.164) and an address, as they may be shown; "" for what was not given."""

    name: str
    phone: str
    address: str = ""


def masked(contact: Contact) -> Person:
    """Name and phone for lists, pages and exports of those inside: too little to call anybody."""
    return Person(mask_name(unseal(contact.name)), mask_phone(unseal(contact.phone)))


# --- looks --------------------------------------------------------------------------------------


def show_requester(actor: Actor, record: Record, why: str) -> Person:
    """A requester to somebody who says why they need to know. Raises Denied."""
    if not access.may_reveal(actor, record):
        raise Denied
    Reveal.objects.create(
        user_id=_login(actor),
        appeal_number=record.number,
        shown=list(_ALL),
        asked=True,
        why=why[:_MAX_WHY],
    )
    return _opened(record)


def show_to_holder(actor: Actor, record: Record, why: str) -> Person:
    """A requester to whoever has the case in hand; `why` names the taking. Raises Denied."""
    if not access.may_reveal(actor, record):
        raise Denied
    _log(actor, [(record.number, why)], _ALL)
    return _opened(record)


def show_to_helper(actor: Actor, leg: Task, record: Record, why: str) -> Person:
    """A requester to whoever has this leg of the case's errand in hand: with the address where the
    leg goes to their door. Raises Denied.
    """
    if leg.appeal_id != record.pk or not access.holds_leg(actor, leg):
        raise Denied
    _log(actor, [(record.number, why)], _ALL if leg.at_home else _CONTACT)
    return _opened(record) if leg.at_home else Person(unseal(record.name), unseal(record.phone))


def log_places(actor: Actor, looks: Iterable[tuple[str, str]]) -> None:
    """Write down that a map shows where these requesters are to be helped: (number, why) each."""
    _log(actor, looks, ("place",))


def show_volunteer_phone(actor: Actor, volunteer: Volunteer) -> str:
    """A volunteer's phone to a coordinator of their squad. Raises Denied.

    The volunteer's history, which coordinators and administrators read, tells of it as well.
    """
    if not access.squads_of(actor).filter(pk=volunteer.squad_id).exists():
        raise Denied
    by, user = _login(actor), volunteer.user
    with transaction.atomic():
        Reveal.objects.create(user_id=by, volunteer=volunteer, shown=["phone"], asked=True)
        shown = {"phone": "shown"}
        history.record(User(pk=by), volunteers.KIND, user.username, str(user), {}, shown)
    return unseal(volunteer.phone)


_LOG = """
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


def _log(actor: Actor, looks: Iterable[tuple[str, str]], shown: Iterable[str]) -> None:
    """One row for each look that is not among those of the last `WINDOW`, in one statement."""
    looks = list(looks)
    if looks:
        values: dict[str, Any] = {
            "user": _login(actor),
            "shown": list(shown),
            "numbers": [number for number, _why in looks],
            "whys": [why[:_MAX_WHY] for _number, why in looks],
            "since": timezone.now() - WINDOW,
        }
        with connection.cursor() as cursor:
            cursor.execute(_LOG, values)


def _login(actor: Actor) -> int:
    if actor.user_id is None:
        raise Denied
    return actor.user_id


def _opened(record: Record) -> Person:
    return Person(unseal(record.name), unseal(record.phone), unseal(record.address))


# --- no looks -----------------------------------------------------------------------------------


def own_record(record: Record) -> Person:
    """What requesters told of themselves, for the page of their own tracking link. Not logged: the
    secret link is theirs, and no other person is shown anything.
    """
    return _opened(record)


def own_name(volunteer: Volunteer) -> str:
    """A volunteer's name for their own page and certificate. Not logged, as it is theirs."""
    return unseal(volunteer.name)


def own_phone(sealed: Sealed) -> str:
    """Somebody's own phone, kept while they show that they hold it, or to send something to it. Not
    logged: it goes to nobody else.
    """
    return unseal(sealed)


def open_message(sealed: Sealed) -> bytes:
    """A message as it came, for the platform to tell whether its sender sent the same again. Not
    logged: nobody is shown it.
    """
    return unseal_bytes(sealed)


def check_readable(sealed: Sealed) -> None:
    """Raise `sealing.Unreadable` where the keys in use do not open this. Returns nothing of it."""
    unseal(sealed)
