"""Recipients of every kind, from the outbox to a real mail server."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest
import structlog
from django.db import IntegrityError, transaction
from pytest_django import Settings

from tests.cast import PHONE, Cast, requester, taken_milk
from tests.notifications.smtp import Mailbox
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.numbers import track_token
from yinghu.config import environment
from yinghu.notifications import delivery, transports
from yinghu.notifications.models import Delivery, Notification, Reason, SubjectKind
from yinghu.notifications.outbox import NewNotification, NotificationSubject, notify
from yinghu.notifications.recipients import Recipient, RecipientKind, addresses_of
from yinghu.notifications.transports.base import OutgoingMessage
from yinghu.people.models import User

pytestmark = pytest.mark.django_db
GUARDIAN = Recipient(RecipientKind.GUARDIAN, 5)
OUTSIDE = Recipient.address("mailto:wang@example.net")


def urge(city: Cast) -> Event:
    appeal = taken_milk(city)
    return handling_actions.urge(appeal.pk, requester(appeal))


def tell(event: Event, *recipients: Recipient, reason: Reason = Reason.COPIED) -> int:
    return notify(
        [
            NewNotification(NotificationSubject.event(event), recipient, reason)
            for recipient in recipients
        ]
    )


def test_address_recipient_is_sealed_and_mailed_once(city: Cast, by_mail: Mailbox) -> None:
    event = urge(city)
    assert tell(event, OUTSIDE) == 1
    same = Recipient.address("mailto:Wang@Example.net")
    assert tell(event, OUTSIDE, same, reason=Reason.REQUESTER) == 0
    assert tell(event, Recipient.address("mailto:li@example.net")) == 1
    row = Notification.objects.order_by("pk")[0]
    assert row.recipient == OUTSIDE
    for kept in (row.address, row.address_index):
        assert b"wang" not in bytes(kept or b"")
    assert "wang" not in f"{row} {OUTSIDE!r}"
    delivery.deliver(timestamp=0)
    delivery.deliver(timestamp=0)
    assert [mail["To"] for mail in by_mail.mails] == ["wang@example.net", "li@example.net"]
    mail = by_mail.mails[0]
    assert mail["Subject"] == f"有新进展（诉求 {event.appeal.number}）"
    assert mail["Auto-Submitted"] == "auto-generated"
    # Only requesters get the tracking link, and only logins a link to a desk.
    assert mail.get_content().strip() == "http://127.0.0.1:8000"


def test_each_transport_sends_to_the_recipients_it_can_reach(
    city: Cast, by_mail: Mailbox, settings: Settings
) -> None:
    settings.NOTIFICATION_TRANSPORTS = ("log", "email")
    event = urge(city)
    user = User.objects.get(username="clerk")
    User.objects.filter(pk=user.pk).update(email="clerk@example.org")
    everybody = (
        Recipient.login(user.pk),
        Recipient.requester(event.appeal_id),
        GUARDIAN,
        Recipient(RecipientKind.PARTNER, 5),
        OUTSIDE,
        Recipient.address("tel:+8613900000000"),
    )
    assert tell(event, *everybody) == 6
    assert tell(event, *everybody) == 0
    assert {row.recipient for row in Notification.objects.all()} == set(everybody)
    with structlog.testing.capture_logs() as lines:
        delivery.deliver(timestamp=0)
    said = [line["recipient"] for line in lines if line["event"] == "notification"]
    assert sorted(said) == sorted(
        [
            f"login {user.pk}",
            f"requester {event.appeal_id}",
            "guardian 5",
            "partner 5",
            "address",
            "address",
        ]
    )
    assert sorted(mail["To"] for mail in by_mail.mails) == ["clerk@example.org", "wang@example.net"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


class Texting:
    """A transport that only this test registers."""

    at_once = 10
    sent: Sequence[OutgoingMessage] = ()

    def find_addresses(self, recipients: Collection[Recipient]) -> dict[Recipient, str]:
        return addresses_of(recipients, "tel")

    def send(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        Texting.sent = messages
        return {}


def test_environment_lists_every_transport() -> None:
    assert set(transports.TRANSPORTS) == set(environment.TRANSPORT_NAMES)


def test_requester_gets_own_language_and_tracking_link(
    city: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(transports.TRANSPORTS, "texting", Texting)
    settings.NOTIFICATION_TRANSPORTS = ("texting",)
    event = urge(city)
    Appeal.objects.filter(pk=event.appeal_id).update(language="en")
    recipient = Recipient.requester(event.appeal_id)
    assert tell(event, recipient, GUARDIAN, OUTSIDE, reason=Reason.REQUESTER) == 3
    delivery.deliver(timestamp=0)
    (message,) = Texting.sent
    assert (message.recipient, message.address) == (recipient, PHONE)
    assert message.text == "There is news about your request"
    assert message.link == f"http://127.0.0.1:8000/t/{track_token(event.appeal_id)}"
    assert PHONE not in repr(message)


def test_notification_refers_to_each_requesters_own_case(city: Cast) -> None:
    merged, event = taken_milk(city), urge(city)
    assert tell(event, Recipient.requester(merged.pk), Recipient.requester(event.appeal_id)) == 2
    rows = Notification.objects.filter(event=event)
    assert {row.appeal_id for row in rows} == {merged.pk, event.appeal_id}


def test_other_subjects_are_notified_once(city: Cast) -> None:
    clerk = Recipient.login(User.objects.get(username="clerk").pk)
    for kind in (SubjectKind.SCAN, SubjectKind.SEARCH, SubjectKind.SIGNAL):
        told = [
            NewNotification(NotificationSubject(kind, 7), recipient, Reason.COPIED)
            for recipient in (clerk, GUARDIAN)
        ]
        assert [notify(told), notify(told)] == [2, 0]
    delivery.deliver(timestamp=0)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"user": True, "recipient_kind": "requester"},
        {"user": True, "reference": 5},
        {"user": True, "address": b"x", "address_index": b"y"},
        {"recipient_kind": "guardian"},
        {"recipient_kind": "partner", "reference": 5, "address_index": b"y"},
        {"recipient_kind": "address"},
        {"recipient_kind": "address", "address": b"x"},
        {"recipient_kind": "address", "address": b"x", "address_index": b"y", "reference": 5},
        {"recipient_kind": "stranger", "reference": 5},
        {"user": True, "subject_kind": "search"},
        {"user": True, "subject_kind": "search", "event": None},
        {"user": True, "subject_kind": "digest", "event": None, "appeal": None},
        {"user": True, "event": None, "subject_id": 7},
        {"user": True, "subject_id": 7},
    ],
)
def test_columns_that_do_not_fit_the_kind_are_refused(city: Cast, wrong: dict[str, Any]) -> None:
    event = urge(city)
    if wrong.get("user"):
        wrong = wrong | {"user": User.objects.get(username="clerk")}
    given = {"event": event, "appeal": event.appeal, "reason": Reason.COPIED} | wrong
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(**given)


@pytest.mark.parametrize("uri", ["", "wang@example.net", "mailto:", ":x"])
def test_address_without_a_valid_scheme_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="scheme"):
        Recipient.address(uri)
