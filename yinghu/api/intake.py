"""Filing endpoint POST /api/v1/appeals, plain ASGI for high load.

It checks key and JSON and passes the message to the writer. It answers 201 after the COMMIT of
message, appeal, event, clocks and job; a repeated external id gets 200 and the same appeal, or 409
if the content differs, because that would be lost. All errors are problems.
"""

import asyncio
import contextlib
import functools
import json
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import connections
from django.urls import reverse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from pydantic import ValidationError

from yinghu.api import auth, problems
from yinghu.api.draft import Catalogue, DraftIn
from yinghu.api.writer import NoDatabase, Poison, Writer, own_connection, retry_once
from yinghu.appeals.filing import Filing
from yinghu.appeals.numbers import number_of, track_token
from yinghu.common.request_limits import TooLarge, TooSlow
from yinghu.intake.drafts import Draft
from yinghu.intake.receive import Incoming, Received, raw_of
from yinghu.people.access import Actor
from yinghu.people.models import User

MAX_REQUEST = 256 * 1024
"""Bytes of a request's body: 20,000 characters escaped as \\uXXXX and all other fields fit."""

MAX_DRAINED = 8 * 1024 * 1024
"""Bytes of a refused request that are still read before it is answered."""

DRAIN_SECONDS = 5
"""Seconds for which they are read at most."""

_log = structlog.get_logger(__name__)
Send = Callable[[dict[str, Any]], Any]
T = TypeVar("T")


