"""Ratings and callbacks: a bad rating reopens the case, a second one escalates it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import Cast, requester, taken_milk
from yinghu import reactions
from yinghu.appeals import closing_actions, handling_actions, moving
from yinghu.appeals.closing_actions import RATE, REOPEN
from yinghu.appeals.models import Appeal, Event, Policy
from yinghu.appeals.states import Status
from yinghu.oversight import callback
from yinghu.people.models import Level

pytestmark = pytest.mark.django_db


def react(appeal: Appeal, since: int = 0) -> None:
    """React to the case's events after `since` and to those that follow, as the worker does."""
    while events := list(appeal.events.filter(seq__gt=since).order_by("seq")):
        since = events[-1].seq
        reactions._react([event.pk for event in events if event.verb in _OURS])


_OURS = (RATE.name, REOPEN.name)


def done(city: Cast, appeal: Appeal | None = None) -> Appeal:
    """A resolved case."""
    appeal = appeal or taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    appeal.refresh_from_db()
    return appeal


def rated(appeal: Appeal, actor: Any = None, **said: Any) -> Event:
    """Rate the case and run the reactions."""
    given = {"solved": False, "satisfaction": "no", **said}
    event = closing_actions.rate(appeal.pk, actor or requester(appeal), **given)
    react(appeal, event.seq - 1)
    appeal.refresh_from_db()
    return event


def verbs(appeal: Appeal) -> list[str]:
    return list(appeal.events.order_by("seq").values_list("verb", flat=True))


def test_unsolved_rating_reopens_with_the_holder_and_the_words(city: Cast) -> None:
    appeal = done(city)
    rated(appeal, words="是空罐子")
    assert (appeal.status, appeal.holder_id) == (Status.HANDLING, city.milk.user_id)
    last = appeal.events.order_by("-seq")[0]
    assert (last.verb, last.words, last.actor_kind) == ("reopen", "是空罐子", "system")
    assert appeal.solved is None
    assert appeal.lead_id is None


def test_unsatisfied_rating_reopens_a_solved_case(city: Cast) -> None:
    appeal = done(city)
    rated(appeal, city.operator, solved=True)
    assert appeal.status == Status.HANDLING
    assert appeal.events.order_by("-seq")[0].words == "诉求人评价：不满意"


@pytest.mark.parametrize("satisfaction", ["yes", "fairly"])
def test_satisfied_rating_leaves_the_case_resolved(city: Cast, satisfaction: str) -> None:
    appeal = done(city)
    rated(appeal, solved=True, satisfaction=satisfaction)
    assert (appeal.status, verbs(appeal)[-1]) == (Status.RESOLVED, "rate")


def test_second_unsolved_rating_escalates(city: Cast) -> None:
    appeal = done(city)
    rated(appeal, words="是空罐子")
    unit = appeal.unit
    done(city, appeal)
    rated(appeal, words="还是空的")
    assert verbs(appeal)[-3:] == ["rate", "reopen", "escalate"]
    assert appeal.status == Status.ASSIGNED
    assert appeal.lead == unit
    assert appeal.unit != unit
    assert appeal.level < Level.TOWN
    # The unit above reads the requester's words; the first receiver still sees the case.
    assert appeal.events.filter(verb="reopen").latest("seq").words == "还是空的"
    assert unit is not None
    assert unit.pk in (appeal.also or [])


@pytest.mark.parametrize(("most", "raised"), [(1, 1), (2, 0), (0, 0)])
def test_policy_sets_which_bad_rating_escalates(city: Cast, most: int, raised: int) -> None:
    Policy.objects.create(key="raise_unsatisfied", value=most)
    appeal = done(city)
    rated(appeal)
    assert verbs(appeal).count("escalate") == raised


def test_reaction_to_a_rating_is_idempotent(city: Cast) -> None:
    appeal = done(city)
    rated(appeal)
    done(city, appeal)
    rated(appeal)
    before = verbs(appeal)
    react(appeal)
    react(appeal)
    assert verbs(appeal) == before
    assert before.count("escalate") == 1


