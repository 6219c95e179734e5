"""Rates and their figures; each figure equals the list of cases that it opens."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.cast import Cast, file_one, requester, taken_milk
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import callback
from yinghu.oversight.models import Summons, Whistle
from yinghu.oversight.periods import PERIODS, period
from yinghu.oversight.rates import (
    DIMENSIONS,
    FIGURES,
    RATES,
    WHISTLES,
    RatesLine,
    ids_behind,
    rates,
)
from yinghu.people.models import Unit

pytestmark = pytest.mark.django_db
FUTIAN = "330782008"


def resolved(city: Cast, **given: Any) -> Appeal:
    appeal = taken_milk(city)
    if given:
        Appeal.objects.filter(pk=appeal.pk).update(**given)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    appeal.refresh_from_db()
    return appeal


def behind(*asked: Any, **limits: Any) -> QuerySet[Appeal]:
    return Appeal.objects.filter(pk__in=ids_behind(*asked, **limits))


def line(by: str, key: str) -> RatesLine:
    return next(each for each in rates(by).lines if each.key == key)


def test_rates_are_computed_over_valid_callbacks(city: Cast) -> None:
    said = [
        (True, "yes", False),
        (True, "fairly", False),
        (True, "no", True),
        (False, "no", True),
    ]
    for solved, satisfaction, unreached in said:
        appeal = resolved(city)
        closing_actions.rate(
            appeal.pk,
            city.operator,
            solved=solved,
            satisfaction=satisfaction,
            unreached=unreached,
        )
    milk = line("unit", "milk")
    assert [milk[name] for name in ("valid", "contacted", "solved", "unsolved")] == [4, 2, 3, 1]
    assert [milk[name] for name in ("satisfied", "fairly", "unsatisfied")] == [1, 1, 2]
    assert milk.rate("responded") == pytest.approx(2 / 4)
    assert milk.rate("solved") == pytest.approx(3 / 4)
    assert milk.rate("satisfied") == pytest.approx((1 + 0.9) / 4)
    assert milk.rate("overall") == pytest.approx(0.1 * 0.5 + 0.5 * 0.75 + 0.4 * 0.475)
    assert rates().whole.counts == {
        **rates("category").whole.counts,
        "valid": 4,
    }


def test_only_the_last_rating_of_a_case_counts(city: Cast) -> None:
    appeal = resolved(city)
    closing_actions.rate(appeal.pk, city.operator, solved=False, satisfaction="no", unreached=True)
    closing_actions.rate(appeal.pk, requester(appeal), solved=True, satisfaction="yes")
    whole = rates().whole
    assert [whole[name] for name in ("valid", "solved", "unsolved", "unreached")] == [1, 1, 0, 0]
    assert list(behind("solved")) == [appeal]
    assert not behind("unsolved").exists()


def test_case_closed_after_unanswered_calls_is_no_valid_callback(city: Cast) -> None:
    appeal = resolved(city)
    for _call in range(3):
        callback.no_answer(appeal.pk, city.operator)
    closing_actions.close(appeal.pk, city.operator)
    whole = rates().whole
    assert (whole["valid"], whole["vain"]) == (0, 1)
    assert whole.rate("solved") is whole.rate("overall") is None
    # A later rating by the requester still counts.
    closing_actions.rate(appeal.pk, requester(appeal), solved=True, satisfaction="yes")
    whole = rates().whole
    assert (whole["valid"], whole["vain"]) == (1, 0)


def test_late_figures_follow_the_clocks(city: Cast) -> None:
    past = timezone.now() - timedelta(hours=1)
    on_time, late = taken_milk(city), taken_milk(city)
    Clock.objects.filter(appeal=late, kind="solve").update(due_at=past)
    waiting, running = file_one(), file_one()
    Clock.objects.filter(appeal__in=(waiting, running), kind="receive").update(due_at=past)
    # A clock that was paused in time is not late.
    Clock.objects.filter(appeal=waiting, kind="receive").update(paused_at=past - timedelta(hours=1))
    for appeal in (on_time, late):
        handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    whole = rates().whole
    assert (whole["resolved"], whole["resolved_late"]) == (2, 1)
    assert whole.rate("resolved_in_time") == pytest.approx(0.5)
    assert (whole["received"], whole["received_late"]) == (3, 1)
    assert whole.rate("received_in_time") == pytest.approx(2 / 3)
    assert list(behind("resolved_late")) == [late]
    assert list(behind("received_late")) == [running]
    # Cases are received by the desk, not by a unit.
    assert line("unit", "milk")["received"] == 0
    assert line("unit", "")["received"] == 3
    closing_actions.withdraw(waiting.pk, requester(waiting))
    assert rates().whole["received_late"] == 1


def test_returns_reopenings_extensions_and_escalations(city: Cast) -> None:
    back, more, raised, again = (taken_milk(city) for _n in range(4))
    actions.return_(back.pk, city.milk, why="不归我们")
    until = timezone.now() + timedelta(days=20)
    handling_actions.extend(more.pk, city.milk, until=until, why="等货")
    assert rates().whole["extended"] == 0  # a request does not count until it is agreed to
    oversight_actions.rule(more.pk, city.dispatcher, agree=True, why="可以")
    oversight_actions.escalate(raised.pk, city.milk, why="办不了")
    handling_actions.resolve(again.pk, city.milk, words="送到了")
    closing_actions.reopen(again.pk, requester(again), words="是空罐子")
    milk = line("unit", "milk")
    counted = [milk[n] for n in ("assigned", "returned", "extended", "resolved", "redone")]
    assert counted == [4, 1, 1, 1, 1]
    assert milk.rate("returned") == pytest.approx(1 / 4)
    assert milk.rate("redone") == pytest.approx(1)
    # An escalation counts for the unit that had the case; in the total it is one of four cases.
    assert milk["raised"] == 1
    whole = rates("unit").whole
    assert (whole["raised"], whole["assigned"]) == (1, 4)
    raised.refresh_from_db()
    assert raised.unit is not None
    assert line("unit", raised.unit.code)["raised"] == 0


def test_figures_count_for_the_unit_and_area_at_the_time(city: Cast) -> None:
    appeal = resolved(city, area=FUTIAN)
    closing_actions.rate(appeal.pk, requester(appeal), solved=False, satisfaction="no")
    closing_actions.reopen(appeal.pk, city.operator, words="没有解决")
    actions.assign(appeal.pk, city.dispatcher, unit="food")
    assert line("unit", "milk")["unsolved"] == 1
    assert all(each.key != "food" or not each["valid"] for each in rates("unit").lines)
    assert line("area", FUTIAN)["unsolved"] == 1


def test_periods_are_local_days() -> None:
    today = timezone.localdate()
    assert period("today") == (today, today)
    assert period("week") == (today - timedelta(days=6), today)
    assert period("days") == (today - timedelta(days=29), today)
    assert period("month") == (today.replace(day=1), today)
    first, last = period("last")
    assert first is not None
    assert last is not None
    assert (first.day, last + timedelta(days=1)) == (1, today.replace(day=1))
    assert period("all") == (None, None)
    assert set(PERIODS) == {"today", "week", "days", "month", "last", "all"}


def test_rates_table_takes_five_queries(
    city: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    resolved(city)
    with django_assert_num_queries(5):  # the statement in its savepoint, settings, names
        rates("unit")


# ---- A random history, counted again in Python

DAY = date(2026, 3, 10)
"""The second of three days; its midnights bound the periods asked for."""

VERBS = (
    *("file", "sort", "answer", "assign", "accept", "return", "rule", "extend", "escalate"),
    *("resolve", "rate", "no_answer", "reopen", "close"),
)
AREAS = (None, "330782", FUTIAN, f"{FUTIAN}001", "330782100")


def _moment(chance: random.Random) -> datetime:
    """A random moment of the three days, often a midnight."""
    day = DAY + timedelta(days=chance.randint(-1, 1))
    at = time() if chance.random() < 0.2 else time(chance.randint(0, 23), chance.randint(0, 59))
    return timezone.make_aware(datetime.combine(day, at))


def _facts(chance: random.Random, verb: str) -> dict[str, Any]:
    match verb:
        case "rate":
            said = {
                "solved": chance.random() < 0.6,
                "satisfaction": chance.choice(["yes", "fairly", "no"]),
            }
            return said | ({"unreached": True} if chance.random() < 0.3 else {})
        case "rule":
            return {"of": chance.choice(["extend", "return"]), "agree": chance.random() < 0.5}
        case "extend":
            return {"asked": True} if chance.random() < 0.5 else {}
        case _:
            return {}


def invent(seed: int, cases: int = 40) -> None:
    """Create random events and clocks within three days, not necessarily a plausible history."""
    chance = random.Random(seed)
    units = [None, *Unit.objects.filter(code__in=("milk", "food")).values_list("pk", flat=True)]
    for _case in range(cases):
        appeal = file_one(channel=chance.choice(["web", "hotline"]), phone="")
        Clock.objects.filter(appeal=appeal).delete()
        Appeal.objects.filter(pk=appeal.pk).update(area=chance.choice(AREAS))
        events = []
        for seq in range(2, chance.randint(3, 12)):
            verb = chance.choice(VERBS)
            events.append(
                Event(
                    appeal=appeal,
                    seq=seq,
                    verb=verb,
                    from_status=chance.choice(["filed", "handling", "resolved", "closed"]),
                    to_status="handling",
                    actor_kind="user",
                    facts=_facts(chance, verb),
                    klass=chance.choice(["", "need", "policy"]),
                    category_id=chance.choice([None, "milk", "food"]),
                    unit_id=chance.choice(units),
                    area_id=chance.choice(AREAS),
                    at=_moment(chance),
                )
            )
        Event.objects.bulk_create(events)
        if chance.random() < 0.4:
            _whistled(chance, events[0], [unit for unit in units if unit])
        for kind in ("receive", "solve"):
            stopped = chance.choice([None, *(event.at for event in events)])
            paused = chance.choice([None, None, _moment(chance)])
            due = _moment(chance)
            Clock.objects.create(
                appeal=appeal, kind=kind, due_at=due, paused_at=paused, stopped_at=stopped
            )


def _whistled(chance: random.Random, event: Event, units: list[int]) -> None:
    whistle = Whistle.objects.create(
        appeal=event.appeal,
        event=event,
        unit_id=chance.choice(units),
        tier=4,
        occasion="people",
        place="村口",
        until=_moment(chance),
        at=_moment(chance),
    )
    for unit in chance.sample(units, chance.randint(1, len(units))):
        Summons.objects.create(
            whistle=whistle,
            unit_id=unit,
            reported_at=chance.choice([None, _moment(chance)]),
            excused=chance.choice([None, False, True]),
        )


def _said(event: Event, late: bool) -> Iterator[str]:
    """The figures that an event counts in, by their written definitions."""
    facts, verb = event.facts, event.verb
    if verb in ("assign", "escalate"):
        yield "assigned"
    if verb == "return":
        yield "returned"
    if verb in ("answer", "resolve"):
        yield "resolved"
        if late:
            yield "resolved_late"
    if verb == "reopen" and event.from_status in ("resolved", "closed"):
        yield "redone"
    if (verb == "extend" and not facts.get("asked")) or (
        verb == "rule" and facts["of"] == "extend" and facts["agree"]
    ):
        yield "extended"


def _rated(event: Event) -> Iterator[str]:
    if event.verb == "no_answer":
        yield "vain"
        return
    yield "valid"
    yield "unreached" if event.facts.get("unreached") else "contacted"
    yield "solved" if event.facts["solved"] else "unsolved"
    yield {"yes": "satisfied", "fairly": "fairly", "no": "unsatisfied"}[event.facts["satisfaction"]]


def _is_late(clock: Clock) -> bool:
    stopped = clock.paused_at or clock.stopped_at
    return stopped is not None and stopped > clock.due_at


def counted(
    by: str, since: date | None, until: date | None, scope: str
) -> dict[tuple[str, str], set[int]]:
    """Cases of each (figure, key of the line or "*" for the total), counted one by one."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    units = dict(Unit.objects.values_list("pk", "code"))
    length = 12 if len(scope) >= 9 else 9

    def within(at: datetime) -> bool:
        day = timezone.localdate(at)
        return (since is None or day >= since) and (until is None or day <= until)

    appeals = Appeal.objects.filter(area__code__startswith=scope) if scope else Appeal.objects.all()
    for appeal in appeals.prefetch_related("clocks", "events", "whistles__summons"):
        clock = {each.kind: each for each in appeal.clocks.all()}

        def key_of(thing: Any, unit: int | None, appeal: Appeal = appeal) -> str:
            keys = {
                "": "",
                "unit": units.get(unit or 0, ""),
                "area": (thing.area_id or "")[:length],
                "category": thing.category_id or "",
                "channel": appeal.channel,
                "klass": thing.klass,
            }
            return str(keys[by])

        def add(figure: str, key: str, appeal: Appeal = appeal) -> None:
            found[figure, key].add(appeal.pk)
            found[figure, "*"].add(appeal.pk)

        solve, receive = clock["solve"], clock["receive"]
        story = sorted(appeal.events.all(), key=lambda event: event.seq)
        events = [event for event in story if within(event.at)]
        for before, event in pairwise([None, *story]):
            if event and event.verb == "escalate" and within(event.at):
                add("raised", key_of(event, before.unit_id if before else None))
        for event in events:
            late = solve.stopped_at == event.at and _is_late(solve)
            for figure in _said(event, late):
                add(figure, key_of(event, event.unit_id))
        ratings = [event for event in events if event.verb == "rate"]
        calls = [event for event in events if event.verb == "no_answer"]
        for event in (ratings or calls)[-1:]:
            for figure in _rated(event):
                add(figure, key_of(event, event.unit_id))
        for whistle in appeal.whistles.all():
            if within(whistle.at):
                add("whistled", key_of(appeal, whistle.unit_id))
                for call in whistle.summons.all():
                    if call.excused:
                        continue
                    add("called", key_of(appeal, call.unit_id))
                    if call.reported_at:
                        add("came", key_of(appeal, call.unit_id))
        out = receive.stopped_at is None and receive.paused_at is None
        if out and receive.due_at < timezone.now() and within(receive.due_at):
            add("received", key_of(appeal, None))
            add("received_late", key_of(appeal, None))
        elif receive.stopped_at and within(receive.stopped_at):
            add("received", key_of(appeal, None))
            if _is_late(receive):
                add("received_late", key_of(appeal, None))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_each_figure_is_the_number_of_cases_in_its_list(city: Cast, seed: int) -> None:
    """All dimensions share one test because creating the history is slow."""
    invent(seed)
    spans = [(None, None), (DAY, DAY), (DAY, None), (None, DAY - timedelta(days=1))]
    views = [(since, until, "") for since, until in spans]
    if seed == 2:
        views = [(None, None, "330782"), (DAY, DAY, FUTIAN)]
    for by in ("", *DIMENSIONS):
        seen: set[str] = set()
        for since, until, scope in views:
            expected = counted(by, since, until, scope)
            table = rates(by, since, until, scope)
            told = {
                (figure, each.key): each[figure]
                for each in table.lines
                for figure in FIGURES
                if each[figure]
            }
            told |= {(f, "*"): table.whole[f] for f in FIGURES if table.whole[f]}
            keyed = {at: len(cases) for at, cases in expected.items() if by or at[1] == "*"}
            tabled = {at: n for at, n in keyed.items() if FIGURES[at[0]].source != WHISTLES}
            assert told == tabled, (by, since, until, scope)
            for figure, key in keyed:
                asked = ("", "") if key == "*" else (by, key)
                listed = behind(figure, *asked, since, until, scope)
                assert set(listed.values_list("pk", flat=True)) == expected[figure, key]
                seen.add(figure)
        assert seen == set(FIGURES), by


def test_unknown_keys_have_no_cases_and_unknown_names_raise(city: Cast) -> None:
    resolved(city)
    assert not behind("resolved", "unit", "nobody").exists()
    assert not behind("resolved", scope="3307_2").exists()
    assert not behind("resolved", "category", "' OR true --").exists()
    assert rates("unit", scope="%").whole.counts == {}
    for bad in (lambda: behind("none"), lambda: behind("valid", "none"), lambda: rates("none")):
        with pytest.raises(KeyError):
            bad()


def test_every_rate_is_made_of_figures() -> None:
    for rate in RATES.values():
        for name in (rate.of, *(part for part, _weight in rate.parts)):
            assert name in FIGURES
        assert RatesLine().rate(rate.name) is None