class FilingDoor:
    """State of the endpoint, one for each process: writer, look-up thread, catalogue of codes."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.catalogue = Catalogue()
        self._lookups = ThreadPoolExecutor(1, "filing-lookup", initializer=own_connection)

    def close(self) -> None:
        """Write the queued filings and stop."""
        self.writer.stop()
        self._lookups.submit(connections.close_all).result()
        self._lookups.shutdown()

    async def look_up(self, work: Callable[[], T]) -> T:
        """Run a query in the look-up thread. Raises NoDatabase."""
        return await asyncio.get_running_loop().run_in_executor(self._lookups, retry_once, work)

    async def file(self, scope: dict[str, Any], receive: Any) -> Received:
        """Take one filing. Raises Problem, NoDatabase or Poison."""
        headers = dict(scope["headers"])
        user = await self._user(headers, (scope.get("client") or ("", 0))[0])
        raw = await _body(headers, receive)
        given = _draft(raw)
        key = _external_id(given, headers)
        filing = await self._check(given.draft())
        # External ids are unique for each system only.
        incoming = Incoming(f"u{user.pk}:{key}", raw, filing)
        actor = Actor("user", user.pk, str(user))
        received = await self.writer.submit(incoming, actor)
        if not received.new:
            earlier = await self.look_up(lambda: raw_of(filing.channel, incoming.external_id))
            if earlier and _content_of(earlier) != _content_of(raw):
                words = _("编号 %s 已经用于内容不同的另一条；新的内容没有收下，请换一个编号") % key
                raise problems.Problem(409, "id_reused", words)
        return received

    async def _check(self, draft: Draft) -> Filing:
        """Check a draft, in the look-up thread if that needs the database. Raises Problem."""
        if self.catalogue.fresh(draft):
            return self.catalogue.filing(draft)
        language = get_language() or settings.LANGUAGE_CODE

        def read_and_check() -> Filing:
            self.catalogue.read(draft)
            with override(language):
                return self.catalogue.filing(draft)

        return await self.look_up(read_and_check)

    async def _user(self, headers: dict[bytes, bytes], address: str) -> User:
        scheme, _space, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            auth.count_request("key", address)
            raise problems.no_key()
        user = auth.cached_user(key)
        if user is None:
            auth.count_request("key", address)
            user = await self.look_up(lambda: auth.look_up(key))
        if user is None:
            raise problems.bad_key()
        return user


async def _body(headers: dict[bytes, bytes], receive: Any) -> bytes:
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" or headers.get(b"content-encoding", b"identity") != b"identity":
        raise problems.not_json()
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > MAX_REQUEST:
        raise problems.too_large(MAX_REQUEST)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError("the sender has gone")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_REQUEST:
            raise problems.too_large(MAX_REQUEST)
        if not message.get("more_body"):
            return b"".join(parts)


def _draft(raw: bytes) -> DraftIn:
    try:
        return DraftIn.model_validate_json(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            raise problems.bad_json() from error
        raise problems.invalid(problems.field_errors(found)) from error


def _external_id(draft: DraftIn, headers: dict[bytes, bytes]) -> str:
    header = headers.get(b"idempotency-key", b"").decode("latin-1").strip().strip('"')
    if len(header) > 100 or not header.isprintable():
        raise problems.one_field("Idempotency-Key", "bad_key", _("最多 100 个可见字符"))
    if draft.external_id and header and draft.external_id != header:
        raise problems.one_field(
            "external_id", "two_ids", _("external_id 和 Idempotency-Key 不一致，请只用一个")
        )
    return draft.external_id or header or secrets.token_hex(16)


def _content_of(raw: bytes) -> dict[str, Any]:
    """Parse a message for comparison, without the id, which may come by header instead."""
    said: dict[str, Any] = json.loads(raw)
    said.pop("external_id", None)
    return said


def _storage_problem(error: Poison) -> problems.Problem:
    """Explain a refused filing: a code deleted since it was cached, or an error of ours."""
    cause = error.__cause__ and error.__cause__.__cause__
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", "")
    for name in ("category", "area", "place"):
        if constraint and f"_{name}_id_" in constraint:
            return problems.one_field(name, f"unknown_{name}", _("没有这个代码"))
    return problems.broken()


@functools.cache
def _tracking_prefix() -> str:
    # Cached because reversing the URL is the costliest part of an answer.
    return settings.SITE_URL + reverse("track", args=["TOKEN"]).removesuffix("TOKEN")


def filed_body(received: Received) -> dict[str, Any]:
    """Return the response body for a filed appeal."""
    number = number_of(received.appeal_id)
    token = track_token(received.appeal_id)
    return {
        "id": received.appeal_id,
        "number": number,
        "new": received.new,
        "url": f"{settings.SITE_URL}/api/v1/appeals/{number}",
        "tracking": _tracking_prefix() + token,
        "token": token,
    }


async def _answer(send: Send, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
    lines = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    lines += [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


class DrainingReceiver:
    """Wrapper of a request's `receive` that knows whether the whole body was read."""

    def __init__(self, headers: dict[bytes, bytes], receive: Any) -> None:
        self._receive = receive
        length = headers.get(b"content-length", b"")
        self._length = int(length[:20]) if length.isdigit() else None
        self._ended = self._length == 0 or not (length or b"transfer-encoding" in headers)

    async def __call__(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body")
        return message

    async def drain(self) -> bool:
        """Read the rest of the body within limits; returns whether that was all.

        With unread data, the server closes the connection and the sender's next request is lost.
        """
        if not self._ended and (self._length or 0) <= MAX_DRAINED:
            heard = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    while not self._ended and heard <= MAX_DRAINED:
                        heard += len((await self()).get("body", b""))
        return self._ended


_door: FilingDoor | None = None


@contextlib.asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Run the endpoint's threads for as long as the web process serves."""
    global _door
    _door = FilingDoor()
    try:
        yield
    finally:
        closing, _door = _door, None
        await asyncio.get_running_loop().run_in_executor(None, closing.close)


async def application(scope: dict[str, Any], receive: Any, send: Send) -> None:
    """File one appeal."""
    headers = dict(scope["headers"])
    listener = DrainingReceiver(headers, receive)
    accept = headers.get(b"accept-language", b"").decode("latin-1")
    language = problems.language_of(accept) if accept else settings.LANGUAGE_CODE
    try:
        # Texts made while the request is handled are in its language.
        with override(language):
            if _door is None:
                raise problems.busy()
            received = await _door.file(scope, listener)
    except (TooLarge, TooSlow):
        raise
    except ConnectionError:
        return
    except Exception as error:
        with override(language):
            problem = _problem_of(error)
            body = problem.body()
        said = dict(problem.headers)
        if not await listener.drain():
            said["Connection"] = "close"
        await _answer(send, problem.status, body, problems.MEDIA_TYPE, said)
        return
    told = filed_body(received)
    body = json.dumps(told, ensure_ascii=False).encode()
    status = 201 if received.new else 200
    await _answer(send, status, body, "application/json", {"location": told["url"]})


def _problem_of(error: Exception) -> problems.Problem:
    match error:
        case problems.Problem():
            return error
        case NoDatabase():
            return problems.no_database()
        case Poison():
            return _storage_problem(error)
    _log.exception("a filing failed")
    return problems.broken()
