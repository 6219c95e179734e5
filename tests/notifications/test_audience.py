"""Notifications of events: audience, reason, and at most one per person and event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.cast import Cast, file_one, requester, taken_milk
from tests.oversight.clock import pass_time
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.closing_actions import REOPEN
from yinghu.appeals.models import Appeal, ChaseStep, Event
from yinghu.appeals.verb import Audience
from yinghu.notifications import audience
from yinghu.notifications.models import Notification
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight import sweep, whistle_actions
from yinghu.oversight.actions import CHASE
from yinghu.oversight.models import Whistle
from yinghu.people.access import SYSTEM, Actor, actor_of
from yinghu.people.models import Level, Post, Role, Unit, User
from yinghu.reactions import react
from yinghu.verbs import VERBS

pytestmark = pytest.mark.django_db
FUTIAN = "330782008001"


def told(event: Event) -> dict[str, str]:
    """React to the event; return {username: reason} of the logins notified."""
    react(events=[event.pk])
    found = Notification.objects.filter(event=event)
    assert set(found.values_list("appeal", flat=True)) <= {event.appeal_id}
    return dict(found.values_list("user__username", "reason"))


def join(username: str, unit: str, role: str, area: str | None = None) -> Actor:
    """Give a login a post; the login is created if needed."""
    user, _new = User.objects.get_or_create(username=username)
    Post.objects.create(user=user, unit=Unit.objects.get(code=unit), role=role, area_id=area)
    return actor_of(user)


def leave(*usernames: str) -> None:
    """Deactivate all posts of these logins."""
    Post.objects.filter(user__username__in=usernames).update(active=False)


def who(username: str) -> Actor:
    return actor_of(User.objects.get(username=username))


def tomorrow(hours: float = 24) -> Any:
    return timezone.now() + timedelta(hours=hours)


def in_community(city: Cast) -> Appeal:
    """A case about a street lamp in Futian, accepted by its community."""
    appeal = file_one("路灯坏了", area=FUTIAN)
    actions.sort(appeal.pk, city.clerk, category="urban")
    actions.assign(appeal.pk, city.dispatcher, unit="community-futian")
    actions.accept(appeal.pk, who("community-head"))
    return appeal


def sorted_milk(city: Cast) -> Appeal:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="milk")
    return appeal


def test_filing_and_notes_notify_nobody(city: Cast) -> None:
    appeal = file_one()
    assert told(appeal.events.get()) == {}
    assert told(handling_actions.note(appeal.pk, city.clerk, why="看过")) == {}


def test_assignment_notifies_those_who_can_accept(city: Cast) -> None:
    join("milk-head", "milk", Role.HEAD)
    appeal = sorted_milk(city)
    event = actions.assign(appeal.pk, city.dispatcher, unit="milk")
    assert told(event) == {"milk-handler": "unit", "milk-head": "unit"}


def test_volunteers_are_notified_only_of_cases_they_hold(city: Cast) -> None:
    appeal = taken_milk(city)
    assert told(actions.hand(appeal.pk, city.milk, user="volunteer")) == {"volunteer": "holder"}
    urged = handling_actions.urge(appeal.pk, requester(appeal))
    assert told(urged) == {"volunteer": "holder"}
    released = actions.release(appeal.pk, city.volunteer, why="去不了")
    assert told(released) == {"milk-handler": "unit"}


def test_accepting_notifies_nobody(city: Cast) -> None:
    join("milk-head", "milk", Role.HEAD)
    appeal = sorted_milk(city)
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    assert told(actions.accept(appeal.pk, city.milk)) == {}


def test_actors_are_not_notified_of_their_own_actions(city: Cast) -> None:
    join("milk-head", "milk", Role.HEAD)
    appeal = taken_milk(city)
    released = actions.release(appeal.pk, city.milk, why="去不了")
    assert told(released) == {"milk-head": "unit"}


def test_urge_and_supply_notify_the_current_desk_unit_or_holder(city: Cast) -> None:
    appeal = file_one()

    def adds(actor: Actor) -> dict[str, str]:
        return told(handling_actions.supply(appeal.pk, actor, words="要二段"))

    mine = requester(appeal)
    assert told(handling_actions.urge(appeal.pk, mine)) == {"clerk": "clerk"}
    assert adds(mine) == {"clerk": "clerk"}
    actions.sort(appeal.pk, city.clerk, category="milk")
    assert adds(mine) == {"dispatcher": "dispatcher"}
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    assert adds(mine) == {"milk-handler": "unit"}
    actions.accept(appeal.pk, city.milk)
    join("milk-head", "milk", Role.HEAD)
    assert adds(mine) == adds(city.operator) == {"milk-handler": "holder"}
    # A holder without an active post no longer counts as the holder.
    leave("milk-handler")
    assert adds(mine) == {"milk-head": "unit"}


def test_return_notifies_area_dispatchers_and_ruling_the_unit(
    city: Cast,
) -> None:
    join("dispatcher-fotang", "platform", Role.DISPATCHER, "330782100")
    join("dispatcher-futian", "platform", Role.DISPATCHER, "330782008")
    appeal = in_community(city)
    head = who("community-head")
    event = actions.return_(appeal.pk, head, why="不归我们")
    assert told(event) == {"dispatcher": "dispatcher", "dispatcher-futian": "dispatcher"}
    refused = oversight_actions.rule(appeal.pk, city.dispatcher, agree=False, why="归你们")
    assert told(refused) == {"community-head": "unit"}
    actions.return_(appeal.pk, head, why="真的不归我们")
    agreed = oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="好")
    assert agreed.unit_id is None
    assert told(agreed) == {"community-head": "unit"}


def test_only_requested_extensions_notify_dispatchers(city: Cast) -> None:
    appeal = taken_milk(city)
    asked = handling_actions.extend(appeal.pk, city.milk, until=tomorrow(24 * 20), why="等货")
    assert told(asked) == {"dispatcher": "dispatcher"}
    ruled = oversight_actions.rule(appeal.pk, city.dispatcher, agree=True, why="好")
    assert told(ruled) == {"milk-handler": "unit"}
    given = handling_actions.extend(appeal.pk, city.dispatcher, until=tomorrow(24 * 40), why="节日")
    assert told(given) == {}


def test_invite_notifies_the_unit_and_reply_the_holder(city: Cast) -> None:
    appeal = taken_milk(city)
    asked = oversight_actions.invite(
        appeal.pk, city.milk, unit="bureau-urban", until=tomorrow(), why="开一下门"
    )
    assert told(asked) == {"urban-handler": "asked"}
    assert told(oversight_actions.reply(appeal.pk, city.urban, why="开了")) == {
        "milk-handler": "holder"
    }


def test_escalation_notifies_the_unit_above_and_the_lead(city: Cast) -> None:
    appeal = in_community(city)
    event = oversight_actions.escalate(appeal.pk, city.dispatcher, why="社区办不了")
    # The grid worker has a post in the town's unit.
    assert told(event) == {"town-head": "unit", "grid-worker": "unit", "community-head": "lead"}


def test_escalation_to_the_top_notifies_command_and_previous_unit(city: Cast) -> None:
    appeal = in_community(city)
    before = None
    for _level in range(5):
        before = appeal.unit
        event = oversight_actions.escalate(appeal.pk, SYSTEM, why="没有人办")
        appeal.refresh_from_db()
        if appeal.level == Level.COMMAND:
            break
    reasons = told(event)
    assert reasons["duty"] == "unit"
    assert reasons["commander"] == "command"
    assert reasons["community-head"] == "lead"
    assert before is not None
    had_it = Post.objects.filter(unit=before, role__in=(Role.HANDLER, Role.HEAD, Role.GRID_WORKER))
    assert (
        {name for name, reason in reasons.items() if reason == "before"}
        == set(had_it.values_list("user__username", flat=True))
        != set()
    )


def test_supervise_notifies_holder_and_heads_account_supervisors(city: Cast) -> None:
    join("milk-head", "milk", Role.HEAD)
    join("supervisor-fotang", "platform", Role.SUPERVISOR, "330782100")
    appeal = taken_milk(city)
    demanded = oversight_actions.supervise(
        appeal.pk, city.commander, until=tomorrow(), why="说明原因"
    )
    assert told(demanded) == {"milk-handler": "holder", "milk-head": "head"}
    answered = oversight_actions.account(appeal.pk, city.milk, why="货在路上")
    assert told(answered) == {"supervisor": "supervisor"}
    lifted = oversight_actions.lift(appeal.pk, city.commander, why="好了")
    assert told(lifted) == {"milk-handler": "holder", "milk-head": "head"}


def blown(city: Cast) -> tuple[Appeal, Event]:
    """The community whistles for two departments."""
    appeal = in_community(city)
    event = whistle_actions.whistle(
        appeal.pk,
        who("community-head"),
        occasion="people",
        units=["bureau-urban", "bureau-health"],
        until=tomorrow(2),
        place="福田广场",
        why="一起看",
    )
    return appeal, event


def test_whistle_notifies_called_units_and_answers_the_whistler(city: Cast) -> None:
    join("community-worker", "community-futian", Role.GRID_WORKER)
    appeal, event = blown(city)
    assert told(event) == {"urban-handler": "summoned", "health-handler": "summoned"}
    whistler = {"community-head": "whistler", "community-worker": "whistler"}
    assert told(whistle_actions.report_in(appeal.pk, city.urban)) == whistler
    four = whistle_actions.measures(
        appeal.pk,
        city.urban,
        received=Whistle.objects.get(appeal=appeal).at,
        spoken_to="王主任",
        why="换灯",
        until=tomorrow(),
    )
    assert told(four) == whistler
    contested = whistle_actions.contest(appeal.pk, who("health-handler"), why="不归我们")
    assert told(contested) == whistler | {"commander": "command"}
    judged = whistle_actions.judge(
        appeal.pk, city.commander, unit="bureau-health", agree=False, why="要来"
    )
    assert told(judged) == whistler | {"health-handler": "summoned"}
    graded = whistle_actions.grade(
        appeal.pk, who("community-head"), unit="bureau-urban", satisfaction="yes"
    )
    assert told(graded) == {"urban-handler": "summoned"}


def test_report_in_notifies_the_dispatcher_who_whistled(city: Cast) -> None:
    appeal = in_community(city)
    whistle_actions.whistle(
        appeal.pk,
        city.dispatcher,
        occasion="people",
        units=["bureau-urban"],
        until=tomorrow(2),
        place="福田广场",
        why="一起看",
    )
    assert told(whistle_actions.report_in(appeal.pk, city.urban)) == {"dispatcher": "whistler"}


def test_whistler_without_access_to_the_case_is_not_notified(city: Cast) -> None:
    appeal = in_community(city)
    desk = join("guard", "command", Role.DISPATCHER, FUTIAN)
    whistle_actions.whistle(
        appeal.pk,
        desk,
        occasion="people",
        units=["bureau-urban"],
        until=tomorrow(2),
        place="福田广场",
        why="一起看",
    )
    leave("guard")
    join("guard", "milk", Role.HANDLER)
    event = whistle_actions.report_in(appeal.pk, city.urban)
    assert "guard" not in told(event)


def test_bad_rating_and_its_reopening_notify_the_holder_once(city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    rated = closing_actions.rate(appeal.pk, requester(appeal), solved=False, satisfaction="no")
    assert told(rated) == {"milk-handler": "holder"}
    reopened = appeal.events.get(verb=REOPEN.name)
    assert told(reopened) == {}
    handling_actions.resolve(appeal.pk, city.milk, words="这次真的送到了")
    good = closing_actions.rate(appeal.pk, requester(appeal), solved=True, satisfaction="yes")
    assert told(good) == {}
    again = closing_actions.reopen(appeal.pk, requester(appeal), words="又没有了")
    assert told(again) == {"milk-handler": "holder"}


def test_merge_and_withdrawal_notify_the_holder(city: Cast) -> None:
    appeal, other = taken_milk(city), taken_milk(city)
    merged = closing_actions.merge(other.pk, city.clerk, master=appeal.pk)
    assert told(merged) == {"milk-handler": "holder"}
    withdrawn = closing_actions.withdraw(appeal.pk, requester(appeal))
    assert told(withdrawn) == {"milk-handler": "holder"}


def chase_only(kind: str, tell: str) -> None:
    """Leave a single chase step: urge this level at the limit of this kind of clock."""
    ChaseStep.objects.all().delete()
    ChaseStep.objects.create(kind=kind, act="urge", tell=tell)
    ChaseStep.objects.create(kind="", act="urge", tell=tell, active=False)
    sweep.plan_anew()


def chased(appeal: Appeal) -> dict[str, str]:
    """Chase the case after a long time; return {username: reason} of those notified."""
    pass_time(24 * 60, appeal)
    assert sweep.chase() >= 1
    return told(appeal.events.filter(verb=CHASE.name).latest("seq"))


@pytest.mark.parametrize(
    ("kind", "tell", "expected"),
    [
        ("solve", "holder", {"milk-handler": "holder"}),
        ("solve", "head", {"milk-head": "head"}),
        ("solve", "supervisor", {"supervisor": "supervisor"}),
        ("solve", "command", {"commander": "command"}),
    ],
)
def test_chase_notifies_the_level_of_its_step(
    city: Cast, kind: str, tell: str, expected: dict[str, str]
) -> None:
    join("milk-head", "milk", Role.HEAD)
    join("supervisor-fotang", "platform", Role.SUPERVISOR, "330782100")
    chase_only(kind, tell)
    assert chased(taken_milk(city)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("receive", {"clerk": "clerk"}),
        ("dispatch", {"dispatcher": "dispatcher"}),
        ("respond", {"milk-handler": "unit"}),
        ("ruling", {"dispatcher": "dispatcher"}),
        ("feedback", {"clerk": "callback", "operator": "callback"}),
    ],
)
def test_chase_notifies_the_desk_or_unit_that_is_due(
    city: Cast, kind: str, expected: dict[str, str]
) -> None:
    chase_only(kind, "holder")
    appeal = file_one()
    if kind != "receive":
        actions.sort(appeal.pk, city.clerk, category="milk")
    if kind in ("respond", "ruling", "feedback"):
        actions.assign(appeal.pk, city.dispatcher, unit="milk")
    if kind == "ruling":
        actions.return_(appeal.pk, city.milk, why="不归我们")
    if kind == "feedback":
        actions.accept(appeal.pk, city.milk)
        handling_actions.resolve(appeal.pk, city.milk, words="送到了")
    assert chased(appeal) == expected


def test_whistle_chase_notifies_the_absent_unit_or_its_heads(city: Cast) -> None:
    chase_only("whistle", "holder")
    appeal, _event = blown(city)
    whistle_actions.report_in(appeal.pk, city.urban)
    assert chased(appeal) == {"health-handler": "summoned"}
    join("health-head", "bureau-health", Role.HEAD)
    chase_only("whistle", "head")
    other, _event = blown(city)
    whistle_actions.report_in(other.pk, city.urban)
    assert chased(other) == {"health-head": "head"}


def test_chase_of_a_contest_notifies_the_command(city: Cast) -> None:
    chase_only("contest", "holder")
    appeal, _event = blown(city)
    whistle_actions.contest(appeal.pk, city.urban, why="不归我们")
    assert chased(appeal) == {"commander": "command"}


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ((), {"milk-handler": "holder"}),
        (("milk-handler",), {"milk-head": "unit"}),
        (("milk-handler", "milk-head"), {"supervisor": "supervisor"}),
    ],
)
def test_holder_chase_falls_back_to_unit_then_supervisor(
    city: Cast, gone: tuple[str, ...], expected: dict[str, str]
) -> None:
    join("milk-head", "milk", Role.HEAD)
    chase_only("solve", "holder")
    appeal = taken_milk(city)
    leave(*gone)
    assert chased(appeal) == expected


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ((), {"supervisor": "supervisor"}),
        (("supervisor",), {"commander": "command"}),
        (("supervisor", "commander"), {"admin": "admin"}),
    ],
)
def test_head_chase_falls_back_to_supervisor_command_and_admin(
    city: Cast, gone: tuple[str, ...], expected: dict[str, str]
) -> None:
    join("admin-fotang", "platform", Role.ADMIN, "330782100")
    chase_only("solve", "head")
    appeal = taken_milk(city)
    leave(*gone)
    assert chased(appeal) == expected


def test_inactive_logins_posts_and_units_are_not_notified(city: Cast) -> None:
    for username in ("one", "two"):
        join(username, "milk", Role.HANDLER)
    User.objects.filter(username="one").update(is_active=False)
    leave("two")
    appeal = sorted_milk(city)
    assert told(actions.assign(appeal.pk, city.dispatcher, unit="milk")) == {"milk-handler": "unit"}
    urged = handling_actions.urge(appeal.pk, requester(appeal))
    Unit.objects.filter(code="milk").update(active=False)
    assert told(urged) == {"dispatcher": "dispatcher"}


def test_repeated_reaction_does_not_notify_a_new_holder(city: Cast) -> None:
    appeal = taken_milk(city)
    urged = handling_actions.urge(appeal.pk, requester(appeal))
    assert told(urged) == {"milk-handler": "holder"}
    actions.hand(appeal.pk, city.milk, user="volunteer")
    assert told(urged) == {"milk-handler": "holder"}
    assert Notification.objects.filter(event=urged).count() == 1


def test_query_count_is_independent_of_batch_size(city: Cast) -> None:
    def urges(count: int) -> list[int]:
        appeals = [taken_milk(city) for _each in range(count)]
        return [handling_actions.urge(appeal.pk, requester(appeal)).pk for appeal in appeals]

    def queries(events: list[int]) -> int:
        with CaptureQueriesContext(connection) as seen:
            react(events=events)
        return len(seen)

    one, many = urges(1), urges(12)
    assert queries(many) == queries(one) <= 10
    assert Notification.objects.filter(event__in=many).count() == 12


def test_audience_parts_match_those_used_by_verbs() -> None:
    named = {part for verb in VERBS.values() for part in verb.audience}
    assert named == set(Audience) == set(audience._PARTS)
