"""Delivery queue: each mail is sent once, retried after refusals and finally marked as failed."""

from __future__ import annotations

from datetime import timedelta
from subprocess import Popen

import pytest
import structlog
from django.utils import timezone
from pytest_django import Settings

from tests.cast import Cast, cast, file_one, requester, taken_milk
from tests.cities import City, in_threads
from tests.live import until
from tests.notifications.smtp import Mailbox
from tests.oversight.alarms import FIRE, look
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal
from yinghu.notifications import delivery
from yinghu.notifications.models import Delivery, Notification
from yinghu.people.models import User
from yinghu.reactions import react


def urged(city: Cast) -> Appeal:
    """A case that was just urged and whose holder has an e-mail address."""
    User.objects.filter(username="milk-handler").update(email="li@example.org")
    appeal = taken_milk(city)
    react(events=[handling_actions.urge(appeal.pk, requester(appeal)).pk])
    return appeal


def due_now() -> None:
    """Make every delivery due now."""
    Delivery.objects.update(due_at=timezone.now())


@pytest.mark.django_db
def test_mail_is_sent_once_and_contains_no_personal_data(city: Cast, by_mail: Mailbox) -> None:
    appeal = urged(city)
    delivery.deliver(timestamp=0)
    delivery.deliver(timestamp=0)
    due_now()
    delivery.deliver(timestamp=0)
    (mail,) = by_mail.mails
    notice, row = Notification.objects.get(), Delivery.objects.get()
    assert mail["To"] == "li@example.org"
    assert mail["From"].addresses[0].addr_spec == "yinghu@example.org"
    assert mail["Subject"] == f"诉求人催办（诉求 {appeal.number}）"
    assert mail["X-Yinghu-Notice"] == str(row.pk)
    assert mail.get_content().strip().endswith(f"/desk/notices/{notice.pk}")
    for private in ("王小明", "13812345678", "奶粉"):
        assert private not in mail.as_string() + mail["Subject"] + mail.get_content()
    assert (row.state, row.attempts, row.error) == ("sent", 1, "")
    assert row.sent_at is not None


@pytest.mark.django_db
def test_refused_mail_is_retried_after_growing_delays(city: Cast, by_mail: Mailbox) -> None:
    urged(city)
    by_mail.refusals = 2
    for attempt, wait in ((1, 1), (2, 5)):
        delivery.deliver(timestamp=0)
        row = Delivery.objects.get()
        assert (row.state, row.attempts) == ("queued", attempt)
        assert "451" in row.error
        minutes = (row.due_at - timezone.now()) / timedelta(minutes=1)
        assert wait - 0.5 < minutes <= wait
        # Not retried before it is due.
        delivery.deliver(timestamp=0)
        assert by_mail.tried == attempt
        due_now()
    delivery.deliver(timestamp=0)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("sent", 3, "")
    assert len(by_mail.mails) == 1


@pytest.mark.django_db
def test_always_refused_mail_fails_and_can_be_requeued(city: Cast, by_mail: Mailbox) -> None:
    urged(city)
    by_mail.refusals = delivery.ATTEMPTS
    for _attempt in range(delivery.ATTEMPTS + 2):
        due_now()
        delivery.deliver(timestamp=0)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("failed", delivery.ATTEMPTS)
    assert by_mail.tried == delivery.ATTEMPTS
    assert by_mail.mails == []
    assert delivery.try_again([row.pk]) == 1
    assert delivery.try_again([row.pk]) == 0
    delivery.deliver(timestamp=0)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("sent", 1)
    assert len(by_mail.mails) == 1


@pytest.mark.django_db
def test_unreachable_mail_server_requeues_the_delivery(
    city: Cast, by_mail: Mailbox, settings: Settings
) -> None:
    urged(city)
    settings.EMAIL_PORT = 1
    delivery.deliver(timestamp=0)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("queued", 1)
    assert "127.0.0.1" in row.error


@pytest.mark.django_db
def test_alarms_are_sent_before_what_waited_longer(city: Cast, by_mail: Mailbox) -> None:
    urged(city)
    User.objects.filter(username="clerk").update(email="zhou@example.org")
    alarmed = look(file_one(FIRE))
    delivery.deliver(timestamp=0)
    first, *_later, last = (mail["Subject"] for mail in by_mail.mails)
    assert alarmed.number in first
    assert "催办" in last


