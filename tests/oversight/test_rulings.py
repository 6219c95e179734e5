"""Returns, extensions, invitations and supervision; reassignment of orphaned cases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from tests.cast import Cast, file_one, requester, taken_milk
from tests.oversight.clock import pass_time
from yinghu.appeals import actions, clocks, handling_actions, inboxes, moving
from yinghu.appeals.handling_actions import EXTEND
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import ClockKind, Status
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import levels, orphan_cases, rulings, worklists
from yinghu.people.access import UNIT_ROLES, Actor, actor_of
from yinghu.people.models import Post, Unit, User

pytestmark = pytest.mark.django_db


def refused(
    code: str, act: Callable[..., object], appeal: Appeal, *given: object, **more: object
) -> None:
    """Assert that the action is refused with `code` and changes nothing."""
    before = (appeal.events.count(), Appeal.objects.values().get(pk=appeal.pk))
    with pytest.raises(moving.Refused) as why:
        act(appeal.pk, *given, **more)
    assert why.value.code == code
    assert (appeal.events.count(), Appeal.objects.values().get(pk=appeal.pk)) == before


def login(username: str) -> Actor:
    return actor_of(User.objects.get(username=username))


def test_return_stays_with_the_unit_until_agreed(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="是药不是奶粉")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.returned, appeal.holder_id) == ("sorted", True, city.milk.user_id)
    assert list(rulings.pending(city.dispatcher)) == [appeal]
    assert list(rulings.pending(city.milk)) == [appeal]
    assert not rulings.pending(city.urban).exists()
    # A unit cannot rule on its own return.
    refused(
        "not_allowed", oversight_actions.rule, appeal, city.milk, agree=True, why="我们自己同意"
    )
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="确实是药")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.unit, appeal.holder, appeal.returned) == (
        "sorted",
        None,
        None,
        False,
    )
    assert {c.kind for c in clocks.running(appeal.pk)} == {"dispatch", "solve"}
    refused(
        "nothing_to", oversight_actions.rule, appeal, city.dispatcher, agree=True, why="再同意一次"
    )


def test_refused_return_goes_back_to_its_holder(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="不想办")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="就是奶粉")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.holder_id) == ("handling", city.milk.user_id)


def test_assigning_elsewhere_settles_a_return(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="是药")
    actions.assign(appeal.pk, city.dispatcher, unit="medicine")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.returned) == ("assigned", False)
    assert not rulings.pending(city.dispatcher).exists()
    assert {c.kind for c in clocks.running(appeal.pk)} == {"respond", "solve"}


def test_question_keeps_a_return_pending(city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="是药")
    handling_actions.ask(appeal.pk, city.dispatcher, words="是奶粉还是药？")
    handling_actions.supply(appeal.pk, requester(appeal), words="奶粉")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.returned) == ("sorted", True)
    assert clocks.running(appeal.pk).get(kind=ClockKind.ARRIVE).paused_at is not None
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="是奶粉")
    appeal.refresh_from_db()
    assert appeal.status == Status.HANDLING


def test_fourth_return_is_refused(city: Cast) -> None:
    appeal = taken_milk(city)
    for _ in range(3):
        actions.return_(appeal.pk, city.milk, why="不归我们")
        oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="归你们")
    refused("returned_often", actions.return_, appeal, city.milk, why="真不归我们")


def test_extension_is_requested_and_ruled_on(city: Cast) -> None:
    appeal = taken_milk(city)
    due = clocks.running(appeal.pk).get(kind=ClockKind.SOLVE).due_at
    later = due + timedelta(days=5)
    refused(
        "shorter",
        handling_actions.extend,
        appeal,
        city.milk,
        until=due - timedelta(hours=1),
        why="等货",
    )
    handling_actions.extend(appeal.pk, city.milk, until=later, why="等货")
    assert clocks.running(appeal.pk).get(kind=ClockKind.SOLVE).due_at == due
    refused("asked_already", handling_actions.extend, appeal, city.milk, until=later, why="快点")
    event = oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="同意")
    assert (event.facts["of"], event.to_status) == ("extend", "handling")
    assert clocks.running(appeal.pk).get(kind=ClockKind.SOLVE).due_at == later
    handling_actions.extend(appeal.pk, city.milk, until=later + timedelta(days=1), why="还等")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="不能再等")
    assert clocks.running(appeal.pk).get(kind=ClockKind.SOLVE).due_at == later
    handling_actions.extend(appeal.pk, city.milk, until=later + timedelta(days=1), why="还等")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="最后一次")
    refused(
        "extended_often",
        handling_actions.extend,
        appeal,
        city.milk,
        until=later + timedelta(days=9),
        why="再",
    )


def test_unit_cannot_request_an_extension_after_the_deadline(city: Cast) -> None:
    appeal = taken_milk(city)
    pass_time(170, appeal)
    until = timezone.now() + timedelta(days=3)
    refused("too_late", handling_actions.extend, appeal, city.milk, until=until, why="忘了")
    # A dispatcher may still grant one.
    handling_actions.extend(appeal.pk, city.dispatcher, until=until, why="情况特殊")


def test_expired_extension_request_cannot_be_granted(city: Cast) -> None:
    appeal = taken_milk(city)
    until = clocks.running(appeal.pk).get(kind=ClockKind.SOLVE).due_at + timedelta(minutes=1)
    event = handling_actions.extend(appeal.pk, city.milk, until=until, why="等货")
    assert event.facts["asked"] is True
    past = (timezone.now() - timedelta(hours=1)).isoformat()
    # Events are append-only, so a second one stands for a request made long ago.
    handling_actions.note(appeal.pk, city.milk, why="等裁定")
    Appeal.objects.filter(pk=appeal.pk).update(version=F("version") + 1)
    appeal.refresh_from_db()
    Event.objects.create(
        appeal=appeal,
        seq=appeal.version,
        verb=EXTEND.name,
        from_status="handling",
        to_status="handling",
        actor_kind="user",
        facts={"asked": True, "until": past},
    )
    refused("past", oversight_actions.rule, appeal, city.dispatcher, agree=True, why="同意")
    oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="晚了")


def test_case_cannot_be_resolved_before_invited_units_reply(city: Cast) -> None:
    appeal = taken_milk(city)
    food, health = login("food-handler"), login("health-handler")
    until = timezone.now() + timedelta(hours=4)
    with pytest.raises(moving.NotFound):
        handling_actions.note(appeal.pk, food, why="路过")
    oversight_actions.invite(appeal.pk, city.milk, unit="food", until=until, why="借车")
    refused(
        "asked_already",
        oversight_actions.invite,
        appeal,
        city.milk,
        unit="food",
        until=until,
        why="借车",
    )
    refused(
        "own_unit",
        oversight_actions.invite,
        appeal,
        city.milk,
        unit="milk",
        until=until,
        why="自己",
    )
    refused(
        "unknown_unit",
        oversight_actions.invite,
        appeal,
        city.milk,
        unit="nope",
        until=until,
        why="谁",
    )
    past = timezone.now() - timedelta(hours=4)
    refused(
        "past",
        oversight_actions.invite,
        appeal,
        city.milk,
        unit="bureau-health",
        until=past,
        why="晚",
    )
    oversight_actions.invite(appeal.pk, city.milk, unit="bureau-health", until=until, why="开证明")
    assert inboxes.visible(food).filter(pk=appeal.pk).exists()
    assert set(
        clocks.running(appeal.pk).filter(kind="help").values_list("unit__code", flat=True)
    ) == {
        "food",
        "bureau-health",
    }
    refused("help_pending", handling_actions.resolve, appeal, city.milk, words="送到了")
    # One unit's reply does not count for the other.
    oversight_actions.reply(appeal.pk, food, why="车已派")
    refused("nothing_to", oversight_actions.reply, appeal, food, why="再答一次")
    refused("help_pending", handling_actions.resolve, appeal, city.milk, words="送到了")
    oversight_actions.reply(appeal.pk, health, why="证明已开")
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")


def test_resolving_without_replies_is_possible_with_a_reason(city: Cast) -> None:
    appeal = taken_milk(city)
    until = timezone.now() + timedelta(hours=4)
    oversight_actions.invite(appeal.pk, city.milk, unit="food", until=until, why="借车")
    event = handling_actions.resolve(appeal.pk, city.milk, words="送到了", why="自己找到车了")
    assert event.why == "自己找到车了"
    refused(
        "wrong_status",
        oversight_actions.invite,
        appeal,
        city.milk,
        unit="daily",
        until=until,
        why="x",
    )
    refused("nothing_to", oversight_actions.reply, appeal, login("food-handler"), why="车来了")


def test_invited_units_cannot_resolve_return_or_escalate(city: Cast) -> None:
    appeal = taken_milk(city)
    food = login("food-handler")
    oversight_actions.invite(
        appeal.pk, city.milk, unit="food", until=timezone.now() + timedelta(hours=4), why="借车"
    )
    refused("not_allowed", handling_actions.resolve, appeal, food, words="办好了")
    refused("not_allowed", actions.return_, appeal, food, why="不办")
    refused("not_allowed", oversight_actions.escalate, appeal, food, why="提级")
    # A volunteer of the invited unit does not see the case.
    assert not inboxes.visible(city.volunteer_2).filter(pk=appeal.pk).exists()


def test_supervision_is_demanded_answered_and_lifted_in_writing(city: Cast) -> None:
    appeal = taken_milk(city)
    until = timezone.now() + timedelta(hours=6)
    refused(
        "not_allowed", oversight_actions.supervise, appeal, city.milk, until=until, why="自己督办"
    )
    refused("wrong_status", oversight_actions.lift, appeal, city.commander, why="没有督办过")
    refused("nothing_to", oversight_actions.account, appeal, city.milk, why="没人问")
    oversight_actions.supervise(appeal.pk, city.commander, until=until, why="今天必须送到")
    refused(
        "demanded_already",
        oversight_actions.supervise,
        appeal,
        city.commander,
        until=until,
        why="再督办",
    )
    assert list(worklists.overseen(city.commander)["watched"]) == [appeal]
    oversight_actions.account(appeal.pk, city.milk, why="下午五点送到")
    refused("nothing_to", oversight_actions.account, appeal, city.milk, why="又答")
    # An answer does not lift supervision: a second demand may follow.
    oversight_actions.supervise(appeal.pk, city.commander, until=until, why="拍照片来看")
    oversight_actions.lift(appeal.pk, city.commander, why="照片看到了")
    assert not worklists.overseen(city.commander)["watched"].exists()
    appeal.refresh_from_db()
    assert not clocks.running(appeal.pk).filter(kind="account").exists()


def test_orphaned_cases_go_to_the_unit_or_the_unit_above(city: Cast) -> None:
    filed, assigned, held = file_one(), file_one(), taken_milk(city)
    actions.sort(assigned.pk, city.clerk, category="milk")
    actions.assign(assigned.pk, city.dispatcher, unit="milk")
    asked, solved = taken_milk(city), taken_milk(city)
    handling_actions.ask(asked.pk, city.milk, words="几段？")
    handling_actions.resolve(solved.pk, city.milk, words="送到了")
    assert not orphan_cases.unanswered().exists()
    # The holder leaves: the case goes back to the unit, which has other people.
    User.objects.filter(username="milk-handler").update(is_active=False)
    assert list(orphan_cases.unanswered()) == [held]
    assert orphan_cases.settle() == 1
    held.refresh_from_db()
    assert (held.status, held.holder) == ("assigned", None)
    # A case that waited for its requester returns to the unit, not to a holder who has left.
    handling_actions.supply(asked.pk, requester(asked), words="一段")
    asked.refresh_from_db()
    assert (asked.status, asked.holder) == ("assigned", None)
    # Everybody leaves: the unit above takes over.
    Post.objects.filter(unit__code="milk").update(active=False)
    assert orphan_cases.settle() == 3
    for case in (assigned, held, asked):
        case.refresh_from_db()
        assert (case.unit and case.unit.code, case.lead and case.lead.code) == (
            "bureau-commerce",
            "milk",
        )
    assert not orphan_cases.unanswered().exists()
    # Without any clerk, the case is reported as unanswered but cannot be settled automatically.
    Post.objects.filter(role="clerk").update(active=False)
    assert list(orphan_cases.unanswered()) == [filed]
    assert orphan_cases.settle() == 0


def test_unsettleable_case_does_not_block_others(city: Cast) -> None:
    at_the_top, below = taken_milk(city), taken_milk(city)
    actions.assign(at_the_top.pk, city.dispatcher, unit="command")
    gone = Post.objects.filter(unit__code__in=("command", "milk"), role__in=UNIT_ROLES)
    gone.update(active=False)
    assert list(orphan_cases.unanswered()) == [at_the_top, below]
    assert orphan_cases.settle(most=1) == 1
    below.refresh_from_db()
    assert (below.status, below.holder) == ("assigned", None)
    assert orphan_cases.settle(most=1) == 1
    below.refresh_from_db()
    assert below.unit is not None
    assert below.unit.code == "bureau-commerce"
    assert list(orphan_cases.unanswered()) == [at_the_top]


def test_clerk_is_answerable_only_for_their_area(city: Cast) -> None:
    here, there, nowhere = file_one(area="330782008"), file_one(area="330782100"), file_one()
    Post.objects.filter(role="clerk").update(area="330782008")
    assert list(orphan_cases.unanswered()) == [there, nowhere]
    assert here.pk


def test_unit_above_falls_back_from_parent_to_area_to_category(city: Cast) -> None:
    appeal = file_one(area="330782008001003")
    actions.sort(appeal.pk, city.clerk, category="health")
    actions.assign(appeal.pk, city.dispatcher, unit="grid-futian-3")
    appeal.refresh_from_db()

    def above() -> str:
        found = levels.above(Appeal.objects.get(pk=appeal.pk))
        return found.code if found else ""

    assert above() == "community-futian"
    Post.objects.filter(unit__code="community-futian").update(active=False)
    assert above() == "town-futian"
    Unit.objects.filter(code="grid-futian-3").update(parent=Unit.objects.get(code="bureau-urban"))
    assert above() == "bureau-urban"
    Unit.objects.filter(code="bureau-urban").update(active=False)
    assert above() == "town-futian"
    Unit.objects.filter(code="town-futian").update(area="330782100")
    assert above() == "bureau-health"
    Post.objects.filter(unit__code="bureau-health").update(active=False)
    assert above() == "command"
    Post.objects.filter(unit__code="command").update(active=False)
    assert above() == ""
