"""Telling guardians and staff of scans: by every channel, first, and without private data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.cast import Cast
from tests.guardian.scanned import ADVICE, NAME, NICKNAME, Protected, a_report, protect
from tests.notifications.smtp import Mailbox
from yinghu.guardian import alerts, scans
from yinghu.guardian.models import AlertStep, Guardian
from yinghu.guardian.tag_codes import guardian_token
from yinghu.notifications import delivery
from yinghu.notifications.guardian_alerts import tell_scan
from yinghu.notifications.models import Delivery, Notification, Reason
from yinghu.notifications.outbox import NewNotification, NotificationSubject, notify
from yinghu.notifications.recipients import Recipient, addresses_of
from yinghu.people.personal_keys import seal_for


@contextmanager
def gateway(settings: Settings) -> Iterator[list[dict[str, Any]]]:
    """A real SMS gateway on this machine; yields what it has taken."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_given: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        settings.SMS_URL = f"http://127.0.0.1:{server.server_port}/"
        settings.NOTIFICATION_TRANSPORTS = ("log", "sms")
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join()


def phone_of(person: Protected, at: int = 0) -> str:
    recipient = Recipient.guardian(person.guardians[at].pk)
    return addresses_of([recipient], "tel")[recipient]


def test_a_report_reaches_the_guardian_with_their_own_link(city: Cast, settings: Settings) -> None:
    person = protect()
    Guardian.objects.filter(pk=person.guardians[0].pk).update(language="en")
    with gateway(settings) as taken:
        scan = scans.report_by_code(person.code, a_report(words="在公园门口"))
        tell_scan(scan, 1)
        delivery.deliver_urgent()
    guardian = person.guardians[0]
    assert taken == [
        {
            "phone": phone_of(person),
            "text": "【应呼】Somebody is with the person you look after. Open this now and answer: "
            f"{settings.SITE_URL}/g/w/{guardian_token(scan, guardian.pk)}",
        }
    ]
    assert not [said for said in (NAME, NICKNAME, ADVICE, "公园") if said in json.dumps(taken[0])]


def test_an_opened_page_tells_all_guardians_the_time_only(city: Cast, settings: Settings) -> None:
    person = protect()
    with gateway(settings) as taken:
        scans.open_tag(person.code, counts=True)
        alerts.advance_due()
        scan = person.person.scans.get().pk
        for _again in range(2):
            tell_scan(scan, 0)
        delivery.deliver_urgent()
    at = timezone.localtime(Notification.objects.filter(reason=Reason.SCANNED)[0].at)
    assert sorted(message["phone"] for message in taken) == [
        phone_of(person, 0),
        phone_of(person, 1),
    ]
    assert {f"{at:%H:%M} 有人扫了守护布条" in message["text"] for message in taken} == {True}


def test_it_is_sent_before_all_that_waits(city: Cast, settings: Settings) -> None:
    person = protect()
    subject = NotificationSubject.scan(0)
    with gateway(settings) as taken:
        others = [
            Guardian.objects.create(
                person=person.person,
                order=9,
                active=True,
                contact=seal_for(person.person.key, {"phone": f"+8613700{n:06}"}),
            )
            for n in range(5)
        ]
        waiting = [Recipient.guardian(other.pk) for other in others]
        notify(NewNotification(subject, who, Reason.FOUND) for who in waiting)
        tell_scan(scans.report_by_code(person.code, a_report()), 1)
        delivery.deliver_urgent()
        assert [message["phone"] for message in taken] == [phone_of(person)]
        delivery.deliver(timestamp=0)
    assert len(taken) == 6
    assert Delivery.objects.filter(state="queued").count() == 0


def test_the_desk_reads_it_in_the_bell(city: Cast) -> None:
    scan = scans.report_by_number("", a_report())
    step = AlertStep.objects.get(scan=scan)
    tell_scan(scan, step.n)
    told = set(Notification.objects.filter(subject_id=scan).values_list("user_id", flat=True))
    assert {city.operator.user_id, city.dispatcher.user_id, city.commander.user_id} <= told
    assert city.volunteer.user_id not in told


def test_guardians_who_left_have_no_address(city: Cast) -> None:
    person = protect()
    guardian = Recipient.guardian(person.guardians[0].pk)
    assert addresses_of([guardian], "tel")
    assert addresses_of([guardian], "mailto") == {}
    Guardian.objects.update(active=False)
    assert addresses_of([guardian], "tel") == {}


def test_a_guardian_is_mailed_too(city: Cast, by_mail: Mailbox) -> None:
    person = protect()
    contact = seal_for(person.person.key, {"phone": "", "mail": "li@example.org"})
    Guardian.objects.filter(pk=person.guardians[0].pk).update(contact=contact)
    scan = scans.report_by_code(person.code, a_report())
    tell_scan(scan, 1)
    delivery.deliver_urgent()
    (mail,) = by_mail.mails
    assert mail["To"] == "li@example.org"
    assert guardian_token(scan, person.guardians[0].pk) in mail.get_content()


def test_transports_take_turns(city: Cast, settings: Settings, by_mail: Mailbox) -> None:
    """A mail server that takes all of a run's time leaves the text messages their turn."""
    person = protect(1, 2, 3)
    for guardian in person.guardians:
        contact = {"phone": "+8613700000001", "mail": "li@example.org"}
        Guardian.objects.filter(pk=guardian.pk).update(contact=seal_for(person.person.key, contact))
    with gateway(settings) as taken:
        settings.NOTIFICATION_TRANSPORTS = ("email", "sms")
        told = [Recipient.guardian(guardian.pk) for guardian in person.guardians]
        notify(NewNotification(NotificationSubject.scan(1), who, Reason.FOUND) for who in told)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(delivery, "TURN", -1.0)
            for _run in range(2):
                delivery.deliver(timestamp=0)
    assert (len(by_mail.mails), len(taken)) == (2, 2)
