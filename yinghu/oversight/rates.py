"""The rates: the one definition of each, counted in the database, and the cases behind each number.

A `Figure` is a number of cases: those of which something was said or done in a period (days of the
server). Whatever is said twice of one case in a period counts once: of its ratings the last one, of
all else that it happened. A `Rate` is made of figures and of nothing else. An event counts for the
unit, category, area and class that the case had then; who may see it (`scope`, an area's prefix)
goes by where the case is now, as on the board, so that the cases can be opened.
"""
# ruff: noqa: S608  (statements are made of constants of this file; all else is a parameter)

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from yinghu.appeals.models import Appeal, Category
from yinghu.appeals.states import Klass
from yinghu.oversight.periods import bounds
from yinghu.people.models import Unit
from yinghu.places.models import LENGTHS, Area


def _(label: str) -> str:
    """Marks a label for the translators; it is translated where it is shown."""
    return label


RATINGS: Final = """
SELECT DISTINCT ON (event.appeal_id) event.appeal_id, event.verb, event.facts,
       event.klass, event.category_id, event.unit_id, event.area_id
FROM appeals_event AS event
WHERE event.verb IN ('rate', 'no_answer') AND event.at >= %s AND event.at < %s
ORDER BY event.appeal_id, event.verb = 'rate' DESC, event.seq DESC
"""
"""Of each case its last rating in the period; a call that nobody took where there is none. From
when it is resolved until it is rated a case stays with its unit: a rating counts for who resolved.
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
"""What was done in the period. `late`: the solve clock that it stopped had run out. A clock is
stopped in the moment of its event (`moving.move`).
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
"""What was raised in the period, by the unit from which it was taken."""

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
"""Receive clocks that stopped in the period, and those that ran out in it and run on. The desk
receives: no unit has the case yet, and of the rest a clock knows what is so now.
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
"""Whistles of the period: for each unit called that was not excused, and for the whistler. Only to
open the cases: calls are counted, not cases, by `whistle_figures`.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of cases: those with a row of `source` of which `where` holds."""

    name: str
    label: str
    source: str
    where: str


FIGURES: Final[dict[str, Figure]] = {
    figure.name: figure
    for figure in (
        Figure("valid", _("有效回访"), RATINGS, "found.verb = 'rate'"),
        Figure(
            "contacted",
            _("联系过的"),
            RATINGS,
            "found.verb = 'rate' AND coalesce(found.facts->>'unreached', '') <> 'true'",
        ),
        Figure(
            "unreached",
            _("没有联系过的"),
            RATINGS,
            "found.verb = 'rate' AND found.facts->>'unreached' = 'true'",
        ),
        Figure(
            "solved",
            _("解决了的"),
            RATINGS,
            "found.verb = 'rate' AND found.facts->>'solved' = 'true'",
        ),
        Figure(
            "unsolved",
            _("没有解决的"),
            RATINGS,
            "found.verb = 'rate' AND coalesce(found.facts->>'solved', '') <> 'true'",
        ),
        Figure(
            "satisfied",
            _("满意的"),
            RATINGS,
            "found.verb = 'rate' AND found.facts->>'satisfaction' = 'yes'",
        ),
        Figure(
            "fairly",
            _("基本满意的"),
            RATINGS,
            "found.verb = 'rate' AND found.facts->>'satisfaction' = 'fairly'",
        ),
        Figure(
            "unsatisfied",
            _("不满意的"),
            RATINGS,
            "found.verb = 'rate' AND found.facts->>'satisfaction' = 'no'",
        ),
        Figure("vain", _("打了没有接通的"), RATINGS, "found.verb = 'no_answer'"),
        Figure("received", _("接收的"), RECEIPTS, "true"),
        Figure("received_late", _("接收超时的"), RECEIPTS, "found.late"),
        Figure("assigned", _("派出的"), WORK, "found.verb IN ('assign', 'escalate')"),
        Figure("returned", _("申请退单的"), WORK, "found.verb = 'return'"),
        Figure("resolved", _("办结的"), WORK, "found.verb IN ('answer', 'resolve')"),
        Figure(
            "resolved_late",
            _("办结超时的"),
            WORK,
            "found.verb IN ('answer', 'resolve') AND found.late",
        ),
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

- valid: callbacks that count, each case by its last rating: its requester's own or an operator's
  call. A case tried in vain and then closed has no rating, and is none.
- contacted: the unit has been in touch; all but those that say it never was (`unreached`).
- received: its receive clock stopped, or ran out and runs on; `received_late` of these.
- assigned: sent to a unit, by rule, by hand or by raising; `returned`: a unit asked to give it
  back, whatever was ruled.
- resolved: a unit said that it is done, or the desk answered; `resolved_late`: when the solve clock
  had run out. `redone`: taken up again after that.
- extended: more time was given, by the desk itself or by a ruling. `raised`: to a level above; it
  counts for the unit that had it before.
- whistled: a unit whistled for others; called: it was called, and not excused; came: it was called
  and reported in.
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `of`: the weighted sum of `parts`, or all but these where `others`."""

    name: str
    label: str
    parts: tuple[tuple[str, float], ...]
    of: str
    means: str
    others: bool = False
    good: bool = True
    """Whether more is better."""


