"""PostgreSQL's own load generator, for the limit: the same rows, tables and indexes."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from yinghu.server import embedded

FILING = r"""
\set n random(1, 1000000000)
\startpipeline
BEGIN;
INSERT INTO channels_message (channel, external_id, raw, error, appeal_id)
    VALUES ('limit', 'limit-' || nextval('appeals_appeal_id_seq'),
            decode(repeat('5a', {raw}), 'hex'), '', currval('appeals_appeal_id_seq'));
INSERT INTO appeals_appeal (
        id, status, version, channel, klass, category_id, urgency, level, area_id, title, body,
        answers, name, phone, address, caller, language, result, satisfaction, due_at)
    VALUES (currval('appeals_appeal_id_seq'), 'filed', 1, 'limit', '', 'milk', 1, 3, '330782001',
            '', '{body}' || :n, '{{"count": 2}}', decode(repeat('5a', 42), 'hex'),
            decode(repeat('5a', 47), 'hex'), decode(repeat('5a', 80), 'hex'),
            decode(md5(:n::text), 'hex'), 'zh-hans', '', '', now() + interval '2 hours');
INSERT INTO appeals_event (
        appeal_id, seq, verb, from_status, to_status, actor_kind, words, why, facts, klass,
        category_id, area_id)
    VALUES (currval('appeals_appeal_id_seq'), 1, 'file', '', 'filed', 'user', '', '', '{{}}', '',
            'milk', '330782001');
INSERT INTO appeals_untallied (event_id) VALUES (currval('appeals_event_id_seq'));
INSERT INTO appeals_clock (appeal_id, kind, due_at, minutes, next_at)
    VALUES (currval('appeals_appeal_id_seq'), 'receive', now() + interval '2 hours', 120,
            now() + interval '96 minutes'),
           (currval('appeals_appeal_id_seq'), 'solve', now() + interval '7 days', 10080,
            now() + interval '134 hours');
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('react', 'yinghu.react', 0, NULL, NULL,
    jsonb_build_object('events', jsonb_build_array(currval('appeals_event_id_seq'))), NULL
    )::procrastinate_job_to_defer_v1]);
COMMIT;
\endpipeline
"""
"""One filing for each transaction: message, appeal, event, untallied, two clocks and the job."""

BATCH = 1000
BATCH_FILING = r"""
\set n random(1, 1000000000)
WITH message AS (
    INSERT INTO channels_message (channel, external_id, raw, error, appeal_id)
    SELECT 'limit', 'limit-' || id, decode(repeat('5a', {raw}), 'hex'), '', id
    FROM (SELECT nextval('appeals_appeal_id_seq') AS id FROM generate_series(1, 1000)) AS ids
    RETURNING appeal_id
), appeal AS (
    INSERT INTO appeals_appeal (
        id, status, version, channel, klass, category_id, urgency, level, area_id, title, body,
        answers, name, phone, address, caller, language, result, satisfaction, due_at)
    SELECT appeal_id, 'filed', 1, 'limit', '', 'milk', 1, 3, '330782001', '', '{body}' || appeal_id,
           '{{}}', decode(repeat('5a', 42), 'hex'), decode(repeat('5a', 47), 'hex'), '',
           decode(md5(appeal_id::text), 'hex'), 'zh-hans', '', '', now() + interval '1 day'
    FROM message RETURNING id
), event AS (
    INSERT INTO appeals_event (
        appeal_id, seq, verb, from_status, to_status, actor_kind, words, why, facts, klass,
        category_id, area_id)
    SELECT id, 1, 'file', '', 'filed', 'system', '', '', '{{}}', '', 'milk', '330782001'
    FROM appeal RETURNING id
), untallied AS (
    INSERT INTO appeals_untallied (event_id) SELECT id FROM event
), clock AS (
    INSERT INTO appeals_clock (appeal_id, kind, due_at, minutes, next_at)
    SELECT id, kind, now() + interval '1 day', 1440, now() + interval '19 hours'
    FROM appeal, (VALUES ('receive'), ('solve')) AS wanted(kind)
)
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('react', 'yinghu.react', 0, NULL, NULL,
    jsonb_build_object('events', (SELECT jsonb_agg(id) FROM event)), NULL
    )::procrastinate_job_to_defer_v1]);
"""
"""A thousand filings made by the database itself, in one statement, with one job."""


def quiet(url: str) -> None:
    """Take away the triggers that announce each job to the worker.

    A NOTIFY makes transactions commit one after another (PostgreSQL holds one lock for its queue),
    so with them pgbench's own rate is far lower and would flatter what is held against it.
    """
    with psycopg.connect(url, autocommit=True) as admin:
        for name in ("job_inserted_v1", "job_aborted_v1"):
            trigger = sql.Identifier(f"procrastinate_jobs_notify_queue_{name}")
            admin.execute(
                sql.SQL("ALTER TABLE procrastinate_jobs DISABLE TRIGGER {}").format(trigger)
            )


def a_second(script: str, url: str, *, clients: int, seconds: float, raw: int, body: str) -> float:
    """Transactions of `script` (FILING or BATCH_FILING) a second, prepared; the rows stay."""
    script = script.format(raw=raw, body=body.replace("'", ""))
    with tempfile.TemporaryDirectory(prefix="yh-bench-") as folder:
        path = Path(folder) / "filing.sql"
        path.write_text(script, "utf-8")
        done = subprocess.run(  # noqa: S603  # PostgreSQL's own pgbench
            [
                str(embedded.binary("pgbench")),
                "--no-vacuum",
                "--protocol=prepared",
                f"--client={clients}",
                "--jobs=2",
                f"--time={max(1, round(seconds))}",
                f"--file={path}",
                url,
            ],
            capture_output=True,
            text=True,
        )
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
    return float(found[1])