def test_late_retry_leaves_a_newer_resolution_alone(city: Cast) -> None:
    """The reaction to the first rating is retried after the case was resolved and rated again."""
    appeal = done(city)
    event = rated(appeal, words="是空罐子")
    done(city, appeal)
    closing_actions.rate(
        appeal.pk, requester(appeal), solved=False, satisfaction="no", words="少一罐"
    )
    reactions._react([event.pk])
    appeal.refresh_from_db()
    assert appeal.status == Status.RESOLVED  # the second rating has its own reaction
    react(appeal, appeal.version - 1)
    assert appeal.events.order_by("-seq").filter(verb="reopen")[0].words == "少一罐"


def test_only_the_last_rating_counts(city: Cast) -> None:
    appeal, me = done(city), None
    me = requester(appeal)
    first = closing_actions.rate(appeal.pk, me, solved=False, satisfaction="no", words="没送到")
    second = closing_actions.rate(appeal.pk, me, solved=True, satisfaction="yes", words="刚送到")
    reactions._react([first.pk, second.pk])
    appeal.refresh_from_db()
    assert appeal.status == Status.RESOLVED

    third = closing_actions.rate(appeal.pk, me, solved=False, satisfaction="no", words="打开是坏的")
    fourth = closing_actions.rate(appeal.pk, me, solved=False, satisfaction="no", words="真的坏的")
    reactions._react([third.pk, fourth.pk])
    appeal.refresh_from_db()
    assert verbs(appeal).count("reopen") == 1
    assert appeal.events.get(verb="reopen").words == "真的坏的"
    assert appeal.status == Status.HANDLING


def test_operator_cannot_overrule_the_requesters_rating(city: Cast) -> None:
    appeal = done(city)
    closing_actions.rate(appeal.pk, requester(appeal), solved=False, satisfaction="no")
    with pytest.raises(moving.Conflict) as refused:
        closing_actions.rate(appeal.pk, city.operator, solved=True, satisfaction="yes")
    assert refused.value.code == "rated_already"


def test_bad_rating_after_closing_reopens_the_case(city: Cast) -> None:
    appeal = done(city)
    closing_actions.close(appeal.pk, city.clerk)
    rated(appeal, words="又坏了")
    assert appeal.status == Status.HANDLING
    assert appeal.closed_at is None
    done(city, appeal)
    closing_actions.close(appeal.pk, city.clerk)
    rated(appeal)
    assert verbs(appeal)[-1] == "escalate"


def test_reopening_after_a_merge_does_not_count_as_a_bad_rating(city: Cast) -> None:
    """Withdrawing the master reopens the merged case, which has no rating."""
    master, appeal = taken_milk(city), taken_milk(city)
    closing_actions.merge(appeal.pk, city.clerk, master=master.pk)
    withdrawn = closing_actions.withdraw(master.pk, requester(master))
    reactions._react([withdrawn.pk])
    assert verbs(appeal)[-1] == "reopen"
    done(city, appeal)
    rated(appeal)
    assert "escalate" not in verbs(appeal)


def test_unanswered_calls_are_counted_since_the_last_resolution(city: Cast) -> None:
    appeal = done(city)
    assert not callback.calls(appeal).enough
    for _call in range(2):
        callback.no_answer(appeal.pk, city.operator)
    assert len(callback.calls(appeal).at) == 2
    closing_actions.reopen(appeal.pk, city.operator, words="又没了")
    done(city, appeal)
    assert callback.calls(appeal).at == ()
    for _call in range(3):
        event = callback.no_answer(appeal.pk, city.operator)
    calls = callback.calls(appeal)
    assert calls.enough
    assert calls.at[0] == event.at
    Policy.objects.create(key="most_calls", value=4)
    assert not callback.calls(appeal).enough
    # An unanswered call is not a rating.
    appeal.refresh_from_db()
    assert (appeal.status, appeal.solved) == (Status.RESOLVED, None)


@pytest.mark.parametrize("who", ["milk", "volunteer", "dispatcher"])
def test_only_the_callback_desk_records_calls(city: Cast, who: str) -> None:
    appeal = done(city)
    with pytest.raises(moving.Refused) as refused:
        callback.no_answer(appeal.pk, getattr(city, who))
    assert refused.value.status in (403, 404)
    assert callback.calls(appeal).at == ()
