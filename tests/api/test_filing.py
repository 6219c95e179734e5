"""Filing by API: accepted and refused input, the refusals' form, and no duplicates."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from benchmarks.processes import running_server
from benchmarks.statement_proxy import statement_proxy
from tests.api.conftest import Api
from tests.databases import database_url
from tests.live import Live, until
from yinghu.appeals.models import Appeal, Category, Clock, Event
from yinghu.appeals.numbers import id_of, id_of_token
from yinghu.common.privacy.opening import unseal, unseal_bytes
from yinghu.intake.models import Message
from yinghu.people.models import ApiToken, User
from yinghu.people.tokens import new_key
from yinghu.places.coords import gcj_to_wgs

Check = Callable[..., dict[str, Any]]


def test_filing_with_every_field_is_stored(api: Api) -> None:
    sent: dict[str, Any] = {
        "body": "  需要一段奶粉两罐 <script>alert(1)</script> '; DROP TABLE appeals_appeal; --  ",
        "title": "奶粉",
        "category": "milk",
        "place": "xiuhu",
        "name": "王小明",
        "phone": "138 1234 5678",
        "address": "绣湖花园3幢",
        "answers": {"brand": "一段", "count": 2, "left": 1.5, "urgent": True, "age": None},
        "urgency": 2,
        "said_at": "2026-11-20T08:00:00+08:00",
        "language": "en",
        "external_id": "12345-7",
        "channel": "hotline",
    }
    answer = api.post("/appeals", "operator", json=sent)
    assert answer.status_code == 201
    told = answer.json()
    assert told["new"] is True
    assert answer.headers["location"] == told["url"] == f"{api.url}/api/v1/appeals/{told['number']}"
    assert id_of(told["number"]) == id_of_token(told["token"]) == told["id"]
    appeal = Appeal.objects.get(pk=told["id"])
    assert appeal.body == sent["body"].strip()
    assert (appeal.status, appeal.channel, appeal.urgency) == ("filed", "hotline", 2)
    assert (appeal.category_id, appeal.area_id) == ("milk", "330782001004001")
    assert (appeal.lon, appeal.lat) == (120.0722, 29.3076)
    assert unseal(appeal.phone) == "+8613812345678"
    assert unseal(appeal.name) == "王小明"
    assert b"138" not in bytes(appeal.phone)
    assert appeal.answers == sent["answers"]
    assert appeal.said_at is not None
    assert appeal.said_at.isoformat() == "2026-11-20T00:00:00+00:00"
    assert Event.objects.filter(appeal=appeal, seq=1, verb="file").count() == 1
    assert set(Clock.objects.filter(appeal=appeal).values_list("kind", flat=True)) == {
        "receive",
        "solve",
    }
    message = Message.objects.get(appeal=appeal)
    assert json.loads(unseal_bytes(message.raw)) == sent
    assert httpx.get(told["tracking"], trust_env=False).status_code == 200


def test_gcj02_coordinates_are_converted_to_wgs84(api: Api) -> None:
    told = api.file(lon=120.0767, lat=29.3048, coordinates="gcj02")
    appeal = Appeal.objects.get(pk=told["id"])
    assert (appeal.lon, appeal.lat) == gcj_to_wgs(120.0767, 29.3048)
    assert appeal.lon is not None
    assert 0.003 < 120.0767 - appeal.lon < 0.006


def test_invisible_characters_are_removed_from_filings(api: Api) -> None:
    told = api.file(
        body="救\u200b命\u202e👨\u200d👩\u200d👧",
        title="\u2067奶\u200d粉",
        name="\u202e明\u200c小王\u200f",
        address="\u202a3号楼\u202c",
        phone="\u202d13812345678\u202c",
        answers={"brand": "一\u202e段"},
    )
    appeal = Appeal.objects.get(pk=told["id"])
    assert (appeal.body, appeal.title) == ("救命👨\u200d👩\u200d👧", "奶粉")
    assert (unseal(appeal.name), unseal(appeal.address)) == ("明小王", "3号楼")
    assert (unseal(appeal.phone), appeal.answers) == ("+8613812345678", {"brand": "一段"})
    # The raw message is kept unchanged.
    raw = json.loads(unseal_bytes(Message.objects.get().raw))
    assert raw["name"] == "\u202e明\u200c小王\u200f"


def test_resent_filing_returns_the_same_appeal(api: Api, problem: Check) -> None:
    first = api.file(external_id="a-1")
    other = api.post("/appeals", "operator", json={"body": "另一件", "external_id": "a-1"})
    problem(other, 409, "id_reused")
    sent = json.loads(unseal_bytes(Message.objects.get().raw))
    again = api.post("/appeals", "operator", json=dict(reversed(sent.items())))
    assert again.status_code == 200
    assert again.json() == first | {"new": False}
    header = {"Idempotency-Key": '"a-1"'}
    del sent["external_id"]
    third = api.post("/appeals", "operator", json=sent, headers=header)
    assert (third.status_code, third.json()["id"]) == (200, first["id"])
    two = {"body": "x", "external_id": "a-2"}
    problem(api.post("/appeals", "operator", json=two, headers=header), 422, "two_ids")
    # The same id from another system is another message; it must not reveal the first link.
    another = api.file("clerk", external_id="a-1")
    assert another["id"] != first["id"]
    assert Appeal.objects.count() == 2
    # Without an id each filing is a new appeal.
    bare = [api.post("/appeals", "clerk", json={"body": "同样的话"}).json() for _ in range(2)]
    assert bare[0]["id"] != bare[1]["id"]


def test_category_with_answers_needs_no_body(api: Api, problem: Check) -> None:
    given: dict[str, Any] = {"category": "milk", "answers": {"left": 1, "count": "两罐"}}
    told = api.post("/appeals", "operator", json=given)
    assert told.status_code == 201
    assert Appeal.objects.get().body == "奶粉：几罐 两罐；还能吃几天 1"
    for fields in (
        {},
        {"answers": {"left": 1}},
        {"category": "milk"},
        {"category": "milk", "answers": {"left": None, "count": "", "wings": 2}},
    ):
        body = problem(api.post("/appeals", "operator", json=fields), 422, "invalid")
        assert [(e["field"], e["code"]) for e in body["errors"]] == [("body", "missing")]
    assert Appeal.objects.count() == 1


BAD_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"body": ""}, "body", "string_too_short"),
    ({"body": "   "}, "body", "string_too_short"),
    ({"body": None}, "body", "string_type"),
    ({"body": 5}, "body", "string_type"),
    ({"body": "长" * 20_001}, "body", "string_too_long"),
    ({"body": "a\x00b"}, "body", "bad_text"),
    ({"body": "\u200b"}, "body", "nothing_visible"),
    ({"body": "\u202e\ufeff \u3164\u2800"}, "body", "nothing_visible"),
    ({"title": "长" * 201}, "title", "string_too_long"),
    ({"category": "nope"}, "category", "unknown_category"),
    ({"area": "999"}, "area", "unknown_area"),
    ({"place": "nowhere"}, "place", "unknown_place"),
    ({"lon": 181.0, "lat": 1.0}, "lon", "less_than_equal"),
    ({"lon": "120", "lat": 1.0}, "lon", "float_type"),
    ({"lon": 120.0}, "lat", "missing"),
    ({"phone": "救命"}, "phone", "bad_phone"),
    ({"answers": ["x"]}, "answers", "dict_type"),
    ({"answers": {"a": {"b": 1}}}, "answers.a", "bad_answer"),
    ({"answers": {"a": 10**40}}, "answers.a", "bad_answer"),
    ({"answers": {"a": "x\x00"}}, "answers.a", "bad_text"),
    ({"answers": {str(i): i for i in range(41)}}, "answers", "too_long"),
    ({"urgency": 4}, "urgency", "less_than_equal"),
    ({"urgency": True}, "urgency", "int_type"),
    ({"urgency": 10**40}, "urgency", "less_than_equal"),
    ({"said_at": "昨天"}, "said_at", "bad_time"),
    ({"said_at": "2026-11-20T08:00:00"}, "said_at", "timezone_aware"),
    ({"said_at": "2999-01-01T00:00:00Z"}, "said_at", "bad_time"),
    ({"language": "klingonisch"}, "language", "string_pattern_mismatch"),
    ({"external_id": "x" * 101}, "external_id", "string_too_long"),
    ({"channel": "web"}, "channel", "unknown_channel"),
    ({"channel": "file"}, "channel", "unknown_channel"),
    ({"channel": "whistle"}, "channel", "unknown_channel"),
    ({"said_at": 1770000000}, "said_at", "bad_time"),
    ({"klass": "need"}, "klass", "extra_forbidden"),
]


def test_invalid_field_is_named(api: Api, problem: Check) -> None:
    for fields, field, code in BAD_FIELDS:
        answer = api.post("/appeals", "operator", json={"body": "求助"} | fields)
        body = problem(answer, 422, "invalid")
        assert [(e["field"], e["code"]) for e in body["errors"]] == [(field, code)], fields
        assert all(error["detail"] for error in body["errors"])
    assert Appeal.objects.count() == Message.objects.count() == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"body": "x"',
        b'{"body": "\xff\xfe"}',
        b'{"body": "\\ud800"}',
        b'{"body": "x", "lon": NaN, "lat": 1}',
        b'{"body": "x", "lon": Infinity, "lat": 1}',
        b'{"answers": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"body": "x", "urgency": 1e999}',
        b"[]",
        b"null",
        b'"body"',
        b'{"body": "x", "urgency": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda raw: str(raw[:24]),
)
def test_malformed_json_is_refused(api: Api, raw: bytes) -> None:
    kind = {"Content-Type": "application/json"}
    answer = api.post("/appeals", "operator", content=raw, headers=kind)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert Appeal.objects.count() == 0


def test_body_type_and_size_limits(api: Api, problem: Check) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    problem(api.post("/appeals", "operator", content="body=x", headers=form), 415, "not_json")
    big = {"body": "x", "title": "y" * 300_000}
    problem(api.post("/appeals", "operator", json=big), 413, "too_large")

    def pieces() -> Any:
        for _ in range(40):
            yield b" " * 10_000

    kind = {"Content-Type": "application/json"}
    problem(api.post("/appeals", "operator", content=pieces(), headers=kind), 413, "too_large")
    # The longest allowed texts, in their longest JSON encoding.
    longest = {"body": "\U0001f92f" * 10_000, "answers": {"a": "😀" * 2000}}
    raw = json.dumps(longest).encode()
    assert len(raw) > 128 * 1024
    answer = api.post("/appeals", "operator", content=raw, headers=kind)
    assert answer.status_code == 201
    assert Appeal.objects.get(pk=answer.json()["id"]).body == longest["body"]


def test_early_refusal_does_not_break_the_connection(api: Api, problem: Check) -> None:
    """A client refused before its body was read may send again, or is told to reconnect."""
    kind = {"Content-Type": "application/json"}

    def pieces(count: int) -> Any:
        for _ in range(count):
            yield b" " * 50_000

    for _round in range(20):
        for said in ("y" * 300_000, "y" * 3_000_000):
            problem(api.post("/appeals", "operator", json={"body": said}), 413, "too_large")
        for count in (8, 60):
            body = pieces(count)
            problem(api.post("/appeals", "operator", content=body, headers=kind), 413, "too_large")
        problem(api.post("/appeals", json={"body": "y" * 200_000}), 401, "no_key")
        assert api.file("operator")["new"]


def test_oversized_content_length_is_refused_without_waiting(api: Api) -> None:
    at = httpx.URL(api.url)
    said = (
        f"POST /api/v1/appeals HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {api.key('operator')}\r\nContent-Type: application/json\r\n"
        f"Content-Length: 100000000\r\n\r\n{{"
    )
    with socket.create_connection((at.host, at.port or 80)) as line:
        line.sendall(said.encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))  # Until the server hangs up.
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert b"too_large" in answer


def test_missing_invalid_or_revoked_key_is_refused(api: Api, problem: Check) -> None:
    filing = {"body": "x"}
    problem(api.post("/appeals", json=filing), 401, "no_key")
    for header in ("Bearer", "Bearer yh_wrong", "Basic eDp5", "Bearer 1-forged", "Bearer \xff"):
        headers = {b"Authorization": header.encode("latin-1")}
        answer = api.http.post("/appeals", json=filing, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    revoked = new_key(User.objects.get(username="clerk"), "old")
    ApiToken.objects.filter(name="old").update(revoked_at="2026-01-01T00:00:00Z")
    headers = {b"Authorization": f"Bearer {revoked}".encode()}
    problem(api.http.post("/appeals", json=filing, headers=headers), 401, "bad_key")
    gone = User.objects.create_user("gone", is_active=False)
    headers = {b"Authorization": f"Bearer {new_key(gone, 'x')}".encode()}
    problem(api.http.post("/appeals", json=filing, headers=headers), 401, "bad_key")
    # Only the digest of a key is stored.
    key = api.key("clerk")
    assert key.encode() not in bytes(
        ApiToken.objects.get(user__username="clerk", name="test").digest
    )


def test_new_category_is_recognised(api: Api, problem: Check) -> None:
    api.file(category="milk")
    Category.objects.create(code="cats", name="流浪猫", klass="opinion")
    # An unknown code is looked up again, at most once a second.
    filing = {"body": "有一窝小猫", "category": "cats"}
    until(
        lambda: api.post("/appeals", "operator", json=filing).status_code == 201,
        "the new category to be known",
    )


def test_single_filing_takes_at_most_six_statements(api: Api, live: Live) -> None:
    key = api.key("operator")
    api.file(category="milk")
    with statement_proxy(database_url(live.name)) as proxy, running_server(proxy.url) as port:
        headers = {"Authorization": f"Bearer {key}"}
        filing = {"body": "没有奶粉了", "category": "milk", "area": "330782001"}
        seen = []
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            for _ in range(3):
                proxy.statements.clear()
                answer = http.post("/api/v1/appeals", json=filing, headers=headers)
                assert answer.status_code == 201
                seen.append(list(proxy.statements))
    # The first request also reads the key and the catalogue.
    assert len(seen[0]) <= 10, seen[0]
    for statements in seen[1:]:
        assert len(statements) <= 6, statements
        assert statements[0].startswith("BEGIN")
        assert statements[-1] == "COMMIT"