@pytest.mark.django_db
def test_login_without_an_address_gets_no_delivery(city: Cast, by_mail: Mailbox) -> None:
    appeal = taken_milk(city)
    react(events=[handling_actions.urge(appeal.pk, requester(appeal)).pk])
    assert Notification.objects.count() == 1
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_deactivated_login_gets_no_mail(city: Cast, by_mail: Mailbox) -> None:
    urged(city)
    User.objects.filter(username="milk-handler").update(is_active=False)
    delivery.deliver(timestamp=0)
    assert by_mail.tried == 0
    assert Delivery.objects.get().error == "the recipient has no address any more"


@pytest.mark.django_db
def test_log_transport_writes_one_line_without_the_text(city: Cast) -> None:
    appeal = urged(city)
    with structlog.testing.capture_logs() as lines:
        delivery.deliver(timestamp=0)
    (said,) = [line for line in lines if line["event"] == "notification"]
    user = User.objects.get(username="milk-handler")
    row = Delivery.objects.get()
    assert said == {
        "event": "notification",
        "log_level": "info",
        "recipient": f"login {user.pk}",
        "appeal": appeal.number,
        "verb": "urge",
        "reason": "holder",
        "number": row.pk,
    }
    assert (row.transport, row.state) == ("log", "sent")


@pytest.mark.django_db
def test_each_transport_gets_its_own_delivery(
    city: Cast, by_mail: Mailbox, settings: Settings
) -> None:
    settings.NOTIFICATION_TRANSPORTS = ("log", "email")
    urged(city)
    delivery.deliver(timestamp=0)
    assert sorted(Delivery.objects.values_list("transport", "state")) == [
        ("email", "sent"),
        ("log", "sent"),
    ]
    assert len(by_mail.mails) == 1


@pytest.mark.django_db
def test_exception_in_a_transport_requeues_with_the_error(
    city: Cast, by_mail: Mailbox, settings: Settings
) -> None:
    urged(city)
    # Without a host, the transport raises instead of being refused.
    settings.EMAIL_HOST = None
    delivery.deliver(timestamp=0)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("queued", 1)
    assert row.error


def test_concurrent_workers_send_each_mail_once(own_city: City, by_mail: Mailbox) -> None:
    people = cast()
    for _each in range(12):
        urged(people)
    in_threads(*[lambda: delivery.deliver(timestamp=0)] * 4)
    assert len({mail["X-Yinghu-Notice"] for mail in by_mail.mails}) == 12
    assert len(by_mail.mails) == 12
    assert set(Delivery.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_worker_killed_while_sending_loses_no_mail(
    own_city: City, by_mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    appeal = urged(cast())
    # One notification of the assignment, one of the urge.
    react(events=list(appeal.events.values_list("pk", flat=True)))
    by_mail.silent.set()
    worker = start_worker(own_city, by_mail, monkeypatch)
    assert by_mail.reached.wait(30)
    worker.kill()
    worker.wait()
    assert attempts() == [("queued", 0), ("queued", 1)]
    # The next worker leaves that delivery alone until its lease has expired.
    by_mail.silent.clear()
    delivery.deliver(timestamp=0)
    assert len(by_mail.mails) == 1
    assert attempts() == [("queued", 1), ("sent", 1)]
    under_way = Delivery.objects.get(state="queued")
    assert timedelta() < under_way.due_at - timezone.now() < delivery.LEASE
    due_now()
    delivery.deliver(timestamp=0)
    assert attempts() == [("sent", 1), ("sent", 2)]
    assert len({mail["X-Yinghu-Notice"] for mail in by_mail.mails}) == len(by_mail.mails) == 2


def attempts() -> list[tuple[str, int]]:
    return sorted(Delivery.objects.values_list("state", "attempts"))


def start_worker(city: City, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Popen[str]:
    """Start a worker process that sends its mail to this box."""
    monkeypatch.setenv("YINGHU_NOTICE_PROVIDERS", "email")
    monkeypatch.setenv("YINGHU_EMAIL_URL", f"smtp://127.0.0.1:{box.port}")
    monkeypatch.setenv("YINGHU_EMAIL_FROM", "yinghu@example.org")
    return city.start("worker")


def test_running_worker_sends_mails_of_new_events(
    own_city: City, by_mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_worker(own_city, by_mail, monkeypatch)
    User.objects.filter(username="milk-handler").update(email="li@example.org")
    appeal = taken_milk(cast())
    handling_actions.urge(appeal.pk, requester(appeal))
    # One for the assignment, one for the urge.
    until(lambda: len(by_mail.mails) == 2, "both mails")
    assert Notification.objects.filter(user__username="milk-handler").count() == 2
