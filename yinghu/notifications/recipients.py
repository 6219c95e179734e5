"""Recipients of notifications, and their addresses by kind."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from yinghu.appeals.models import Appeal
from yinghu.common.privacy.phones import certain_phone
from yinghu.guardian.models import Guardian
from yinghu.people import disclosure, protected_disclosure
from yinghu.people.models import User


class RecipientKind(models.TextChoices):
    """The kind of a recipient. Partners have no table yet, only ids."""

    LOGIN = "login", _("账号")
    REQUESTER = "requester", _("诉求人")
    GUARDIAN = "guardian", _("监护人")
    PARTNER = "partner", _("合作单位")
    ADDRESS = "address", _("外部地址")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient. `key` is the id of the login, guardian or partner, or of the requester's
    appeal; a bare address has a URI instead (`mailto:li@example.org`, `tel:+86…`).
    """

    kind: RecipientKind
    key: int = 0
    uri: str = field(default="", repr=False)

    @classmethod
    def login(cls, user_id: int) -> Self:
        return cls(RecipientKind.LOGIN, user_id)

    @classmethod
    def requester(cls, appeal_id: int) -> Self:
        return cls(RecipientKind.REQUESTER, appeal_id)

    @classmethod
    def guardian(cls, guardian_id: int) -> Self:
        return cls(RecipientKind.GUARDIAN, guardian_id)

    @classmethod
    def address(cls, uri: str) -> Self:
        """Raises ValueError if `uri` has no scheme of a known kind of address."""
        scheme, _colon, rest = uri.partition(":")
        if not scheme.isalpha() or not rest:
            raise ValueError("an address needs its scheme, such as mailto:li@example.org")
        return cls(RecipientKind.ADDRESS, uri=uri)

    def __str__(self) -> str:
        """Kind and id, safe for logs: `login 7`, `address`."""
        return f"{self.kind.value} {self.key}" if self.key else self.kind.value


def addresses_of(recipients: Collection[Recipient], scheme: str) -> dict[Recipient, str]:
    """Return the recipients' addresses of one scheme, without it: for transports only."""
    found: dict[Recipient, str] = {}
    for kind in {recipient.kind for recipient in recipients}:
        some = [recipient for recipient in recipients if recipient.kind is kind]
        if kind is RecipientKind.ADDRESS:
            parts = ((recipient, recipient.uri.split(":", 1)) for recipient in some)
            found |= {recipient: rest for recipient, (own, rest) in parts if own == scheme}
        elif (look_up := _LOOKUPS.get((kind, scheme))) is not None:
            known = look_up([recipient.key for recipient in some])
            found |= {each: known[each.key] for each in some if known.get(each.key)}
    return found


def _emails_of_logins(ids: Collection[int]) -> dict[int, str]:
    active = User.objects.filter(pk__in=ids, is_active=True)
    return dict(active.values_list("pk", "email"))


def _phones_of_requesters(ids: Collection[int]) -> dict[int, str]:
    sealed = Appeal.objects.filter(pk__in=ids).values_list("pk", "phone")
    # Nothing is sent to a number that may be another's.
    return {pk: certain_phone(disclosure.own_contact(phone)) for pk, phone in sealed}


def _addresses_of_guardians(ids: Collection[int], name: str) -> dict[int, str]:
    active = Guardian.objects.filter(pk__in=ids, active=True, person__state="active")
    contacts = {
        guardian.pk: protected_disclosure.guardian_contact(guardian.person.key, guardian)
        for guardian in active.select_related("person__key").only("contact", "person__key")
    }
    return {pk: getattr(contact, name) for pk, contact in contacts.items()}


_LOOKUPS: dict[tuple[RecipientKind, str], Callable[[Collection[int]], dict[int, str]]] = {
    (RecipientKind.LOGIN, "mailto"): _emails_of_logins,
    (RecipientKind.REQUESTER, "tel"): _phones_of_requesters,
    (RecipientKind.GUARDIAN, "tel"): partial(_addresses_of_guardians, name="phone"),
    (RecipientKind.GUARDIAN, "mailto"): partial(_addresses_of_guardians, name="mail"),
}
"""Kinds of recipients with an address of a scheme, and its look-up: {id: address}."""
