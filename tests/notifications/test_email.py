"""Mail headers: one thread per case, stable message ids, no automatic replies."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.cast import Cast, requester, taken_milk
from tests.notifications.smtp import Mailbox
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal
from yinghu.notifications import delivery, digest
from yinghu.notifications.models import Delivery
from yinghu.people.models import User
from yinghu.reactions import react

pytestmark = pytest.mark.django_db


def urge(appeal: Appeal) -> None:
    User.objects.filter(username="milk-handler").update(email="li@example.org")
    react(events=[handling_actions.urge(appeal.pk, requester(appeal)).pk])


def test_mails_of_a_case_share_an_unguessable_thread_id(
    city: Cast, by_mail: Mailbox, settings: Settings
) -> None:
    one, other = taken_milk(city), taken_milk(city)
    urge(one)
    # The notification of the assignment as well.
    react(events=list(one.events.values_list("pk", flat=True)))
    urge(other)
    delivery.deliver(timestamp=0)
    # With another key, all ids differ.
    settings.DATA_KEYS = [b"k" * 32]
    Delivery.objects.update(state="queued", due_at=timezone.now())
    delivery.deliver(timestamp=0)
    mails = by_mail.mails
    assert {mail["Auto-Submitted"] for mail in mails} == {"auto-generated"}
    assert all(mail["In-Reply-To"] == mail["References"] for mail in mails)
    threads = [mail["References"] for mail in mails]
    assert threads[0] == threads[1]
    assert threads[3] == threads[4]
    assert len(set(threads)) == 4
    assert len({mail["Message-ID"] for mail in mails}) == 6
    for thread in threads:
        assert thread.endswith("@example.org>")
        # The case's id and a secret of 120 bits.
        case, _dash, secret = thread[1:].partition("@")[0].partition("-")
        assert case in {str(one.pk), str(other.pk)}
        assert len(secret) == 24


def test_resent_mail_keeps_its_message_id(city: Cast, by_mail: Mailbox) -> None:
    urge(taken_milk(city))
    for _each in range(2):
        Delivery.objects.update(state="queued", due_at=timezone.now())
        delivery.deliver(timestamp=0)
    first, second = by_mail.mails
    assert first["Message-ID"] == second["Message-ID"]


def test_weekly_digest_belongs_to_no_thread(city: Cast, by_mail: Mailbox) -> None:
    urge(taken_milk(city))
    Delivery.objects.all().delete()
    digest.tell_weekly(timezone.localdate())
    delivery.deliver(timestamp=0)
    (mail,) = by_mail.mails
    assert mail["References"] is None
    assert mail["In-Reply-To"] is None
    assert mail["Auto-Submitted"] == "auto-generated"


def test_stored_error_omits_the_recipients_address(city: Cast, by_mail: Mailbox) -> None:
    urge(taken_milk(city))
    by_mail.refusals = 1
    by_mail.refusal = "451 <li@example.org> come back later"
    delivery.deliver(timestamp=0)
    row = Delivery.objects.get()
    assert "come back later" in row.error
    assert "li@example.org" not in row.error
