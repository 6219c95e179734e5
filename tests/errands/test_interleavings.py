"""Steps in any order and at the same time: no leg has two holders, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.cast import Cast, cast, requester
from tests.errands.errands import (
    helper,
    hospital,
    legs_of,
    medicine_case,
    proof,
    react_to,
    relay,
    sealed,
)
from tests.live import Live
from yinghu.appeals import actions, closing_actions, handling_actions, moving
from yinghu.appeals.actions import HAND
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import ENDED, Status
from yinghu.errands import leg_actions, offers
from yinghu.errands.leg_actions import TAKE
from yinghu.errands.models import Leg, LegKind, Offer
from yinghu.people.access import SYSTEM, Actor
from yinghu.people.models import Volunteer

HOME = "330782001004001"
PEOPLE = 4
some = st.integers(0, PEOPLE - 1)
which = st.integers(0, 3)


class Relay(RuleBasedStateMachine):
    """One case, its relay, four helpers, two with access to the zone, and passing time."""

    people: list[Actor]
    city: Cast

    @initialize()
    def begin(self) -> None:
        # Undo earlier examples: no legs are held, no helpers were asked.
        Leg.objects.update(state="dropped", holder=None, giver=None, next_at=None)
        Offer.objects.all().delete()
        Volunteer.objects.update(asked_at=None)
        self.appeal = medicine_case(self.city)
        react_to(self.appeal)
        self.passed = timedelta()
        self.done: set[int] = set()

    def leg(self, n: int) -> Leg:
        found = legs_of(self.appeal)
        return found[n % len(found)]

    def tried(self, step: Callable[[], Any]) -> None:
        """Run the step; a refused one changes nothing."""
        before = self.seen()
        refused = ""
        try:
            step()
        except moving.Refused as why:
            refused = why.message
        assert not refused or self.seen() == before
        self.appeal.refresh_from_db()

    def seen(self) -> Any:
        rows = Leg.objects.filter(appeal=self.appeal.pk).order_by("pk").values_list()
        return list(rows), Event.objects.filter(appeal=self.appeal.pk).count()

    @rule(n=which, who=some)
    def take(self, n: int, who: int) -> None:
        self.tried(lambda: leg_actions.take(self.leg(n).pk, self.people[who]))

    @rule(n=which, who=some)
    def give_back(self, n: int, who: int) -> None:
        self.tried(lambda: leg_actions.give_back(self.leg(n).pk, self.people[who], why="有事"))

    @rule(n=which, who=some)
    def hand_over(self, n: int, who: int) -> None:
        self.tried(lambda: leg_actions.hand_over(self.leg(n).pk, self.people[who]))

    @rule(n=which, who=some)
    def finish(self, n: int, who: int) -> None:
        self.tried(lambda: leg_actions.finish(self.leg(n).pk, self.people[who], photos=proof()))

    @rule(n=which, who=some)
    def say_no(self, n: int, who: int) -> None:
        offers.decline_offer(self.leg(n).pk, self.people[who])

    @rule(minutes=st.integers(1, 120))
    def time_passes(self, minutes: int) -> None:
        self.passed += timedelta(minutes=minutes)
        offers.sweep(now=timezone.now() + self.passed)

    @rule()
    def worker(self) -> None:
        react_to(self.appeal)

    @rule(end=st.sampled_from(["withdraw", "release", "resolve"]))
    def ends_otherwise(self, end: str) -> None:
        me = requester(self.appeal)
        if end == "withdraw" and self.passed > timedelta(hours=3):
            self.tried(lambda: closing_actions.withdraw(self.appeal.pk, me))
        elif end == "release":
            self.tried(lambda: actions.release(self.appeal.pk, SYSTEM, why="换人"))
        elif end == "resolve" and self.passed > timedelta(hours=4):
            self.tried(lambda: handling_actions.resolve(self.appeal.pk, SYSTEM, words="好了"))

    @invariant()
    def nothing_is_held_twice_or_lost(self) -> None:
        found = legs_of(self.appeal)
        left = [leg for leg in found if leg.state in ("open", "taken")]
        assert Appeal.objects.get(pk=self.appeal.pk).legs == len(left)
        assert len(found) == 3
        by_n = {leg.n: leg for leg in found}
        for leg in found:
            before = [by_n[n] for n in leg.after]
            if leg.kind == LegKind.HAND_OVER:
                if leg.state == "done":
                    assert leg.given_at
                    assert leg.received_at
                continue
            assert (leg.state == "taken") <= (leg.holder_id is not None)
            assert (leg.state == "open") <= (leg.holder_id is None)
            if leg.state == "taken":
                # A reminder is due at some time.
                assert leg.next_at is not None
            if leg.state == "open" and leg.opened_at:
                assert leg.next_at is not None
            if leg.state == "open" and leg.n == 1:
                assert leg.opened_at is not None
            if leg.state == "done":
                assert all(each.state in ("done", "dropped") for each in before)
        # Finished legs stay finished.
        now_done = {leg.n for leg in found if leg.state == "done" and leg.kind != "hand_over"}
        assert self.done <= now_done
        self.done = now_done

    def teardown(self) -> None:
        """After the reactions, the legs fit the status of the case."""
        if not hasattr(self, "appeal"):
            return
        react_to(self.appeal)
        left = Leg.objects.filter(appeal=self.appeal.pk, state__in=("open", "taken"))
        state = self.appeal.state
        if state in ENDED or state is Status.RESOLVED:
            assert not left.exists()
        elif not left.exists():
            finished = Leg.objects.filter(appeal=self.appeal.pk, state="done").exists()
            assert not (finished and state is Status.HANDLING)


@pytest.mark.django_db
def test_any_order_of_steps_leaves_legs_consistent(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    Relay.city = city
    Relay.people = [
        helper("阿东"),
        helper("阿西", zones=[zone.code]),
        helper("小红", inside=zone.code),
        helper("小李"),
    ]
    run_state_machine_as_test(
        Relay,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def at_once(steps: list[Callable[[], Any]]) -> list[Any]:
    """Run the steps concurrently; return each one's result or refusal."""
    gate = threading.Barrier(len(steps))
    found: list[Any] = [None] * len(steps)

    def run(n: int) -> None:
        try:
            gate.wait(20)
            found[n] = steps[n]()
        except moving.Refused as refused:
            found[n] = refused
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found


