"""One-time codes by SMS: delivery, and protection against guessing, replay and floods."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.utils import timezone, translation
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from tests.cast import PHONE, Cast, file_one
from tests.cities import City, in_threads
from yinghu.common import sms
from yinghu.intake import one_time_codes
from yinghu.intake.models import Code

OTHER = "+8613900001111"


class Gateway(HTTPServer):
    """A local SMS gateway that records requests and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.got: list[tuple[str, str, dict[str, str]]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/send"


class _Answers(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        token = self.headers.get("Authorization", "")
        self.server.got.append((self.path, token, json.loads(body)))
        self.send_response(self.server.status)
        if 300 <= self.server.status < 400:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_given: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Gateway]:
    server = Gateway()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    settings.SMS_URL, settings.SMS_TOKEN = server.url, "secret-token"
    settings.DEMO = False
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def deliver() -> None:
    """Run the queued jobs, as the worker does."""
    for job in ProcrastinateJob.objects.filter(task_name="yinghu.code").order_by("id"):
        one_time_codes.send_code(**job.args)


def test_gateway_gets_phone_and_text_and_queue_holds_neither(
    city: Cast, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    file_one()
    # In the language of the request, not the worker's.
    with translation.override("zh-hans"):
        code = one_time_codes.make_code(PHONE).code
    args = json.dumps(ProcrastinateJob.objects.get(task_name="yinghu.code").args)
    assert code not in args
    assert "13812345678" not in args
    with caplog.at_level(logging.DEBUG), translation.override("en"):
        deliver()
    assert gateway.got == [
        (
            "/send",
            "Bearer secret-token",
            {"phone": PHONE, "text": f"【应呼】验证码 {code}，10 分钟内有效。不要告诉别人。"},
        )
    ]
    assert code not in caplog.text
    assert "13812345678" not in caplog.text
    row = Code.objects.get()
    assert code.encode() not in bytes(row.digest)
    assert PHONE.encode() not in bytes(row.caller)


def test_unknown_phone_gets_no_message_but_the_same_answer(city: Cast, gateway: Gateway) -> None:
    assert len(one_time_codes.make_code(OTHER).code) == one_time_codes.DIGITS
    deliver()
    assert gateway.got == []


@pytest.mark.parametrize("status", [302, 307, 400, 500, 503])
def test_refused_message_is_retried_without_following_redirects(
    city: Cast, gateway: Gateway, status: int
) -> None:
    file_one()
    code = one_time_codes.make_code(PHONE).code
    gateway.status = status
    with pytest.raises(sms.Undelivered, match=f"^the SMS gateway answered {status}$") as refused:
        deliver()
    assert code not in str(refused.value)
    gateway.status = 200
    deliver()
    assert [path for path, _token, _message in gateway.got] == ["/send", "/send"]
    assert one_time_codes.send_code.retry_strategy is not None


def test_error_of_an_unreachable_gateway_omits_the_message(city: Cast, settings: Settings) -> None:
    settings.SMS_URL = "http://127.0.0.1:9/send"
    with pytest.raises(sms.Undelivered, match=r"^the SMS gateway cannot be reached: \w+$"):
        sms.send_text(PHONE, "验证码 123456")


def test_without_a_gateway_the_code_is_logged_in_the_demo_only(
    city: Cast, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    file_one()
    settings.SMS_URL = ""
    said = {}
    for demo in (True, False):
        settings.DEMO = demo
        code = one_time_codes.make_code(PHONE).code
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            deliver()
        said[demo] = code in caplog.text
        assert "13812345678" not in caplog.text
        ProcrastinateJob.objects.filter(task_name="yinghu.code").delete()
        Code.objects.update(made_at=timezone.now() - timedelta(days=2))
    assert said == {True: True, False: False}


def test_expired_code_is_not_sent(city: Cast, gateway: Gateway) -> None:
    file_one()
    one_time_codes.make_code(PHONE)
    Code.objects.update(made_at=timezone.now() - one_time_codes.LIVES - timedelta(seconds=1))
    deliver()
    assert gateway.got == []


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**one_time_codes.DIGITS:0{one_time_codes.DIGITS}d}"


def test_only_the_newest_code_works_once_for_its_phone(city: Cast) -> None:
    first = one_time_codes.make_code(PHONE).code
    assert not one_time_codes.check_code(OTHER, first)
    second = one_time_codes.make_code(PHONE).code
    if first != second:
        assert not one_time_codes.check_code(PHONE, first)
    assert one_time_codes.check_code(PHONE, second)
    assert not one_time_codes.check_code(PHONE, second)
    assert not one_time_codes.check_code("", second)


def test_newest_code_works_in_the_form_of_an_earlier_one(city: Cast) -> None:
    """As the page advises, also where a stranger asked for a code in between."""
    first = one_time_codes.make_code(PHONE)
    newest = one_time_codes.make_code(PHONE, sender="stranger")
    assert one_time_codes.check_code(PHONE, newest.code, form=first.form)
    assert one_time_codes.check_code(PHONE, first.code, form=first.form)


def test_right_code_is_refused_after_too_many_wrong_tries(city: Cast) -> None:
    made = one_time_codes.make_code(PHONE)
    elsewhere = [
        one_time_codes.check_code(PHONE, wrong(made.code))
        for _try in range(one_time_codes.TRIES_ELSEWHERE)
    ]
    assert not any(elsewhere)
    assert not one_time_codes.check_code(PHONE, made.code)
    # The form that asked for the code has tries of its own; the fifth may still succeed.
    for _try in range(one_time_codes.TRIES - 1):
        assert not one_time_codes.check_code(PHONE, wrong(made.code), form=made.form)
    assert one_time_codes.check_code(PHONE, made.code, form=made.form)
    made = one_time_codes.make_code(PHONE)
    for _try in range(one_time_codes.TRIES + one_time_codes.TRIES_ELSEWHERE):
        assert not one_time_codes.check_code(PHONE, wrong(made.code), form=made.form)
    assert not one_time_codes.check_code(PHONE, made.code, form=made.form)
    # The form of one phone's code is none of another's.
    other = one_time_codes.make_code(OTHER)
    assert not one_time_codes.check_code(PHONE, other.code, form=other.form)


def test_code_expires_after_ten_minutes(city: Cast) -> None:
    code = one_time_codes.make_code(PHONE).code
    made = Code.objects.get().made_at
    Code.objects.update(made_at=made - one_time_codes.LIVES - timedelta(seconds=1))
    assert not one_time_codes.check_code(PHONE, code)
    Code.objects.update(made_at=made)
    assert one_time_codes.check_code(PHONE, code)


def test_concurrent_requests_make_no_more_codes_than_allowed(own_city: City) -> None:
    refused: list[int] = []

    def ask(number: int) -> None:
        try:
            one_time_codes.make_code(PHONE, sender=f"192.0.2.{number}")
        except one_time_codes.TooManyCodes:
            refused.append(number)

    in_threads(*[lambda number=number: ask(number) for number in range(8)])
    assert Code.objects.count() == 5
    assert len(refused) == 3


def test_codes_per_phone_are_limited_and_old_codes_deleted(city: Cast) -> None:
    for _turn in range(5):
        one_time_codes.make_code(PHONE)
    with pytest.raises(one_time_codes.TooManyCodes) as enough:
        one_time_codes.make_code(PHONE)
    assert 3500 < enough.value.seconds <= 3601
    one_time_codes.make_code(OTHER)
    Code.objects.update(made_at=timezone.now() - timedelta(hours=2))
    for _turn in range(5):
        one_time_codes.make_code(PHONE)
    Code.objects.update(made_at=timezone.now() - timedelta(hours=4))
    with pytest.raises(one_time_codes.TooManyCodes):
        one_time_codes.make_code(PHONE)
    Code.objects.update(made_at=timezone.now() - timedelta(days=3))
    one_time_codes.forget_old()
    assert not Code.objects.exists()
