"""Seed data: a city with years of appeals, with the rows that the product would have written.

Texts are combined here from parts; the database generates everything else. Indexes and foreign keys
are dropped during the load and restored afterwards.
"""

import random
from collections.abc import Iterator, Sequence
from string import Template
from typing import Any

from django.db import connection

from benchmarks.processes import progress
from yinghu.common.privacy.sealing import blind, seal
from yinghu.insight import tally
from yinghu.triage.signatures import bands_of
from yinghu.triage.similarity import lexemes

WHO = ("我是小区住户", "我家老人", "我们商铺", "孩子学校门口", "我们村", "楼下邻居", "公司员工")
WHERE = ("东门", "西区", "菜场旁边", "公交站", "三号楼", "地下车库", "河边步道", "十字路口", "广场")
WHAT = (
    "路灯坏了好几天，晚上很黑，老人孩子走路都不安全",
    "半夜施工噪音很大，已经连续一个星期，孩子要考试休息不好",
    "垃圾堆了很久没人清运，天热味道很重，苍蝇很多",
    "停水了一直没有通知，家里有婴儿要冲奶粉，不知道什么时候恢复",
    "奶粉只够吃两天了，小区出不去，想请人帮忙买一段奶粉两罐",
    "高血压的药快吃完了，一直在中心医院配的，能不能帮忙配三盒",
    "想问一下居住证怎么办理，需要带哪些材料，周末上不上班",
    "工资拖欠两个月了，找老板一直推，希望劳动部门管一管",
    "公交车半小时都等不到一班，上班总是迟到，能不能加车",
    "消防通道被车堵死了，万一出事消防车根本进不来",
    "幼儿园招生名额不够，户口在本地也排不上，想知道怎么解决",
    "物业乱收费不开发票，业主群里反映也没有人回复",
)
WISH = (
    "请尽快处理，谢谢。",
    "希望有人来看看。",
    "打过几次电话没有结果。",
    "麻烦给个答复。",
    "很着急。",
)
SEALED = 2000
"""Number of requesters; each has many appeals."""

Spread = Sequence[tuple[str, int]]

SPREAD: Spread = (
    ("filed", 6),
    ("sorted", 2),
    ("assigned", 14),
    ("handling", 25),
    ("waiting", 3),
    ("resolved", 20),
    ("merged", 25),
    ("declined", 15),
    ("withdrawn", 10),
    ("closed", 880),
)
"""Number of appeals per status, of a thousand."""

TABLES = (
    "appeals_appeal",
    "appeals_event",
    "appeals_clock",
    "triage_suggestion",
    "triage_words",
    "intake_message",
)


def texts(count: int) -> Iterator[tuple[str, str, str]]:
    """Generate `count` bodies with their tsvectors and bands."""
    chance = random.Random(7)  # noqa: S311  # the same each run
    for number in range(count):
        parts = [chance.choice(WHO), "，", chance.choice(WHERE), chance.choice(WHAT)]
        parts += ["。", chance.choice(WHAT), "。", f"{number % 97}幢{number % 31}号，"]
        body = "".join([*parts, chance.choice(WISH)])
        bands = ",".join(map(str, bands_of(body)))
        yield body, " ".join(f"'{word}'" for word in lexemes(f"\n{body}")), f"{{{bands}}}"


