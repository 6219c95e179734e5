"""Counters stay exact under concurrent moves, folds and rebuilds."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest
from django.db import connection, transaction

from tests.cast import cast
from tests.cities import City, in_threads
from tests.live import Live, until
from yinghu.appeals import actions, closing_actions, filing, handling_actions, moving
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Appeal, Event, Untallied
from yinghu.appeals.states import ENDED, Status
from yinghu.insight import tally
from yinghu.insight.board import board
from yinghu.insight.models import Tally
from yinghu.people.access import SYSTEM, Actor, requester_of

AREAS = (None, "330782008", "330782008001", "330782100")
CATEGORIES = ("milk", "medicine", "urban", "policy")
UNITS = ("milk", "medicine", "bureau-urban")


def counted() -> dict[str, Counter[tuple[str, str]]]:
    """(key, status) of every dimension, straight from the appeals."""
    found: dict[str, Counter[tuple[str, str]]] = {}
    for appeal in Appeal.objects.select_related("unit"):
        keys = {
            "klass": appeal.klass,
            "category": appeal.category_id or "",
            "unit": appeal.unit.code if appeal.unit else "",
            "town": (appeal.area_id or "")[:9],
            "channel": appeal.channel,
        }
        for dim, key in keys.items():
            found.setdefault(dim, Counter())[(key, appeal.status)] += 1
    return found


def shown() -> dict[str, Counter[tuple[str, str]]]:
    """The same from the board."""
    found = board()
    groups = {
        "klass": found.lines["klass"],
        "category": found.lines["category"],
        "unit": found.lines["unit"],
        "town": found.lines["town"],
        "channel": found.lines["channel"],
    }
    assert sum(n for _day, n in found.days) == found.received
    return {
        dim: Counter(
            {(line.key, status.value): n for line in lines for status, n in line.statuses.items()}
        )
        for dim, lines in groups.items()
        if lines
    }


def assert_same_in_one_snapshot() -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert shown() == counted()


def move_about(seed: int, moves: int) -> None:
    """File appeals and perform random verbs on random ones; refusals are ignored."""
    chance = random.Random(seed)
    people = cast()
    staff = [people.clerk, people.dispatcher, people.milk, people.medicine, people.urban]
    for _move in range(moves):
        known = list(Appeal.objects.values_list("pk", flat=True))
        if not known or chance.random() < 0.3:
            area = chance.choice(AREAS)
            channel = chance.choice(("web", "feed"))
            count = chance.randint(1, 3)
            filing.file_many([Filing("求助", channel, area=area) for _i in range(count)], SYSTEM)
            continue
        case = chance.choice(known)
        actor = chance.choice([*staff, requester_of(case)])
        try:
            _do(chance, case, actor)
        except moving.Refused:
            continue


def _do(chance: random.Random, case: int, actor: Actor) -> None:
    match chance.randrange(9):
        case 0 | 1:
            area = chance.choice(AREAS) or ""
            actions.sort(case, actor, category=chance.choice(CATEGORIES), area=area)
        case 2 | 3:
            actions.assign(case, actor, unit=chance.choice(UNITS))
        case 4:
            actions.accept(case, actor)
        case 5:
            handling_actions.resolve(case, actor, words="好了")
        case 6:
            closing_actions.close(case, actor)
        case 7:
            closing_actions.reopen(case, actor, words="没好")
        case _:
            actions.return_(case, actor, why="不归我")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counters_stay_exact_under_concurrent_folds_and_rebuilds(own_city: City, seed: int) -> None:
    over = threading.Event()
    folded = Counter[int]()

    def mover(number: int) -> None:
        move_about(seed * 10 + number, 100)

    def folder(number: int) -> None:
        while not over.is_set():
            folded[number] += tally.fold(limit=7)

    def rebuilder() -> None:
        while not over.is_set():
            tally.rebuild()

    def watcher() -> None:
        try:
            in_threads(lambda: mover(0), lambda: mover(1))
        finally:
            over.set()

    def looker() -> None:
        while not over.is_set():
            assert_same_in_one_snapshot()

    in_threads(watcher, lambda: folder(0), lambda: folder(1), rebuilder, looker)
    assert_same_in_one_snapshot()
    tally.fold_all()
    assert not Untallied.objects.exists()
    assert not Tally.objects.filter(n__lte=0).exists()
    assert shown() == counted()
    before = set(Tally.objects.values_list("day", "town", "dim", "key", "status", "n"))
    tally.rebuild()
    assert set(Tally.objects.values_list("day", "town", "dim", "key", "status", "n")) == before
    # How many steps are refused differs with the order in which the threads come; some 150 are not.
    assert Event.objects.count() > 50


def test_the_order_of_folding_does_not_matter(own_city: City) -> None:
    move_about(4, 120)
    events = list(Untallied.objects.order_by("-pk"))
    tally.rebuild()
    expected = set(Tally.objects.values_list("day", "town", "dim", "key", "status", "n"))
    Tally.objects.all().delete()
    for event in events:
        # Last event first: counters may be negative in between.
        event.save(force_insert=True)
        assert tally.fold() == 1
    assert set(Tally.objects.values_list("day", "town", "dim", "key", "status", "n")) == expected


def test_worker_folds_new_events(live: Live) -> None:
    (filed,) = filing.file_many([Filing("求助", "web")], SYSTEM)
    until(lambda: not Untallied.objects.exists(), "the fold")
    assert board().received == 1
    assert set(Tally.objects.filter(dim="all").values_list("status", "n")) == {(Status.FILED, 1)}
    assert Appeal.objects.get(pk=filed).state not in ENDED


@pytest.mark.django_db
def test_fold_reads_each_event_once_where_statistics_say_that_there_are_none() -> None:
    """As after an import that was undone, when many file at once."""
    burst = [Filing(f"第{n}件", "web") for n in range(300)]
    with transaction.atomic():
        filing.file_many(burst, SYSTEM)
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE appeals_event, appeals_appeal, appeals_untallied")
        filing.file_many(burst, SYSTEM)

        def events_read() -> int:
            cursor.execute(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables "
                "WHERE relid = 'appeals_event'::regclass"
            )
            return int(cursor.fetchone()[0])

        before = events_read()
        assert tally.fold_all() == len(burst)
        assert events_read() - before < 5 * len(burst)
