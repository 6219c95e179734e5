"""Calling back: what is not solved goes back to whoever had it, the second time a level up."""

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
    """What the worker does with the case's events from `since` on, and with what follows them."""
    while events := list(appeal.events.filter(seq__gt=since).order_by("seq")):
        since = events[-1].seq
        reactions._react([event.pk for event in events if event.verb in _OURS])


_OURS = (RATE.name, REOPEN.name)


def done(city: Cast, appeal: Appeal | None = None) -> Appeal:
    """A case that its unit says is done."""
    appeal = appeal or taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    appeal.refresh_from_db()
    return appeal


def rated(appeal: Appeal, actor: Any = None, **said: Any) -> Event:
    """A rating, and what follows by itself."""
    given = {"solved": False, "satisfaction": "no", **said}
    event = closing_actions.rate(appeal.pk, actor or requester(appeal), **given)
    react(appeal, event.seq - 1)
    appeal.refresh_from_db()
    return event


def verbs(appeal: Appeal) -> list[str]:
    return list(appeal.events.order_by("seq").values_list("verb", flat=True))


def test_unsolved_goes_back_to_whoever_had_it_with_the_words(city: Cast) -> None:
    appeal = done(city)
    rated(appeal, words="是空罐子")
    assert (appeal.status, appeal.holder_id) == (Status.HANDLING, city.milk.user_id)
    last = appeal.events.order_by("-seq")[0]
    assert (last.verb, last.words, last.actor_kind) == ("reopen", "是空罐子", "system")
    assert appeal.solved is None
    assert appeal.lead_id is None


def test_unsatisfied_goes_back_though_it_is_solved(city: Cast) -> None:
    appeal = done(city)
    rated(appeal, city.operator, solved=True)
    assert appeal.status == Status.HANDLING
    assert appeal.events.order_by("-seq")[0].words == "诉求人评价：不满意"


@pytest.mark.parametrize("satisfaction", ["yes", "fairly"])
def test_content_stays_where_it_is(city: Cast, satisfaction: str) -> None:
    appeal = done(city)
    rated(appeal, solved=True, satisfaction=satisfaction)
    assert (appeal.status, verbs(appeal)[-1]) == (Status.RESOLVED, "rate")


def test_the_second_time_it_goes_a_level_up(city: Cast) -> None:
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
    # Who is above has the words, and the first receiver still sees the case.
    assert appeal.events.filter(verb="reopen").latest("seq").words == "还是空的"
    assert unit is not None
    assert unit.pk in (appeal.also or [])


@pytest.mark.parametrize(("most", "raised"), [(1, 1), (2, 0), (0, 0)])
def test_the_city_says_how_often(city: Cast, most: int, raised: int) -> None:
    Policy.objects.create(key="raise_unsatisfied", value=most)
    appeal = done(city)
    rated(appeal)
    assert verbs(appeal).count("escalate") == raised


def test_retries_of_the_reaction_change_nothing(city: Cast) -> None:
    appeal = done(city)
    rated(appeal)
    done(city, appeal)
    rated(appeal)
    before = verbs(appeal)
    react(appeal)
    react(appeal)
    assert verbs(appeal) == before
    assert before.count("escalate") == 1


def test_a_late_retry_does_not_undo_what_came_after(city: Cast) -> None:
    """The first rating is looked at once more after the case was solved and rated again."""
    appeal = done(city)
    event = rated(appeal, words="是空罐子")
    done(city, appeal)
    closing_actions.rate(
        appeal.pk, requester(appeal), solved=False, satisfaction="no", words="少一罐"
    )
    reactions._react([event.pk])
    appeal.refresh_from_db()
    assert appeal.status == Status.RESOLVED  # that is for the second rating's own reaction
    react(appeal, appeal.version - 1)
    assert appeal.events.order_by("-seq").filter(verb="reopen")[0].words == "少一罐"


def test_who_rates_twice_is_taken_at_the_last_word(city: Cast) -> None:
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


def test_an_operator_does_not_overrule_the_requester(city: Cast) -> None:
    appeal = done(city)
    closing_actions.rate(appeal.pk, requester(appeal), solved=False, satisfaction="no")
    with pytest.raises(moving.Conflict) as refused:
        closing_actions.rate(appeal.pk, city.operator, solved=True, satisfaction="yes")
    assert refused.value.code == "rated_already"


def test_a_rating_after_closing_takes_it_up_again(city: Cast) -> None:
    appeal = done(city)
    closing_actions.close(appeal.pk, city.clerk)
    rated(appeal, words="又坏了")
    assert appeal.status == Status.HANDLING
    assert appeal.closed_at is None
    done(city, appeal)
    closing_actions.close(appeal.pk, city.clerk)
    rated(appeal)
    assert verbs(appeal)[-1] == "escalate"


def test_reopening_for_another_reason_is_no_complaint(city: Cast) -> None:
    """What was merged into a case that ended unhelped is freed by itself; it had not been rated."""
    master, appeal = taken_milk(city), taken_milk(city)
    closing_actions.merge(appeal.pk, city.clerk, master=master.pk)
    withdrawn = closing_actions.withdraw(master.pk, requester(master))
    reactions._react([withdrawn.pk])
    assert verbs(appeal)[-1] == "reopen"
    done(city, appeal)
    rated(appeal)
    assert "escalate" not in verbs(appeal)


def test_calls_in_vain_are_counted_since_it_was_done(city: Cast) -> None:
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
    # A call that nobody took is no verdict.
    appeal.refresh_from_db()
    assert (appeal.status, appeal.solved) == (Status.RESOLVED, None)


@pytest.mark.parametrize("who", ["milk", "volunteer", "dispatcher"])
def test_only_the_callback_desk_calls(city: Cast, who: str) -> None:
    appeal = done(city)
    with pytest.raises(moving.Refused) as refused:
        callback.no_answer(appeal.pk, getattr(city, who))
    assert refused.value.status in (403, 404)
    assert callback.calls(appeal).at == ()
