"""The verb by which requesters leave a phone or an address that they did not give at filing."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.filing import index_of
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import Conflict, Refused, check_text, move
from yinghu.appeals.states import OPEN, Status, Who
from yinghu.appeals.verb import Audience, FieldKind, Verb, VerbField
from yinghu.common import text_cleaning
from yinghu.common.privacy.phones import certain_phone, phone_to_keep
from yinghu.common.privacy.sealing import blind, seal
from yinghu.people.access import Actor

MOST = 200
"""Characters of an address."""

_SAID = {
    ("phone",): gettext_noop("补留了电话"),
    ("address",): gettext_noop("补留了地址"),
    ("phone", "address"): gettext_noop("补留了电话和地址"),
}


def _said(event: Event) -> str:
    return _(_SAID[tuple(event.facts["added"])])


LEAVE_CONTACT = Verb(
    "leave_contact",
    gettext_noop("留电话或地址"),
    pgettext_lazy("done", "补留了联系方式"),
    "phone",
    who=frozenset({Who.REQUESTER}),
    sources=OPEN | {Status.RESOLVED},
    fields=(
        VerbField("phone", FieldKind.PHONE, gettext_noop("手机或电话"), required=False),
        VerbField("address", FieldKind.LINE, gettext_noop("详细地址"), required=False),
    ),
    done_as=_said,
    told=_said,
    audience=(Audience.WORKERS,),
)


@LEAVE_CONTACT.action
def leave_contact(
    appeal_id: int, actor: Actor, *, phone: str = "", address: str = "", expect: int | None = None
) -> Event:
    """Add a missing phone or address, sealed as at filing; the event says which, not what.

    What is known already is not replaced: another person may hold the link.
    """
    typed, address = text_cleaning.clean_line(phone), text_cleaning.clean_line(address)
    number = phone_to_keep(typed)
    if typed and not number:
        raise Refused("bad_phone", _("这个号码打不通，请核对"), "phone")
    check_text(address, LEAVE_CONTACT.fields[1], MOST)
    if not number and not address:
        raise Refused("missing", _("请写电话或者地址"), "phone")
    given = {"phone": number, "address": address}
    added = [name for name, text in given.items() if text]

    def change(appeal: Appeal) -> dict[str, Any]:
        known = [name for name in added if getattr(appeal, name)]
        if known:
            raise Conflict("known", _("这一项已经留过了，没有改动"), known[0])
        columns: dict[str, Any] = {name: seal(given[name]) for name in added}
        if certain := certain_phone(number):
            columns["caller"] = blind(certain)
        if address:
            columns["address_index"] = index_of(address)
        return columns

    return move(appeal_id, actor, LEAVE_CONTACT, change, facts={"added": added}, expect=expect)


def missing_contact(appeal: Appeal) -> list[str]:
    """Return what the requester can still leave: `phone`, `address`."""
    return [name for name in ("phone", "address") if not getattr(appeal, name)]
