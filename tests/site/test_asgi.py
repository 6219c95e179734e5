"""The web process's ASGI entry: senders, static files, doors, request limits, health, metrics."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import ipaddress
import json
import resource
import socket
from typing import Any

import pytest
from django.test import Client, override_settings

from tests.live import Live
from tests.loops import result_of
from yinghu.common import request_limits
from yinghu.common.request_limits import (
    MAX_BODY_BYTES,
    MAX_BODY_WITH_PHOTOS,
    Malformed,
    TooLarge,
    TooSlow,
    bounded,
)
from yinghu.site.asgi import resolve_sender
from yinghu.site.doors import DOORS

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")]


def ask(
    live: Live, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, headers=sent)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("peer", "headers", "sender", "scheme"),
    [
        ("192.0.2.1", {}, "192.0.2.1", "http"),
        # Headers of an untrusted peer are ignored.
        ("192.0.2.1", {"x-forwarded-for": "127.0.0.1"}, "192.0.2.1", "http"),
        ("192.0.2.1", {"x-forwarded-proto": "https"}, "192.0.2.1", "http"),
        # A proxy is trusted, but not the entries that precede its own.
        ("10.0.0.1", {"x-forwarded-for": "192.0.2.7"}, "192.0.2.7", "http"),
        ("10.0.0.1", {"x-forwarded-for": "127.0.0.1, 192.0.2.7"}, "192.0.2.7", "http"),
        ("10.0.0.1", {"x-forwarded-for": "192.0.2.7, 10.0.0.2"}, "192.0.2.7", "http"),
        ("10.0.0.1", {"x-forwarded-for": "nonsense, 192.0.2.7"}, "192.0.2.7", "http"),
        ("10.0.0.1", {"x-forwarded-for": "192.0.2.7, nonsense"}, "10.0.0.1", "http"),
        ("10.0.0.1", {"x-forwarded-for": "2001:db8::1"}, "2001:db8::1", "http"),
        ("::1", {"x-forwarded-for": "[2001:db8::1]"}, "2001:db8::1", "http"),
        ("10.0.0.1", {"x-forwarded-proto": "https"}, "10.0.0.1", "https"),
        ("10.0.0.1", {"x-forwarded-proto": "gopher"}, "10.0.0.1", "http"),
        ("10.0.0.1", {"x-forwarded-for": ""}, "10.0.0.1", "http"),
        # IPv4 clients as a server on "::" sees them.
        ("::ffff:10.0.0.1", {"x-forwarded-for": "192.0.2.7"}, "192.0.2.7", "http"),
        ("::ffff:192.0.2.1", {"x-forwarded-for": "192.0.2.7"}, "192.0.2.1", "http"),
        ("10.0.0.1", {"x-forwarded-for": "::ffff:192.0.2.7"}, "192.0.2.7", "http"),
    ],
)
def test_resolve_sender(peer: str, headers: dict[str, str], sender: str, scheme: str) -> None:
    kept = (b"host", b"a.example")
    scope: dict[str, Any] = {
        "client": (peer, 1234),
        "scheme": "http",
        "headers": [kept, *((k.encode(), v.encode()) for k, v in headers.items())],
    }
    resolve_sender(scope, PROXIES)
    assert (scope["client"][0], scope["scheme"], scope["headers"]) == (sender, scheme, [kept])


def test_repeated_forwarded_headers_are_read_in_order() -> None:
    scope: dict[str, Any] = {
        "client": ("10.0.0.1", 1),
        "scheme": "http",
        "headers": [(b"x-forwarded-for", b"192.0.2.8"), (b"x-forwarded-for", b"192.0.2.7")],
    }
    resolve_sender(scope, PROXIES)
    assert scope["client"] == ("192.0.2.7", 0)


def test_every_door_has_an_application_and_a_lifespan() -> None:
    import importlib

    for name in DOORS.values():
        module = importlib.import_module(name)
        assert callable(module.application)
        assert callable(module.lifespan)


def test_pages_are_compressed(live: Live) -> None:
    plain, packed = ask(live, "/file"), ask(live, "/file", Accept_Encoding="gzip")
    assert "content-encoding" not in plain[1]
    assert packed[1]["content-encoding"] == "gzip"
    assert "accept-encoding" in packed[1]["vary"].lower()
    assert len(packed[2]) < len(plain[2]) / 2
    assert "提交" in gzip.decompress(packed[2]).decode()
    # A page is sent whole, and its length is that of what is sent.
    assert int(packed[1]["content-length"]) == len(packed[2])


def test_static_files_are_compressed_and_revalidated(live: Live) -> None:
    plain = ask(live, "/static/vendor/tabler.css")
    packed = ask(live, "/static/vendor/tabler.css", Accept_Encoding="gzip, br")
    assert (plain[0], packed[0]) == (200, 200)
    assert packed[1]["content-encoding"] == "gzip"
    assert gzip.decompress(packed[2]) == plain[2]
    assert len(packed[2]) < len(plain[2]) / 5
    assert plain[1]["content-type"] == "text/css; charset=utf-8"
    again = ask(live, "/static/vendor/tabler.css", If_None_Match=plain[1]["etag"])
    assert (again[0], again[2]) == (304, b"")
    head = ask(live, "/static/vendor/tabler.css", method="HEAD")
    assert (head[0], head[2], head[1]["content-length"]) == (200, b"", str(len(plain[2])))


def test_hashed_static_files_are_cached_for_a_year(live: Live) -> None:
    (hashed,) = (live.home / "static" / "vendor").glob("icons.*.svg")
    _, headers, _ = ask(live, f"/static/vendor/{hashed.name}")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secrets/secret_key",
        "/static/%2e%2e/secrets/secret_key",
        "/static//etc/passwd",
        "/static/.stamp",
        "/static/vendor",
        "/static/nothing.css",
        "/static/%00",
        pytest.param(f"/static/{'a' * 300}", id="too long for a file's name"),
        "/media/photo.jpg",
    ],
)
def test_paths_outside_static_files_are_not_served(live: Live, path: str) -> None:
    assert ask(live, path)[0] == 404


def test_static_files_refuse_other_methods(live: Live) -> None:
    assert ask(live, "/static/vendor/tabler.css", method="DELETE")[0] == 405


def test_unknown_host_is_refused(live: Live) -> None:
    assert ask(live, "/accounts/login/", Host="evil.example")[0] == 400


def test_pages_have_security_headers(live: Live) -> None:
    _, headers, _ = ask(live, "/accounts/login/")
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert {"default-src 'self'", "script-src 'self'", "frame-ancestors 'none'"} <= {
        part.strip() for part in policy.split(";")
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_health_check_reports_ok(live: Live) -> None:
    status, _, body = ask(live, "/healthz")
    assert status == 200
    assert b'"jobs": "ok"' in body


def test_metrics_are_served_to_this_machine_only(live: Live) -> None:
    status, _, body = ask(live, "/metrics")
    assert status == 200
    assert b'yinghu_http_requests_total{door="django",method="GET",status="200"}' in body
    assert b"yinghu_oldest_waiting_job_seconds 0.0" in body
    # Behind a proxy on this machine, every client seems to be on it.
    assert ask(live, "/metrics", X_Forwarded_For="192.0.2.1")[0] == 403


@pytest.mark.django_db
def test_metrics_require_the_configured_token(client: Client) -> None:
    with override_settings(METRICS_TOKEN="a-token"):
        assert client.get("/metrics").status_code == 403
        wrong = client.get("/metrics", headers={"Authorization": "Bearer another"})
        assert wrong.status_code == 403
        right = client.get("/metrics", headers={"Authorization": "Bearer a-token"})
        assert right.status_code == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/file", MAX_BODY_WITH_PHOTOS),
        ("/find", MAX_BODY_BYTES),
        ("/api/v1/appeals/1/note", MAX_BODY_BYTES),
    ],
)
def test_chunked_body_over_the_limit_is_refused(live: Live, path: str, most: int) -> None:
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=60)
    piece = b"0" * 2**20
    connection.putrequest("POST", path)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.endheaders()
    # A server that refuses need not read on, so sending may fail.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _piece in range(most // len(piece) + 8):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.getheader("connection") == "close"
    if path.startswith("/api/"):
        assert answer.getheader("content-type") == "application/problem+json"
        assert json.loads(answer.read())["code"] == "too_large"
    connection.close()
    assert ask(live, "/healthz")[0] == 200


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nabc\r\n0\r\n\r\n", b"5\r\nabcdefgh\r\n", b"-1\r\nx\r\n"]
)
def test_malformed_chunks_are_answered_in_our_own_form(live: Live, chunks: bytes) -> None:
    host, _, port = live.url.removeprefix("http://").partition(":")
    for path, kind in (
        ("/file", "text/plain; charset=utf-8"),
        ("/find", "text/plain; charset=utf-8"),
        ("/api/v1/appeals/1/note", "application/problem+json"),
    ):
        with socket.create_connection((host, int(port)), timeout=60) as sender:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            sender.sendall(head.encode() + chunks)
            answer = http.client.HTTPResponse(sender, method="POST")
            answer.begin()
            body = answer.read()
            answer.close()
        assert (answer.status, answer.getheader("content-type")) == (400, kind), path
        if kind.startswith("text"):
            assert "内容没有收全，请再试一次".encode() in body
        else:
            assert json.loads(body)["code"] == "bad_request"
    assert ask(live, "/healthz")[0] == 200


def test_slow_and_oversized_bodies_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(request_limits, "SLOWEST_BYTES_A_SECOND", 1)

    async def heard(*messages: dict[str, Any]) -> list[int]:
        """Sizes of the bodies received from a sender that stalls after these messages."""
        queue = iter(messages)

        async def receive() -> dict[str, Any]:
            if message := next(queue, None):
                return message
            silence: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            return await silence

        listen = bounded(receive, 100)
        return [len((await listen()).get("body", b"")) for _message in range(2)]

    piece = {"type": "http.request", "body": b"x" * 60, "more_body": True}
    with pytest.raises(TooSlow):
        result_of(heard())
    with pytest.raises(TooLarge):
        result_of(heard(piece, piece))
    # Sixty bytes earn a minute, so the second message is in time. After the last there is no limit.
    last = {"type": "http.request", "body": b"x" * 40, "more_body": False}
    assert result_of(heard(piece, last)) == [60, 40]
    gone = {"type": "http.disconnect"}
    assert result_of(heard(last, gone)) == [40, 0]
    with pytest.raises(Malformed):
        result_of(heard(piece, gone))


def test_idle_connections_do_not_block_requests(live: Live) -> None:
    count = 1200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * count:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * count), hard))
    host, _, port = live.url.removeprefix("http://").partition(":")
    with contextlib.ExitStack() as idle:
        for _number in range(count):
            idle.enter_context(socket.create_connection((host, int(port))))
        assert ask(live, "/healthz")[0] == 200
