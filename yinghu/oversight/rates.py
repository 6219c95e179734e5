"""Rates: the single definition of each, counted in the database, and the cases behind each number.

A `Figure` is a number of cases with certain events in a period (days of the server). Each case
counts once per period: by its last rating, or by whether the event occurred. A `Rate` is made of
figures only. An event counts for the unit, category, area and class that the case had then; who may
see it (`scope`, an area's prefix) depends on where the case is now, as on the board, so that the
cases can be opened.
"""
# ruff: noqa: S608  (statements consist of constants of this file; everything else is a parameter)

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_noop as _

from yinghu.appeals.models import Category
from yinghu.appeals.states import Klass
from yinghu.oversight.periods import bounds
from yinghu.people.models import Unit
from yinghu.places.models import LENGTHS, Area

RATINGS: Final = """
SELECT DISTINCT ON (event.appeal_id) event.appeal_id, event.verb, event.facts,
       event.klass, event.category_id, event.unit_id, event.area_id
FROM appeals_event AS event
WHERE event.verb IN ('rate', 'no_answer') AND event.at >= %s AND event.at < %s
  AND event.to_status <> 'merged'
ORDER BY event.appeal_id, event.verb = 'rate' DESC, event.seq DESC
"""
"""The last rating of each case in the period, else an unanswered call. A resolved case stays with
its unit until it is rated, so a rating counts for the unit that resolved it. A rating of a merged
case counts for nobody, since the case has the unit that it had before; the master's people read it.
"""

WORK: Final = """
SELECT event.appeal_id, event.verb, event.from_status, event.facts,
       late.appeal_id IS NOT NULL AS late,
       event.klass, event.category_id, event.unit_id, event.area_id
FROM appeals_event AS event
LEFT JOIN (
    SELECT appeal_id, stopped_at FROM appeals_clock
    WHERE kind = 'solve' AND stopped_at IS NOT NULL AND stopped_at >= %s AND stopped_at < %s
      AND coalesce(paused_at, stopped_at) > due_at
) AS late ON event.verb IN ('answer', 'resolve')
    AND late.appeal_id = event.appeal_id AND late.stopped_at = event.at
WHERE event.verb IN (
        'answer', 'assign', 'escalate', 'extend', 'reopen', 'resolve', 'return', 'rule')
  AND event.at >= %s AND event.at < %s
"""
"""Events of work in the period. `late`: the solve clock that the event stopped had run out. A clock
stops at the moment of its event (`moving.move`).
"""

RAISED: Final = """
SELECT event.appeal_id, event.klass, event.category_id, before.unit_id, event.area_id
FROM appeals_event AS event
LEFT JOIN LATERAL (
    SELECT unit_id FROM appeals_event AS earlier
    WHERE earlier.appeal_id = event.appeal_id AND earlier.seq < event.seq
    ORDER BY earlier.seq DESC LIMIT 1
) AS before ON true
WHERE event.verb = 'escalate' AND event.at >= %s AND event.at < %s
"""
"""Cases raised in the period, by the unit from which they were taken."""

RECEIPTS: Final = """
SELECT clock.appeal_id, clock.late, stands.klass, stands.category_id, NULL::bigint AS unit_id,
       stands.area_id
FROM (
    SELECT appeal_id, coalesce(paused_at, stopped_at) > due_at AS late FROM appeals_clock
    WHERE kind = 'receive' AND stopped_at IS NOT NULL AND stopped_at >= %s AND stopped_at < %s
    UNION ALL
    SELECT appeal_id, true FROM appeals_clock
    WHERE kind = 'receive' AND stopped_at IS NULL AND paused_at IS NULL
      AND due_at >= %s AND due_at < %s AND due_at < statement_timestamp()
) AS clock
LEFT JOIN appeals_appeal AS stands ON stands.id = clock.appeal_id
"""
"""Receive clocks that stopped in the period, or ran out in it and still run. The desk receives, so
there is no unit yet; the other columns are the case's present ones.
"""