def fill(appeals: int, spread: Spread = SPREAD) -> None:
    """Add appeals, distributed by `spread`, to a database with the demo city and none yet."""
    bodies = min(40_000, max(1000, appeals // 25))
    sizes = {
        "appeals": appeals,
        "texts": "(SELECT count(*) FROM bench_text)",
        "kinds": "(SELECT count(*) FROM bench_kind)",
        "areas": "(SELECT count(*) FROM bench_area)",
        "callers": SEALED,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute("SET work_mem = '128MB'")
        progress(f"seeding {appeals} appeals")
        _stage_sources(cursor, bodies, spread)
        _drop_indexes(cursor)
        for name, statement in FILL:
            progress(f"  {name}")
            cursor.execute(Template(statement).substitute(sizes))
        progress("  indexes and counters")
        _restore_indexes(cursor)
        tally.rebuild()
        cursor.execute("VACUUM (ANALYZE)")
    connection.close()


def _stage_sources(cursor: Any, count: int, spread: Spread) -> None:
    cursor.execute(
        "CREATE UNLOGGED TABLE bench_text "
        "(n int PRIMARY KEY, body text, words tsvector, bands int[])"
    )
    with cursor.copy("COPY bench_text (n, body, words, bands) FROM STDIN") as copy:
        for number, (body, words, bands) in enumerate(texts(count)):
            copy.write_row((number, body, words, bands))
    cursor.execute(
        "CREATE UNLOGGED TABLE bench_caller "
        "(n int PRIMARY KEY, name bytea, phone bytea, address bytea, caller bytea)"
    )
    with cursor.copy("COPY bench_caller FROM STDIN") as copy:
        for number in range(SEALED):
            phone = f"+86138{number:08d}"
            sealed = (seal("王小明"), seal(phone), seal(f"幸福小区{number}号"))
            copy.write_row((number, *sealed, blind(phone)))
    cursor.execute(
        "CREATE UNLOGGED TABLE bench_status AS SELECT row_number() OVER () - 1 AS n, status "
        "FROM unnest(%s::text[], %s::int[]) AS s(status, share), generate_series(1, share)",
        [[name for name, _share in spread], [share for _name, share in spread]],
    )
    cursor.execute(
        "CREATE UNLOGGED TABLE bench_kind AS SELECT row_number() OVER (ORDER BY r.order) - 1 AS n, "
        "c.code, c.klass, r.unit_id FROM routing_routingrule r "
        "JOIN appeals_category c ON c.code = r.category WHERE r.value = ''"
    )
    cursor.execute(
        "CREATE UNLOGGED TABLE bench_area AS "
        "SELECT row_number() OVER (ORDER BY md5(code)) - 1 AS n, code FROM places_area "
        "WHERE level = 3"
    )
    cursor.execute("ANALYZE")


def _drop_indexes(cursor: Any) -> None:
    """Drop foreign keys and non-unique indexes of TABLES, noting how to restore them."""
    cursor.execute(
        """
        CREATE TABLE bench_later AS
        SELECT 1 AS step,
               format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname) AS off,
               format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
                      pg_get_constraintdef(oid)) AS back
        FROM pg_constraint
        WHERE contype = 'f' AND conrelid = ANY(%(tables)s::regclass[])
        UNION ALL
        SELECT 0, format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
        FROM pg_index i
        WHERE indrelid = ANY(%(tables)s::regclass[]) AND NOT indisunique
        """,
        {"tables": list(TABLES)},
    )
    cursor.execute("SELECT off FROM bench_later ORDER BY step DESC")
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)


def _restore_indexes(cursor: Any) -> None:
    cursor.execute("SELECT back FROM bench_later ORDER BY step")
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)
    for name in ("later", "text", "caller", "status", "kind", "area"):
        cursor.execute(f"DROP TABLE bench_{name}")


FILL = (
    (
        "appeals",
        """
        INSERT INTO appeals_appeal (
            id, status, version, channel, klass, category_id, urgency, level, area_id, unit_id,
            holder_id, title, body, answers, name, phone, address, caller, language, result,
            solved, satisfaction, filed_at, moved_at, closed_at)
        SELECT i, s.status, 1,
            (ARRAY['web', 'web', 'hotline', 'feed', 'api'])[1 + h % 5],
            CASE WHEN s.status = 'filed' THEN '' ELSE k.klass END,
            CASE WHEN s.status = 'filed' AND h % 3 > 0 THEN NULL ELSE k.code END,
            CASE WHEN h % 100 < 2 THEN 3 WHEN h % 100 < 12 THEN 2 ELSE 1 END, 3, a.code,
            CASE WHEN s.status NOT IN ('filed', 'sorted', 'declined', 'withdrawn')
                 THEN k.unit_id END,
            CASE WHEN s.status IN ('handling', 'waiting', 'resolved', 'closed')
                 THEN p.user_id END,
            '', t.body, '{}', c.name, c.phone, c.address, c.caller, 'zh-hans',
            CASE WHEN s.status IN ('resolved', 'closed', 'declined')
                 THEN '已经处理，感谢反映。' ELSE '' END,
            CASE WHEN s.status = 'closed' THEN h % 20 > 0 END,
            CASE WHEN s.status = 'closed'
                 THEN (ARRAY['yes', 'yes', 'fairly', 'no'])[1 + h % 4] ELSE '' END,
            f.at, least(now(), f.at + interval '3 days'),
            CASE WHEN s.status IN ('closed', 'merged', 'declined', 'withdrawn')
                 THEN least(now(), f.at + interval '3 days') END
        FROM (
            SELECT i, abs(hashint8(i)::bigint) AS h, abs(hashint8(i + 1000000007)::bigint) AS g
            FROM generate_series(1, $appeals) AS i
        ) AS ids
        JOIN bench_status s ON s.n = h % 1000
        -- The lesser of two draws: a few categories and villages have most of it.
        JOIN bench_kind k ON k.n = least(g % $kinds, (g / 100) % $kinds)
        JOIN bench_area a ON a.n = least((g / 7) % $areas, (h / 7) % $areas)
        JOIN bench_text t ON t.n = (g / 11) % $texts
        JOIN bench_caller c ON c.n = (h / 13) % $callers
        LEFT JOIN LATERAL (
            SELECT user_id FROM people_post WHERE unit_id = k.unit_id ORDER BY id LIMIT 1
        ) AS p ON true
        CROSS JOIN LATERAL (
            -- Open appeals are young, a tenth of them late; closed ones are of two years.
            SELECT now() - make_interval(secs => CASE
                WHEN s.status IN ('filed', 'sorted') THEN ($appeals - i) * 10800.0 / $appeals
                WHEN s.status = 'assigned' THEN ($appeals - i) * 100000.0 / $appeals
                WHEN s.status IN ('closed', 'merged', 'declined', 'withdrawn')
                    THEN ($appeals - i) * 63072000.0 / $appeals
                ELSE ($appeals - i) * 700000.0 / $appeals END) AS at
        ) AS f
        """,
    ),
    (
        "events",
        """
        INSERT INTO appeals_event (
            appeal_id, seq, verb, from_status, to_status, actor_kind, user_id, words, why, facts,
            klass, category_id, unit_id, area_id, at)
        SELECT a.id, e.seq, e.verb, coalesce(path.stages[e.seq - 1], ''), path.stages[e.seq],
            CASE e.verb WHEN 'file' THEN 'requester' WHEN 'assign' THEN 'system' ELSE 'user' END,
            CASE WHEN e.verb IN ('accept', 'resolve', 'ask') THEN a.holder_id END,
            CASE WHEN e.verb IN ('resolve', 'decline')
                 THEN '已经处理，感谢反映。' ELSE '' END, '',
            CASE WHEN e.verb = 'rate' THEN jsonb_build_object('solved', a.solved,
                     'satisfaction', a.satisfaction, 'unreached', a.id % 30 = 0)
                 ELSE '{}' END,
            CASE WHEN e.seq = 1 THEN '' ELSE a.klass END,
            CASE WHEN e.seq = 1 AND a.klass <> '' THEN NULL ELSE a.category_id END,
            CASE WHEN e.seq < 3 THEN NULL ELSE a.unit_id END, a.area_id,
            least(a.moved_at, a.filed_at + (e.seq - 1) * interval '5 hours')
        FROM appeals_appeal a
        JOIN (
            SELECT status, string_to_array(verbs, ' ') AS verbs,
                   string_to_array(stages || status, ' ') AS stages
            FROM (VALUES
                ('filed', 'file', ''),
                ('sorted', 'file sort', 'filed '),
                ('assigned', 'file sort assign', 'filed sorted '),
                ('handling', 'file sort assign accept', 'filed sorted assigned '),
                ('waiting', 'file sort assign accept ask', 'filed sorted assigned handling '),
                ('resolved', 'file sort assign accept resolve',
                 'filed sorted assigned handling '),
                ('closed', 'file sort assign accept resolve rate close',
                 'filed sorted assigned handling resolved resolved '),
                ('merged', 'file sort assign merge', 'filed sorted assigned '),
                ('declined', 'file sort decline', 'filed sorted '),
                ('withdrawn', 'file sort withdraw', 'filed sorted ')
            ) AS path(status, verbs, stages)
        ) AS path ON path.status = a.status
        CROSS JOIN LATERAL unnest(path.verbs) WITH ORDINALITY AS e(verb, seq)
        """,
    ),
    (
        "versions",
        """
        UPDATE appeals_appeal SET version = CASE status
            WHEN 'sorted' THEN 2 WHEN 'assigned' THEN 3 WHEN 'handling' THEN 4
            WHEN 'waiting' THEN 5 WHEN 'resolved' THEN 5 WHEN 'closed' THEN 7
            WHEN 'merged' THEN 4 ELSE 3 END
        WHERE status <> 'filed'
        """,
    ),
    (
        "clocks",
        """
        INSERT INTO appeals_clock (
            appeal_id, kind, started_at, due_at, paused_at, stopped_at, minutes, next_at)
        SELECT given.*, extract(epoch FROM due_at - started_at) / 60, CASE
            WHEN stopped_at IS NULL AND paused_at IS NULL THEN appeals_next_chase(
                kind, extract(epoch FROM due_at - started_at)::float8 / 60, false, due_at, now())
            END
        FROM (
            SELECT a.id, k.kind, a.filed_at AS started_at, a.filed_at + k.due AS due_at,
                CASE WHEN a.status = 'waiting' AND k.kind = 'solve' THEN a.moved_at
                    END AS paused_at,
                -- With the event that stops it; the solving of a closed one is its fifth.
                CASE WHEN k.kind = 'receive' AND a.status <> 'filed'
                         THEN least(a.moved_at, a.filed_at + interval '5 hours')
                     WHEN k.kind = 'solve' AND a.status IN ('resolved', 'closed')
                         THEN least(a.moved_at, a.filed_at + interval '20 hours')
                     WHEN a.closed_at IS NOT NULL THEN a.closed_at END AS stopped_at
            FROM appeals_appeal a
            -- One in ten is received late, one in ten solved late.
            CROSS JOIN LATERAL (VALUES
                ('receive', CASE WHEN a.id % 10 = 0 THEN interval '2 hours'
                                 ELSE interval '6 hours' END),
                ('solve', CASE WHEN a.id % 10 = 1 AND a.closed_at IS NOT NULL
                                 THEN interval '19 hours'
                               ELSE interval '7 days' END)) AS k(kind, due)
            UNION ALL
            SELECT id, 'respond', filed_at, filed_at + interval '1 day', NULL, NULL
            FROM appeals_appeal WHERE status = 'assigned'
            UNION ALL
            SELECT id, 'feedback', moved_at, moved_at + interval '1 day', NULL, NULL
            FROM appeals_appeal WHERE status = 'resolved'
        ) AS given
        """,
    ),
    (
        "when each is due",
        """
        UPDATE appeals_appeal AS a SET due_at = c.due_at FROM (
            SELECT appeal_id, min(due_at) AS due_at FROM appeals_clock
            WHERE stopped_at IS NULL AND paused_at IS NULL GROUP BY appeal_id
        ) AS c WHERE c.appeal_id = a.id
        """,
    ),
    (
        "suggestions",
        """
        INSERT INTO triage_suggestion (
            appeal_id, category_id, category_confidence, klass, klass_confidence, area_id,
            area_confidence, urgency, urgency_confidence, why, source)
        SELECT id, coalesce(category_id, 'other'), 0.8, coalesce(nullif(klass, ''), 'opinion'),
            0.8, area_id, 0.9, urgency, 0.7, '["路灯"]', 'lexicon'
        FROM appeals_appeal
        """,
    ),
    (
        "search words",
        """
        INSERT INTO triage_words (appeal_id, vector, bands)
        SELECT i, t.words, t.bands FROM generate_series(1, $appeals) AS i
        JOIN bench_text t ON t.n = (abs(hashint8(i + 1000000007)::bigint) / 11) % $texts
        """,
    ),
    (
        "messages",
        """
        INSERT INTO intake_message (channel, external_id, raw, error, appeal_id, received_at)
        SELECT channel, 'bench-' || id, decode(repeat('5a', 300), 'hex'), '', id, filed_at
        FROM appeals_appeal
        """,
    ),
    ("sequences", "SELECT setval('appeals_appeal_id_seq', $appeals)"),
)
"""Name and statement of each step. All values derive from the appeal's number; `g` and `h` are its
hashes.
"""
