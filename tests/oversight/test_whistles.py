"""Whistles from the call to the grade, and the refusals on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import Cast, cast, file_one
from tests.cities import City, in_threads
from tests.oversight.clock import pass_time
from tests.oversight.test_rulings import login, refused
from yinghu import verbs
from yinghu.appeals import actions, clocks, closing_actions, handling_actions, inboxes, moving
from yinghu.appeals.models import Appeal
from yinghu.oversight import whistle_actions, whistles
from yinghu.oversight.models import Summons, Whistle
from yinghu.oversight.whistle_actions import WHISTLE
from yinghu.oversight.whistle_figures import answering
from yinghu.people.models import Post, Unit

HERE = "330782008001003"


def at_community(city: Cast) -> Appeal:
    """A case accepted by the community."""
    appeal = file_one("烧烤摊油烟太大", area=HERE)
    actions.sort(appeal.pk, city.clerk, category="environment")
    actions.assign(appeal.pk, city.dispatcher, unit="community-futian")
    actions.accept(appeal.pk, login("community-head"))
    return appeal


def call(**other: Any) -> dict[str, Any]:
    """Arguments of `whistle`, overridden by `other`."""
    return {
        "occasion": "joint",
        "units": ["bureau-environment", "bureau-health"],
        "until": timezone.now() + timedelta(hours=2),
        "place": "党群服务中心门口",
        "why": "请现场认定",
    } | other


def elements(**other: Any) -> dict[str, Any]:
    """Arguments of `measures` for the last whistle, overridden by `other`."""
    now = timezone.now()
    return {
        "received": Whistle.objects.latest("pk").at,
        "spoken_to": "社区老王",
        "why": "要求加装净化器",
        "until": now + timedelta(days=2),
    } | other


def waiting(appeal: Appeal) -> set[tuple[str, str]]:
    """(kind, unit) of the running clocks that belong to a unit."""
    live = clocks.running(appeal.pk).exclude(unit=None)
    return set(live.values_list("kind", "unit__code"))


@pytest.mark.django_db
def test_whistle_with_one_late_unit_from_call_to_grade(city: Cast) -> None:
    appeal = at_community(city)
    community, bureau, health = (
        login(name) for name in ("community-head", "bureau-handler", "health-handler")
    )
    assert not inboxes.visible(health).filter(pk=appeal.pk).exists()
    whistle_actions.whistle(appeal.pk, community, **call())
    assert waiting(appeal) == {
        ("whistle", "bureau-environment"),
        ("whistle", "bureau-health"),
        ("grade", "community-futian"),
    }
    # About 300 m north of the grid's centre.
    whistle_actions.report_in(appeal.pk, bureau, point="120.1037,29.3413", why="蒋科长等两人")
    came = Summons.objects.get(unit__code="bureau-environment")
    assert came.reported_by is not None
    assert came.metres == pytest.approx(300, abs=15)
    refused("nothing_to", whistle_actions.report_in, appeal, bureau)
    early: dict[str, Any] = {"unit": "bureau-health", "satisfaction": "no"}
    refused("too_early", whistle_actions.grade, appeal, community, **early)
    refused(
        "too_early",
        whistle_actions.measures,
        appeal,
        bureau,
        **elements(received=timezone.now() - timedelta(hours=9)),
    )
    future = timezone.now() + timedelta(hours=1)
    refused("future", whistle_actions.measures, appeal, bureau, **elements(received=future))
    whistle_actions.measures(appeal.pk, bureau, **elements())
    refused("nothing_to", whistle_actions.measures, appeal, bureau, **elements())
    pass_time(3, appeal)
    good: dict[str, Any] = {"unit": "bureau-environment", "satisfaction": "fairly"}
    whistle_actions.grade(appeal.pk, community, **good)
    refused("graded_already", whistle_actions.grade, appeal, community, **good)
    # The other unit reports in late.
    event = whistle_actions.report_in(appeal.pk, health)
    assert event.facts["late"] is True
    whistle_actions.grade(appeal.pk, community, unit="bureau-health", satisfaction="no")
    assert waiting(appeal) == {("measures", "bureau-health")}
    together, *lines = answering(timezone.now(), scopes=("330782008",))
    assert (together.called, together.reported, together.on_time) == (2, 2, 1)
    assert (together.report_in_rate, together.on_time_rate) == (1.0, 0.5)
    assert together.satisfied_rate == pytest.approx(0.45)
    assert {line.unit.code for line in lines if line.unit} == {
        "bureau-health",
        "bureau-environment",
    }
    assert answering(timezone.now(), scopes=("330782100",)) == []


@pytest.mark.django_db
def test_whistle_is_received_after_it_was_blown_and_before_the_unit_came(city: Cast) -> None:
    appeal = at_community(city)
    community, bureau = login("community-head"), login("bureau-handler")
    first = call(units=["bureau-environment"], until=timezone.now() + timedelta(hours=4))
    whistle_actions.whistle(appeal.pk, community, **first)
    pass_time(2, appeal)
    whistle_actions.report_in(appeal.pk, bureau)
    pass_time(1, appeal)
    (came,) = Summons.objects.all()
    assert came.reported_at is not None
    after = elements(received=came.reported_at + timedelta(minutes=5))
    refused("too_late", whistle_actions.measures, appeal, bureau, **after)
    before = elements(received=came.whistle.at - timedelta(minutes=5))
    refused("too_early", whistle_actions.measures, appeal, bureau, **before)
    done = elements(until=came.reported_at)
    refused("past", whistle_actions.measures, appeal, bureau, **done)
    # A form gives whole minutes: what is kept is not before the whistle.
    minute = came.whistle.at.replace(second=0, microsecond=0)
    whistle_actions.measures(appeal.pk, bureau, **elements(received=minute))
    came.refresh_from_db()
    assert came.received_at == came.whistle.at
    assert came.done_by is not None
    assert came.whistle.at <= came.received_at <= came.reported_at < came.done_by


@pytest.mark.django_db
def test_measures_for_two_whistles_keep_each_in_order(city: Cast) -> None:
    appeal = at_community(city)
    community, bureau = login("community-head"), login("bureau-handler")
    once = call(units=["bureau-environment"], until=timezone.now() + timedelta(hours=9))
    whistle_actions.whistle(appeal.pk, community, **once)
    pass_time(2, appeal)
    whistle_actions.report_in(appeal.pk, bureau)
    pass_time(1, appeal)
    # The town whistles too, and the unit comes again.
    actor = city.commander
    whistle_actions.whistle(appeal.pk, actor, **once)
    whistle_actions.report_in(appeal.pk, bureau)
    one, two = Summons.objects.order_by("pk")
    assert one.whistle.at is not None
    whistle_actions.measures(appeal.pk, bureau, **elements(received=one.whistle.at))
    for each in Summons.objects.select_related("whistle"):
        assert each.measures == "要求加装净化器"
        assert each.received_at is not None
        assert each.reported_at is not None
        assert each.whistle.at <= each.received_at <= each.reported_at
    two.refresh_from_db()
    assert two.received_at == two.whistle.at


@pytest.mark.django_db
def test_unit_that_does_not_report_in_lowers_its_rate(city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    whistle_actions.report_in(appeal.pk, login("bureau-handler"))
    assert answering(timezone.now())[0].due == 1
    pass_time(3, appeal)
    rates = {line.unit.code: line.report_in_rate for line in answering(timezone.now()) if line.unit}
    assert rates == {"bureau-environment": 1.0, "bureau-health": 0.0}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"units": []}, "missing"),
        ({"units": ["nope"]}, "unknown_unit"),
        ({"units": ["community-futian"]}, "own_unit"),
        ({"units": ["grid-futian-3"]}, "not_above"),
        ({"units": ["town-fotang"]}, "elsewhere"),
        ({"units": ["bureau-health", "town-fotang"]}, "elsewhere"),
        ({"units": ["bureau-urban"]}, "nobody_there"),
        ({"occasion": "party"}, "unknown_occasion"),
        ({"place": " \u200b "}, "missing"),
        ({"place": "门" * 201}, "too_long"),
        ({"until": timezone.now() - timedelta(days=1)}, "past"),
        ({"until": timezone.now() + timedelta(days=4000)}, "too_far"),
        ({"why": ""}, "missing"),
    ],
)
def test_invalid_whistle_calls_nobody(wrong: dict[str, Any], code: str, city: Cast) -> None:
    appeal = at_community(city)
    Post.objects.filter(unit__code="bureau-urban").update(active=False)
    refused(code, whistle_actions.whistle, appeal, login("community-head"), **call(**wrong))
    assert not Summons.objects.exists()
    assert not waiting(appeal)


@pytest.mark.django_db
def test_only_units_that_may_be_called_are_offered(city: Cast) -> None:
    appeal = at_community(city)
    offered = [unit.code for unit in whistles.units_to_call(appeal, login("community-head"))]
    assert {"town-futian", "bureau-health", "bureau-environment", "command"} <= set(offered)
    assert not {"town-fotang", "grid-futian-3", "community-futian"} & set(offered)
    for code in offered:
        assert Unit.objects.get(code=code).level < 4


@pytest.mark.django_db
def test_volunteer_cannot_whistle(city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, city.clerk, category="milk")
    actions.assign(appeal.pk, city.dispatcher, unit="milk")
    actions.accept(appeal.pk, city.volunteer)
    refused("not_allowed", whistle_actions.whistle, appeal, city.volunteer, **call())
    appeal.refresh_from_db()
    assert WHISTLE not in verbs.available(appeal, city.volunteer)
    # Staff of the unit can.
    assert WHISTLE in verbs.available(appeal, city.milk)


@pytest.mark.django_db
def test_second_whistle_requires_grades_of_the_first(city: Cast) -> None:
    appeal = at_community(city)
    community = login("community-head")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    refused(
        "whistled_already",
        whistle_actions.whistle,
        appeal,
        community,
        **call(units=["town-futian"]),
    )
    whistle_actions.report_in(appeal.pk, login("health-handler"))
    whistle_actions.grade(appeal.pk, community, unit="bureau-health", satisfaction="yes")
    whistle_actions.whistle(appeal.pk, community, **call(units=["town-futian"]))


@pytest.mark.django_db
def test_contest_pauses_the_clock_until_the_command_rules(city: Cast) -> None:
    appeal = at_community(city)
    community, health = login("community-head"), login("health-handler")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health", "town-futian"]))
    refused("not_allowed", whistle_actions.contest, appeal, city.commander, why="代他们提")
    whistle_actions.contest(appeal.pk, health, why="油烟不归卫健")
    refused("contested_already", whistle_actions.contest, appeal, health, why="再提")
    pass_time(5, appeal)
    ruling: dict[str, Any] = {"unit": "bureau-health", "agree": False, "why": "要来认定"}
    refused("not_allowed", whistle_actions.judge, appeal, community, **ruling)
    refused(
        "nothing_to",
        whistle_actions.judge,
        appeal,
        city.commander,
        **ruling | {"unit": "town-futian"},
    )
    whistle_actions.judge(appeal.pk, city.commander, **ruling)
    refused("nothing_to", whistle_actions.judge, appeal, city.commander, **ruling)
    clock = clocks.running(appeal.pk).get(kind="whistle", unit__code="bureau-health")
    left = clock.due_at - timezone.now()
    assert timedelta(hours=1, minutes=55) < left < timedelta(hours=2, minutes=1)
    # The town is excused: it can neither report in nor be graded.
    town = login("town-head")
    whistle_actions.contest(appeal.pk, town, why="已经移交")
    whistle_actions.judge(appeal.pk, city.commander, unit="town-futian", agree=True, why="属实")
    refused("nothing_to", whistle_actions.report_in, appeal, town)
    graded: dict[str, Any] = {"unit": "town-futian", "satisfaction": "no"}
    refused("graded_already", whistle_actions.grade, appeal, community, **graded)


@pytest.mark.django_db
def test_report_in_settles_a_contest(city: Cast) -> None:
    appeal = at_community(city)
    health = login("health-handler")
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    whistle_actions.contest(appeal.pk, health, why="不归我们")
    whistle_actions.report_in(appeal.pk, health)
    assert ("contest", "bureau-health") not in waiting(appeal)


@pytest.mark.django_db
@pytest.mark.parametrize("point", ["1", "a,b", "200,10", "120.1;29.3", "nan,1", "inf,2"])
def test_invalid_position_is_refused(point: str, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    refused("bad_point", whistle_actions.report_in, appeal, login("health-handler"), point=point)


@pytest.mark.django_db
def test_called_unit_can_be_graded_after_the_case_is_closed(city: Cast) -> None:
    appeal = at_community(city)
    community = login("community-head")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    handling_actions.resolve(appeal.pk, community, words="摊子搬走了")
    closing_actions.close(appeal.pk, city.clerk)
    assert waiting(appeal) == {("grade", "community-futian")}
    refused("wrong_status", whistle_actions.report_in, appeal, login("health-handler"))
    pass_time(3, appeal)
    whistle_actions.grade(appeal.pk, community, unit="bureau-health", satisfaction="no")
    assert not waiting(appeal)


def test_concurrent_report_ins_record_one(own_city: City) -> None:
    city = cast()
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    health = login("health-handler")
    said: list[str] = []

    def report(n: int) -> Callable[[], None]:
        def phone() -> None:
            try:
                whistle_actions.report_in(appeal.pk, health, why=f"手机{n}")
                said.append("in")
            except moving.Conflict as late:
                said.append(late.code)

        return phone

    in_threads(*[report(n) for n in range(6)])
    assert sorted(said) == ["in"] + ["nothing_to"] * 5
    assert appeal.events.filter(verb="report_in").count() == 1
