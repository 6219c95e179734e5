"""Filing, the first verb: one SQL statement for many appeals, as a whole city may file at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext_lazy

from yinghu.appeals.models import NEVER, Attachment, Event
from yinghu.appeals.notify import NOTIFY_CHANNEL, payload
from yinghu.appeals.phrases import by_requester_or_staff, said
from yinghu.appeals.states import ClockKind, Status, Urgency, Who
from yinghu.appeals.verb import ClockChanges, Verb
from yinghu.common.chinese import fold_text
from yinghu.common.job_queue import queue
from yinghu.common.photos import StoredPhoto
from yinghu.common.privacy.phones import certain_phone
from yinghu.common.privacy.sealing import blind, seal
from yinghu.people.access import Actor

REACT_TASK = "yinghu.react"
DANGER_TASK = "yinghu.look_for_danger"
"""Reads new words for danger to life."""
ALARM_QUEUE = "alarm"
"""Queue with workers of its own, so that alarms never wait behind the reactions of an import."""
URGENT_PRIORITY = 10
"""Priority of jobs that wait for no import: alarms, and reading single messages for danger."""
_json = json.JSONEncoder(ensure_ascii=False).encode

LEFT_OUT = {
    "null_point": gettext_noop("发来的位置是 0,0，没有记下"),
    "far_point": gettext_noop("发来的位置离本市太远，没有记下"),
    "bad_point": gettext_noop("发来的位置看不懂，没有记下"),
    "bad_phone": gettext_noop("发来的电话看不懂，没有记下"),
    "bad_photo": gettext_noop("有照片没有收下"),
}
"""What a message had and its appeal has not, by the code of the fault; shown to staff."""


def _left_out_detail(event: Event) -> str:
    codes = event.facts.get("left_out", ())
    return _("；").join(_(LEFT_OUT[code]) for code in codes if code in LEFT_OUT)


FILE = Verb(
    "file",
    gettext_noop("提交"),
    pgettext_lazy("done", "提交"),
    "send",
    who=frozenset(
        {Who.REQUESTER, Who.TRIAGE, Who.HANDLER, Who.VOLUNTEER, Who.CALLBACK, Who.SYSTEM}
    ),
    sources=frozenset(),
    target=Status.FILED,
    clocks=ClockChanges(start=(ClockKind.RECEIVE, ClockKind.SOLVE)),
    told=by_requester_or_staff(gettext_noop("您提交了诉求"), gettext_noop("诉求已登记")),
    detail=_left_out_detail,
)


RECORD = Verb(
    "record",
    gettext_noop("补录"),
    pgettext_lazy("done", "补录"),
    "history",
    who=frozenset({Who.SYSTEM}),
    sources=frozenset(),
    target=Status.CLOSED,
    told=said(gettext_noop("以前的诉求，补录存档")),
    detail=_left_out_detail,
)
"""Filing of what was said and ended before: counted when it was said, without clocks or alarms."""


@dataclass(slots=True)
class Filing:
    """A channel's message, parsed and ready to become an appeal.

    `phone` is as `phone_to_keep` returns it. It identifies the requester where it is certain, else
    `caller` does (a channel's user id). `left_out` are keys of LEFT_OUT. `id` is set if the caller
    reserved one. Codes must exist.
    """

    # Private data must not appear in a traceback or a log.
    body: str = field(repr=False)
    channel: str
    title: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    caller: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    klass: str = ""
    category: str | None = None
    urgency: int = Urgency.NORMAL.value
    area: str | None = None
    place: int | None = None
    lon: float | None = None
    lat: float | None = None
    answers: dict[str, object] = field(default_factory=dict, repr=False)
    language: str = "zh-hans"
    said_at: datetime | None = None
    photos: tuple[StoredPhoto, ...] = ()
    left_out: tuple[str, ...] = ()
    id: int | None = None


_FILE_SQL = """
WITH input AS (
    SELECT * FROM unnest(
        %(id)b::bigint[], %(channel)b::text[], %(klass)b::text[], %(category)b::text[],
        %(urgency)b::int2[], %(area)b::text[], %(place)b::bigint[], %(title)b::text[],
        %(body)b::text[], %(answers)b::text[], %(lon)b::float8[], %(lat)b::float8[],
        %(name)b::bytea[], %(phone)b::bytea[], %(address)b::bytea[], %(caller)b::bytea[],
        %(language)b::text[], %(said_at)b::timestamptz[], %(facts)b::text[],
        %(name_index)b::bytea[], %(address_index)b::bytea[]
    ) AS given(
        id, channel, klass, category_id,
        urgency, area_id, place_id, title,
        body, answers, lon, lat,
        name, phone, address, caller,
        language, said_at, facts, name_index,
        address_index
    )
), limited AS MATERIALIZED (
    SELECT matter.urgency, matter.category, wanted.kind, applying.minutes, applying.working
    FROM (SELECT DISTINCT urgency, coalesce(category_id, '') AS category FROM input) AS matter,
         unnest(%(clocks)s::text[]) AS wanted(kind), LATERAL (
        SELECT minutes, working FROM appeals_clocklimit AS lim
        WHERE lim.kind = wanted.kind AND lim.urgency = matter.urgency
          AND (lim.category_id = matter.category OR lim.category_id IS NULL)
        ORDER BY lim.category_id NULLS LAST LIMIT 1
    ) AS applying
), due AS MATERIALIZED (
    -- Materialized, so that each limit's times are computed once and not for every clock.
    SELECT kind, minutes, working, at,
           appeals_next_chase(kind, minutes, working, at, statement_timestamp()) AS next_at
    FROM (SELECT DISTINCT kind, minutes, working FROM limited) AS each,
         places_shift(statement_timestamp(), minutes, working) AS at
), timed AS MATERIALIZED (
    SELECT urgency, category, kind, minutes, working, at, next_at
    FROM limited JOIN due USING (kind, minutes, working)
), first AS (
    SELECT urgency, category, min(at) AS at FROM timed GROUP BY urgency, category
), appeal AS (
    INSERT INTO appeals_appeal (
        id, status, version, channel, klass, category_id, urgency, level, area_id, place_id,
        title, body, answers, lon, lat, name, phone, address, caller, language, said_at,
        name_index, address_index, result, satisfaction, due_at, filed_at, moved_at)
    SELECT id, %(status)s::text, 1, channel, klass, category_id, input.urgency, 3, area_id,
           place_id, title, body, answers::jsonb, lon, lat, name, phone, address, caller, language,
           said_at, name_index, address_index, '', '', coalesce(first.at, %(never)s::timestamptz),
           counted.at, counted.at
    FROM input LEFT JOIN first
         ON first.urgency = input.urgency AND first.category = coalesce(input.category_id, ''),
         LATERAL (
             SELECT CASE WHEN %(past)s::bool THEN said_at ELSE statement_timestamp() END AS at
         ) AS counted
    RETURNING id, klass, category_id, urgency, area_id
), event AS (
    INSERT INTO appeals_event (
        appeal_id, seq, verb, from_status, to_status, actor_kind, user_id, words, why, facts,
        klass, category_id, area_id)
    SELECT id, 1, %(verb)s::text, '', %(status)s::text, %(actor_kind)s::text, %(user_id)s::bigint,
           '', '', input.facts::jsonb, appeal.klass, appeal.category_id, appeal.area_id
    FROM appeal JOIN input USING (id)
    RETURNING id
), untallied AS (
    INSERT INTO appeals_untallied (event_id) SELECT id FROM event
), clock AS (
    INSERT INTO appeals_clock (appeal_id, kind, due_at, minutes, working, next_at)
    SELECT input.id, kind, at, minutes, working, next_at
    FROM input JOIN timed
         ON timed.urgency = input.urgency AND timed.category = coalesce(input.category_id, '')
)
SELECT array_agg(id ORDER BY id), pg_notify(%(notify)s::text, %(told)s::text)
FROM event
"""


def bulk_cursor() -> CursorWrapper:
    """Return a cursor in Django's transaction whose `%b` parameters are sent as binary.

    Django's own cursor interpolates values into the statement, which for batches took longer than
    everything else (measured: 137 of 190 microseconds per row, against 13).
    """
    connection.ensure_connection()
    cursor: Any = psycopg.Cursor(connection.connection)
    if connection.queries_logged:
        return connection.make_debug_cursor(cursor)
    return connection.make_cursor(cursor)


def index_of(text: str) -> bytes | None:
    """Return the blind index of a name or an address, however it is spaced and written."""
    return blind("".join(fold_text(text).split()))


def file_many(
    filings: Sequence[Filing], actor: Actor, verb: Verb = FILE, *, imported: bool = False
) -> list[int]:
    """File all or none, in order, in one transaction (or the caller's); return the appeals' ids.

    `verb` is FILE, or RECORD for filings with `said_at`. The caller checks permission. Raises
    Django's IntegrityError for a code that does not exist. One reaction is queued for all. What is
    `imported` is read for danger after all else.
    """
    if not filings:
        return []
    with transaction.atomic(savepoint=False), bulk_cursor() as cursor:
        ids = _ids_of(filings, cursor)
        cursor.execute(_FILE_SQL, _columns(filings, ids, actor, verb))
        events, _notified = cursor.fetchone()
        Attachment.objects.bulk_create(
            Attachment.of(photo, appeal_id)
            for appeal_id, filing in zip(ids, filings, strict=True)
            for photo in filing.photos
        )
        queue(REACT_TASK, events=events)
        if verb is FILE:
            queue(DANGER_TASK, priority=0 if imported else URGENT_PRIORITY, events=events)
    return ids


def _ids_of(filings: Sequence[Filing], cursor: CursorWrapper) -> list[int]:
    """Return the filings' ids. Missing ones are reserved, in at most one statement."""
    missing = sum(filing.id is None for filing in filings)
    if missing:
        cursor.execute(
            "SELECT nextval('appeals_appeal_id_seq') FROM generate_series(1, %s)", [missing]
        )
    return [cursor.fetchone()[0] if filing.id is None else filing.id for filing in filings]


_PLAIN = (
    *("channel", "klass", "category", "urgency", "area", "place", "lon", "lat"),
    *("title", "body", "language", "said_at"),
)
_SEALED = ("name", "phone", "address")


def _columns(filings: Sequence[Filing], ids: list[int], actor: Actor, verb: Verb) -> dict[str, Any]:
    """Return the statement's parameters: a list for each column, private ones sealed."""
    return {
        "id": ids,
        **{name: [getattr(f, name) for f in filings] for name in _PLAIN},
        **{name: [seal(getattr(f, name)) for f in filings] for name in _SEALED},
        "answers": [_json(f.answers) if f.answers else "{}" for f in filings],
        "facts": [_json({"left_out": f.left_out}) if f.left_out else "{}" for f in filings],
        "caller": [blind(certain_phone(f.phone) or f.caller) for f in filings],
        "name_index": [index_of(f.name) for f in filings],
        "address_index": [index_of(f.address) for f in filings],
        "past": verb is RECORD,
        "status": verb.target,
        "verb": verb.name,
        "actor_kind": actor.kind,
        "user_id": actor.user_id,
        "clocks": [kind.value for kind in verb.clocks.start],
        "never": NEVER,
        "notify": NOTIFY_CHANNEL,
        "told": payload(verb.name, ids),
    }