def test_one_of_many_concurrent_takes_wins(live: Live) -> None:
    city = cast()
    relay()
    hospital()
    people = [helper(f"人{n}") for n in range(12)]
    appeal = medicine_case(city)
    live.drain()
    leg = legs_of(appeal)[0]
    connection.close()
    found = at_once([partial(leg_actions.take, leg.pk, who) for who in people])
    taken = [each for each in found if isinstance(each, Event)]
    refused = [each for each in found if isinstance(each, moving.Refused)]
    assert (len(taken), len(refused)) == (1, 11)
    assert {each.code for each in refused} == {"gone"}
    leg.refresh_from_db()
    assert leg.holder_id == taken[0].user_id
    assert appeal.events.filter(verb=TAKE.name).count() == 1
    live.drain()
    assert appeal.events.filter(verb=HAND.name).count() == 1


def test_concurrent_hand_over_by_both_completes_it(live: Live) -> None:
    city = cast()
    relay()
    hospital()
    zone = sealed(HOME)
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city)
    live.drain()
    buy, gate, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    leg_actions.take(carry.pk, b)
    leg_actions.finish(buy.pk, a, photos=proof())
    connection.close()
    found = at_once([partial(leg_actions.hand_over, gate.pk, who) for who in (a, b, a, b)])
    assert sum(isinstance(each, Event) for each in found) == 2
    gate.refresh_from_db()
    assert (gate.state, bool(gate.given_at), bool(gate.received_at)) == ("done", True, True)


def test_take_during_a_release_leaves_the_leg_consistent(live: Live) -> None:
    city = cast()
    relay()
    hospital()
    a, b = helper("阿东"), helper("小红")
    appeal = medicine_case(city)
    live.drain()
    leg = legs_of(appeal)[0]
    leg_actions.take(leg.pk, a)
    leg.refresh_from_db()
    connection.close()
    at_once(
        [
            lambda: leg_actions.release_leg(leg, leg.active_at, why="没有动静"),
            lambda: leg_actions.take(leg.pk, b),
            lambda: leg_actions.finish(leg.pk, a, photos=proof()),
            lambda: leg_actions.give_back(leg.pk, a, why="有事"),
        ]
    )
    leg.refresh_from_db()
    assert (leg.state, leg.holder_id) in {
        ("open", None),
        ("taken", b.user_id),
        ("done", a.user_id),
        # Still held by the first helper.
        ("taken", a.user_id),
    }
    assert Appeal.objects.get(pk=appeal.pk).legs == sum(
        each.state in ("open", "taken") for each in legs_of(appeal)
    )