FAIRLY: Final = 0.9
"""What "fairly satisfied" weighs beside "satisfied"."""

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
"""All rates but the overall one. Responded, solved and satisfied are the three rates by which
Beijing judges how its 12345 appeals are dealt with (接诉即办), with its weight of `FAIRLY`;
on-time receipt and resolution, returns and redos are what other cities' hotlines publish.
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
"""By what the cases can be told apart, with the key of a line; "" is what has none yet."""


@dataclass(slots=True)
class Line:
    """The figures of one unit, area, category, channel or class, or of all; but those of whistles.

    `key` is its code, "" for what has none yet. A channel's name is its code.
    """

    key: str = ""
    name: str = ""
    name_en: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, figure: str) -> int:
        return self.counts.get(figure, 0)

    def rate(self, name: str) -> float | None:
        """A rate of RATES, or "overall", from 0 to 1; None where there is nothing to divide by. A
        rate of what was done in a period over what was sent in it may exceed 1.
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
class Table:
    """The figures of a period: of all, and line by line of one dimension ("" has no lines)."""

    by: str
    whole: Line
    lines: list[Line]


def rates(
    by: str = "", since: date | None = None, until: date | None = None, scope: str = ""
) -> Table:
    """The figures from day `since` to day `until` (None is without end), under the prefix `scope`.

    Areas are the towns, or what lies next under a scope that is one. KeyError for no dimension.
    """
    found: dict[str, Line] = {}
    whole = Line()
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the statement takes longer than running it; a million cases fit in this.
        cursor.execute(
            "SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)"
        )
        cursor.execute(*_statement(by, since, until, scope))
        for is_whole, key, does, n in cursor.fetchall():
            lines = [whole] if is_whole else [found.setdefault(key, Line(key))]
            if by in _ONE_EACH:
                lines.append(whole)
            for bit, figure in enumerate(FIGURES):
                if does >> bit & 1:
                    for line in lines:
                        line.counts[figure] = line[figure] + n
    lines = list(found.values()) if by else []
    _name(by, lines)
    return Table(by, whole, lines)


_ONE_EACH: Final = ("", "channel")
"""Dimensions in which a case stands in one line only: the whole is then the sum of the lines."""


def _statement(
    by: str, since: date | None, until: date | None, scope: str
) -> tuple[str, list[Any]]:
    """-> (is it of the whole, key, a bit for each of FIGURES, how many cases): each case once for
    each line, with the figures that count it; then how many are alike.
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
    # A case has one channel: looking it up can wait until each case is there once.
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
    """FROM and WHERE of a source's rows in a period, under a scope."""
    begin, end = bounds(since, until)
    text = f"FROM ({source}) AS found LEFT JOIN appeals_appeal AS appeal"
    text += " ON appeal.id = found.appeal_id"
    given: list[Any] = [begin, end] * (source.count("%s") // 2)
    if scope:
        return f"{text} WHERE appeal.area_id LIKE %s", [*given, _prefix(scope)]
    return text, given


def _key(by: str, scope: str) -> tuple[str, list[Any]]:
    """The key of a row's line, with its parameters."""
    if not by:
        return "''", []
    # What lies next under a town that is all there is; otherwise towns.
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
    """The ids of the cases that a figure counts, of all or of the line `key` of a dimension, by the
    very text that counts them. KeyError for a figure or a dimension that there is not.
    """
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
    # Constants of this file; whatever comes from outside is a parameter.
    return RawSQL(text, given)  # noqa: S611


def behind(
    figure: str,
    by: str = "",
    key: str = "",
    since: date | None = None,
    until: date | None = None,
    scope: str = "",
) -> QuerySet[Appeal]:
    """The cases of `ids_behind`."""
    return Appeal.objects.filter(pk__in=ids_behind(figure, by, key, since, until, scope))


def _prefix(scope: str) -> str:
    """`scope` as a LIKE pattern; a code's own signs mean themselves."""
    for sign in "\\%_":
        scope = scope.replace(sign, f"\\{sign}")
    return scope + "%"


def _name(by: str, lines: list[Line]) -> None:
    """Give every line its name, and a unit's line its code; one query."""
    keys = [line.key for line in lines if line.key]
    named: dict[str, Any] = {}
    match by:
        case "unit":
            named = {str(unit.pk): unit for unit in Unit.objects.filter(pk__in=keys)}
        case "area":
            named = dict(Area.objects.defer("outline").in_bulk(keys))
        case "category":
            named = dict(Category.objects.in_bulk(keys))
    for line in lines:
        thing = named.get(line.key)
        if thing is not None:
            line.name, line.name_en = thing.name, thing.name_en
            line.key = thing.code
        elif by == "klass" and line.key:
            line.name = Klass(line.key).label
        else:
            line.name = line.key