WHISTLES: Final = """
SELECT whistle.appeal_id, call.called, call.came, call.unit_id,
       stands.klass, stands.category_id, stands.area_id
FROM oversight_whistle AS whistle
JOIN LATERAL (
    SELECT true AS called, reported_at IS NOT NULL AS came, unit_id
    FROM oversight_summons WHERE whistle_id = whistle.id AND excused IS NOT TRUE
    UNION ALL SELECT false, false, whistle.unit_id
) AS call ON true
JOIN appeals_appeal AS stands ON stands.id = whistle.appeal_id
WHERE whistle.at >= %s AND whistle.at < %s
"""
"""Whistles of the period, for each unit called and not excused, and for the whistler. Used only to
open the cases: `whistle_figures` counts calls, not cases.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of cases: those with a row of `source` for which `where` holds."""

    name: str
    label: str
    source: str
    where: str


_RESOLVED: Final = "found.verb IN ('answer', 'resolve')"


def _rated(fact: str, condition: str) -> str:
    """The condition of ratings with a fact."""
    return f"found.verb = 'rate' AND found.facts->>'{fact}' {condition}"


FIGURES: Final[dict[str, Figure]] = {
    figure.name: figure
    for figure in (
        Figure("valid", _("有效回访"), RATINGS, "found.verb = 'rate'"),
        Figure("contacted", _("联系过的"), RATINGS, _rated("unreached", "IS DISTINCT FROM 'true'")),
        Figure("unreached", _("没有联系过的"), RATINGS, _rated("unreached", "= 'true'")),
        Figure("solved", _("解决了的"), RATINGS, _rated("solved", "= 'true'")),
        Figure("unsolved", _("没有解决的"), RATINGS, _rated("solved", "IS DISTINCT FROM 'true'")),
        Figure("satisfied", _("满意的"), RATINGS, _rated("satisfaction", "= 'yes'")),
        Figure("fairly", _("基本满意的"), RATINGS, _rated("satisfaction", "= 'fairly'")),
        Figure("unsatisfied", _("不满意的"), RATINGS, _rated("satisfaction", "= 'no'")),
        Figure("vain", _("打了没有接通的"), RATINGS, "found.verb = 'no_answer'"),
        Figure("received", _("接收的"), RECEIPTS, "true"),
        Figure("received_late", _("接收超时的"), RECEIPTS, "found.late"),
        Figure("assigned", _("派出的"), WORK, "found.verb IN ('assign', 'escalate')"),
        Figure("returned", _("申请退单的"), WORK, "found.verb = 'return'"),
        Figure("resolved", _("办结的"), WORK, _RESOLVED),
        Figure("resolved_late", _("办结超时的"), WORK, f"{_RESOLVED} AND found.late"),
        Figure(
            "redone",
            _("办结后重办的"),
            WORK,
            "found.verb = 'reopen' AND found.from_status IN ('resolved', 'closed')",
        ),
        Figure(
            "extended",
            _("延期的"),
            WORK,
            "(found.verb = 'extend' AND coalesce(found.facts->>'asked', '') <> 'true')"
            " OR (found.verb = 'rule' AND found.facts->>'of' = 'extend'"
            " AND found.facts->>'agree' = 'true')",
        ),
        Figure("raised", _("提级的"), RAISED, "true"),
        Figure("whistled", _("吹过哨的"), WHISTLES, "NOT found.called"),
        Figure("called", _("被吹哨叫到的"), WHISTLES, "found.called"),
        Figure("came", _("被叫到并报到的"), WHISTLES, "found.came"),
    )
}
"""All numbers of cases, by name.

- valid: callbacks that count, each case by its last rating, by the requester or by an operator's
  call. A case called in vain and then closed has no rating.
- contacted: the unit has been in touch; all except those rated as never contacted (`unreached`).
- received: its receive clock stopped, or ran out and still runs; `received_late` of these.
- assigned: sent to a unit, by rule, by hand or by raising; `returned`: a unit asked to return it,
  whatever the ruling.
- resolved: a unit reported it done, or the desk answered; `resolved_late`: after the solve clock
  had run out. `redone`: reopened after that.
- extended: more time was given, by the desk itself or by a ruling. `raised`: to a level above,
  counted for the unit that had it before.
- whistled: a unit whistled for others; called: it was called, and not excused; came: it was called
  and reported in.
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """The weighted sum of `parts` as a share of `of`; with `others`, its complement."""

    name: str
    label: str
    parts: tuple[tuple[str, float], ...]
    of: str
    means: str
    others: bool = False
    good: bool = True
    """Is a higher rate better?"""


FAIRLY: Final = 0.9
"""Weight of "fairly satisfied" relative to "satisfied"."""

RATES: Final[dict[str, Rate]] = {
    rate.name: rate
    for rate in (
        Rate(
            "responded",
            _("响应率"),
            (("contacted", 1),),
            "valid",
            _("单位联系过诉求人的 ÷ 有效回访"),
        ),
        Rate("solved", _("解决率"), (("solved", 1),), "valid", _("解决了的 ÷ 有效回访")),
        Rate(
            "satisfied",
            _("满意率"),
            (("satisfied", 1), ("fairly", FAIRLY)),
            "valid",
            _("（满意 + 0.9 × 基本满意）÷ 有效回访"),
        ),
        Rate(
            "received_in_time",
            _("按时接收率"),
            (("received_late", 1),),
            "received",
            _("没有超时的 ÷ 接收的（含到期还没有接收的）；接收由平台做，不算到单位"),
            others=True,
        ),
        Rate(
            "resolved_in_time",
            _("按时办结率"),
            (("resolved_late", 1),),
            "resolved",
            _("没有超过解决时限的 ÷ 办结的"),
            others=True,
        ),
        Rate(
            "returned",
            _("退单率"),
            (("returned", 1),),
            "assigned",
            _("单位申请退单的 ÷ 派出的"),
            good=False,
        ),
        Rate(
            "redone",
            _("重办率"),
            (("redone", 1),),
            "resolved",
            _("办结后又重办的 ÷ 办结的"),
            good=False,
        ),
    )
}
"""All rates except the overall one. Responded, solved and satisfied are the three rates by which
Beijing judges the handling of its 12345 appeals (接诉即办), with its weight `FAIRLY`; on-time
receipt and resolution, returns and redos are published by other cities' hotlines.
"""

OVERALL: Final = (("responded", 0.1), ("solved", 0.5), ("satisfied", 0.4))
"""The overall score: 0.1 responded + 0.5 solved + 0.4 satisfied, as Beijing weighs them."""
OVERALL_MEANS: Final = _("0.1 × 响应率 + 0.5 × 解决率 + 0.4 × 满意率")

DIMENSIONS: Final[dict[str, str]] = {
    "unit": "coalesce(found.unit_id::text, '')",
    "area": "left(coalesce(found.area_id, ''), %s)",
    "category": "coalesce(found.category_id, '')",
    "channel": "appeal.channel",
    "klass": "found.klass",
}
"""Dimensions of the lines, with the SQL key of a line; "" for cases that have none yet."""


@dataclass(slots=True)
class RatesLine:
    """Figures of one line, except whistles; `key` is its code, "" for cases that have none yet."""

    key: str = ""
    name: str = ""
    name_en: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, figure: str) -> int:
        return self.counts.get(figure, 0)

    def rate(self, name: str) -> float | None:
        """Return a rate of RATES, or "overall", from 0 to 1; None if the divisor is 0. A rate of
        work done in a period over cases sent in it may exceed 1.
        """
        if name == "overall":
            parts = [(self.rate(each), weight) for each, weight in OVERALL]
            known = [(share, weight) for share, weight in parts if share is not None]
            whole = sum(share * weight for share, weight in known)
            return whole if len(known) == len(parts) else None
        rate = RATES[name]
        if not self[rate.of]:
            return None
        share = sum(self[part] * weight for part, weight in rate.parts) / self[rate.of]
        return 1 - share if rate.others else share


@dataclass(slots=True)
class RatesTable:
    """The figures of a period: of all, and line by line of one dimension, if any."""

    whole: RatesLine
    lines: list[RatesLine]


def rates(
    by: str = "", since: date | None = None, until: date | None = None, scope: str = ""
) -> RatesTable:
    """Return the figures of the days `since` to `until` (None: unbounded) under the prefix `scope`.

    Areas are the towns, or the level below a scope that is one. KeyError for an unknown dimension.
    """
    found: dict[str, RatesLine] = {}
    whole = RatesLine()
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the statement takes longer than running it; 64 MB is enough for a million cases.
        cursor.execute(
            "SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)"
        )
        cursor.execute(*_statement(by, since, until, scope))
        for is_whole, key, does, n in cursor.fetchall():
            lines = [whole] if is_whole else [found.setdefault(key, RatesLine(key))]
            if by in _ONE_EACH:
                lines.append(whole)
            for bit, figure in enumerate(FIGURES):
                if does >> bit & 1:
                    for line in lines:
                        line.counts[figure] = line[figure] + n
    lines = list(found.values()) if by else []
    _name(by, lines)
    return RatesTable(whole, lines)


_ONE_EACH: Final = ("", "channel")
"""Dimensions in which each case has one line: the whole is then the sum of the lines."""


def _statement(
    by: str, since: date | None, until: date | None, scope: str
) -> tuple[str, list[Any]]:
    """-> (is it the whole, key, a bit for each of FIGURES, number of cases). Each case occurs once
    per line, with a bit for each figure that counts it; equal ones are then counted.
    """
    key, keyed = _key("" if by in _ONE_EACH else by, scope)
    parts, given = [], []
    for source in (RATINGS, WORK, RAISED, RECEIPTS):
        rows, bounds = _rows(source, since, until, scope)
        bits = (
            f"((({each.where}) IS TRUE)::int << {n})"
            for n, each in enumerate(FIGURES.values())
            if each.source == source
        )
        parts.append(f"SELECT found.appeal_id, {key} AS key, {' | '.join(bits)} AS does {rows}")
        given += [*keyed, *bounds]
    whole = """
        UNION ALL
        SELECT true, '', every.does, count(*) FROM (
            SELECT bit_or(does) AS does FROM one GROUP BY appeal_id
        ) AS every
        GROUP BY 3
    """
    # A case has one channel, so it is looked up after grouping by case.
    channel = "LEFT JOIN appeals_appeal AS appeal ON appeal.id = one.appeal_id"
    text = f"""
        WITH one AS MATERIALIZED (
            SELECT appeal_id, key, bit_or(does) AS does FROM ({" UNION ALL ".join(parts)}) AS each
            GROUP BY 1, 2
        )
        SELECT false, {DIMENSIONS[by] if by == "channel" else "one.key"}, one.does, count(*)
        FROM one {channel if by == "channel" else ""} GROUP BY 2, 3
        {"" if by in _ONE_EACH else whole}
    """
    return text, given


def _rows(source: str, since: date | None, until: date | None, scope: str) -> tuple[str, list[Any]]:
    begin, end = bounds(since, until)
    text = f"FROM ({source}) AS found LEFT JOIN appeals_appeal AS appeal"
    text += " ON appeal.id = found.appeal_id"
    given: list[Any] = [begin, end] * (source.count("%s") // 2)
    if scope:
        text += " WHERE appeal.area_id LIKE %s"
        given.append(connection.ops.prep_for_like_query(scope) + "%")
    return text, given


def _key(by: str, scope: str) -> tuple[str, list[Any]]:
    if not by:
        return "''", []
    # Areas: the next level below the scope, or towns.
    longer = (length for length in LENGTHS[1:] if length > len(scope))
    return DIMENSIONS[by], [next(longer, LENGTHS[-1])] if by == "area" else []


def ids_behind(
    figure: str,
    by: str = "",
    key: str = "",
    since: date | None = None,
    until: date | None = None,
    scope: str = "",
) -> RawSQL:
    """Select the ids of a figure's cases, of all or of one line. KeyError for unknown names."""
    counted = FIGURES[figure]
    of, keyed = _key(by, scope)
    rows, given = _rows(counted.source, since, until, scope)
    text = f"SELECT found.appeal_id {rows} {'AND' if scope else 'WHERE'} ({counted.where})"
    if by:
        if by == "unit" and key:
            unit = Unit.objects.filter(code=key).values_list("pk", flat=True).first()
            key = str(unit or 0)
        text += f" AND {of} = %s"
        given += [*keyed, key]
    return RawSQL(text, given)  # noqa: S611  # constants of this file; all else is a parameter


def _name(by: str, lines: list[RatesLine]) -> None:
    """Set the names of all lines, and the codes of units; one query."""
    models: dict[str, Any] = {"unit": Unit, "area": Area, "category": Category}
    named: dict[str, Any] = {}
    if by in models:
        found = models[by].objects.filter(pk__in=[line.key for line in lines if line.key])
        named = {str(row.pk): row for row in found.only("code", "name", "name_en")}
    for line in lines:
        thing = named.get(line.key)
        if thing is not None:
            line.name, line.name_en = thing.name, thing.name_en
            line.key = thing.code
        elif by == "klass" and line.key:
            line.name = Klass(line.key).label
        else:
            line.name = line.key
