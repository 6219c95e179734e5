"""Every case verb, from every status and by every actor, does exactly what its row allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from tests.cast import Cast, cast, file_one, requester
from yinghu.appeals import actions, closing_actions, handling_actions, moving
from yinghu.appeals.actions import SORT
from yinghu.appeals.closing_actions import MERGE
from yinghu.appeals.contact_actions import LEAVE_CONTACT
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.states import RESTING_CLOCK, ClockKind, Status, Who
from yinghu.appeals.verb import BY_ITSELF, FieldKind, Verb
from yinghu.common.photos import MAX_PHOTOS, StoredPhoto
from yinghu.oversight import actions as oversight_actions
from yinghu.oversight.sharing_actions import CONTACT, SHARE
from yinghu.people.access import SYSTEM, Actor, relations
from yinghu.verbs import VERBS, available

pytestmark = pytest.mark.usefixtures("savepoint")

STATUSES = [status for status in Status if status is not Status.FILED]


def bring_to(status: Status, city: Cast) -> Appeal:
    """A new appeal, moved to `status` by the responsible actors."""
    appeal = file_one()
    me, pk = requester(appeal), appeal.pk
    sort = (actions.sort, city.clerk, {"category": "milk"})
    assign = (actions.assign, city.dispatcher, {"unit": "milk"})
    accept: tuple[Any, Actor, dict[str, Any]] = (actions.accept, city.milk, {})
    resolve = (handling_actions.resolve, city.milk, {"words": "已送到"})
    path: dict[Status, list[tuple[Any, Actor, dict[str, Any]]]] = {
        Status.FILED: [],
        Status.SORTED: [sort],
        Status.ASSIGNED: [sort, assign],
        Status.HANDLING: [sort, assign, accept],
        Status.WAITING: [
            sort,
            assign,
            accept,
            (handling_actions.ask, city.milk, {"words": "几段？"}),
        ],
        Status.RESOLVED: [sort, assign, accept, resolve],
        Status.CLOSED: [sort, assign, accept, resolve, (closing_actions.close, city.clerk, {})],
        Status.MERGED: [(closing_actions.merge, city.clerk, {"master": file_one().pk})],
        Status.DECLINED: [(closing_actions.decline, city.clerk, {"words": "不属于受理范围"})],
        Status.WITHDRAWN: [(closing_actions.withdraw, me, {})],
    }
    for verb, actor, given in path[status]:
        verb(pk, actor, **given)
    appeal.refresh_from_db()
    assert appeal.status == status
    return appeal


@pytest.fixture(scope="module")
def at(module_db: None) -> dict[Status, int]:
    """Ids of appeals, one in each status."""
    return {status: bring_to(status, cast()).pk for status in Status}


@pytest.fixture
def city(savepoint: None) -> Cast:
    return cast()


def facts(appeal_id: int) -> tuple[str, int, int]:
    """Status, version and number of events."""
    counted = Appeal.objects.annotate(count=Count("events"))
    return counted.values_list("status", "version", "count").get(pk=appeal_id)


def given_for(verb: Verb) -> dict[str, Any]:
    """Valid values for every field of the verb."""
    values: dict[FieldKind, Any] = {
        FieldKind.TEXT: "请看",
        FieldKind.CATEGORY: "milk",
        FieldKind.KLASS: "need",
        FieldKind.AREA: "330782001",
        FieldKind.URGENCY: 2,
        FieldKind.UNIT: "food",
        FieldKind.BOOL: True,
        FieldKind.SATISFACTION: "fairly",
        FieldKind.TIME: timezone.now() + timedelta(days=9),
        FieldKind.USER: "volunteer",
        FieldKind.PHOTOS: (),
        FieldKind.UNITS: ["bureau-health"],
        FieldKind.NAMED: "bureau-health",
        FieldKind.OCCASION: "people",
        FieldKind.POINT: "120.1,29.3",
        FieldKind.LINE: "3幢501",
        FieldKind.PHONE: "13900000001",
    }
    found = {f.name: values[f.kind] for f in verb.fields if f.kind is not FieldKind.APPEAL}
    if verb is MERGE:
        found["master"] = file_one().pk
    if verb is SHARE:
        found["unit"] = "force-medical"
    if verb is LEAVE_CONTACT:
        # The phone is known from filing.
        found.pop("phone")
    if verb is CONTACT:
        # Without fields, the actor becomes the contact of their own unit.
        found = {}
    return found


OF_CASES = [verb for verb in VERBS.values() if verb.function is not None and not verb.errand]
"""Verbs of cases; those of legs are tested in `tests/errands`."""


def everyone(appeal: Appeal, city: Cast) -> list[Actor]:
    people = [getattr(city, name) for name in Cast.__dataclass_fields__]
    return [*people, requester(appeal), SYSTEM, Actor("requester"), Actor("user", user_id=0)]


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("verb", OF_CASES, ids=str)
def test_verb_is_allowed_exactly_as_its_row_says(
    verb: Verb, status: Status, city: Cast, at: dict[Status, int]
) -> None:
    appeal = Appeal.objects.get(pk=at[status])
    given = given_for(verb)
    before = facts(appeal.pk)
    # What is allowed depends on the relations alone: one actor for each set of them is enough.
    by_relations = {
        (relations(actor, appeal), actor.kind): actor for actor in everyone(appeal, city)
    }
    for (mine, _), actor in by_relations.items():
        allowed = bool(mine & verb.who) and status in verb.sources
        # Verbs that need more than a status are refused here; `tests/oversight` covers them.
        allowed = allowed and not (verb.needs or verb.flag)
        assert (verb in available(appeal, actor)) == allowed
        if allowed:
            tried = transaction.savepoint()
            if verb is closing_actions.RATE and appeal.master_id:
                # Requesters of merged cases rate once the master is resolved.
                Appeal.objects.filter(pk=appeal.master_id).update(status=Status.RESOLVED)
            event = verb.perform(appeal.pk, actor, **given)
            after, version, events = facts(appeal.pk)
            assert version == before[1] + 1 == events == event.seq
            assert (event.from_status, event.to_status) == (status, after)
            if not verb.rests_from:
                assert after == (verb.target or status)
            transaction.savepoint_rollback(tried)
        else:
            refusal = (
                moving.Conflict
                if mine & verb.who
                else moving.Forbidden
                if mine
                else moving.NotFound
            )
            with pytest.raises(refusal):
                verb.perform(appeal.pk, actor, **given)
            assert facts(appeal.pk) == before


@pytest.mark.parametrize(
    ("verb", "field"),
    [
        pytest.param(verb, field.name, id=f"{verb}-{field.name}")
        for verb in OF_CASES
        if not (verb.needs or verb.flag)
        for field in verb.fields
        if field.required and field.kind is FieldKind.TEXT
    ],
)
def test_required_text_is_refused_if_blank_or_too_long(
    verb: Verb, field: str, city: Cast, at: dict[Status, int]
) -> None:
    appeal = Appeal.objects.get(pk=at[min(verb.sources)])
    actor = next(a for a in everyone(appeal, city) if relations(a, appeal) & verb.who)
    for text, code in (
        ("  ", "missing"),
        ("\u200b\u202e", "missing"),
        ("长" * (moving.MAX_WORDS + 1), "too_long"),
        ("a\x00b", "bad_text"),
    ):
        with pytest.raises(moving.Refused) as refused:
            verb.perform(appeal.pk, actor, **{**given_for(verb), field: text})
        assert (refused.value.code, refused.value.field) == (code, field)


def test_every_relation_and_status_is_used() -> None:
    assert set().union(*(verb.who for verb in VERBS.values())) == set(Who)
    assert set().union(*(verb.sources for verb in VERBS.values())) == set(Status)
    without = {verb.name for verb in VERBS.values() if verb.function is None}
    assert without == {"file", *BY_ITSELF}
    assert {verb.name for verb in VERBS.values() if verb.by_itself} == BY_ITSELF


@pytest.mark.parametrize("status", list(Status))
def test_each_status_has_its_running_clocks(status: Status, at: dict[Status, int]) -> None:
    running = set(
        Clock.objects.filter(appeal=at[status], stopped_at=None).values_list("kind", flat=True)
    )
    expected: dict[Status, set[ClockKind]] = {
        Status.FILED: {ClockKind.RECEIVE, ClockKind.SOLVE},
        Status.SORTED: {ClockKind.DISPATCH, ClockKind.SOLVE},
        Status.ASSIGNED: {ClockKind.RESPOND, ClockKind.SOLVE},
        Status.HANDLING: {ClockKind.ARRIVE, ClockKind.SOLVE},
        Status.WAITING: {ClockKind.ARRIVE, ClockKind.SOLVE},
        Status.RESOLVED: {ClockKind.FEEDBACK},
    }
    assert running == expected.get(status, set())


def test_question_pauses_clocks_and_answer_extends_them(city: Cast) -> None:
    appeal = bring_to(Status.WAITING, city)
    solve = appeal.clocks.get(kind=ClockKind.SOLVE)
    assert solve.paused_at is not None
    Clock.objects.filter(pk=solve.pk).update(paused_at=solve.paused_at - timedelta(hours=5))
    handling_actions.supply(appeal.pk, requester(appeal), words="一段")
    after = appeal.clocks.get(kind=ClockKind.SOLVE)
    assert after.paused_at is None
    assert timedelta(hours=5) <= after.due_at - solve.due_at < timedelta(hours=5, minutes=1)


def test_answer_restores_the_status_before_the_question(city: Cast) -> None:
    for status in (Status.FILED, Status.SORTED, Status.ASSIGNED, Status.HANDLING):
        appeal = bring_to(status, city)
        asker = city.clerk if status in (Status.FILED, Status.SORTED) else city.milk
        handling_actions.ask(appeal.pk, asker, words="哪家医院？")
        handling_actions.supply(appeal.pk, requester(appeal), words="中心医院")
        appeal.refresh_from_db()
        assert appeal.status == status


def test_reopened_case_returns_to_its_holder_or_desk(city: Cast) -> None:
    closed, declined = bring_to(Status.CLOSED, city), bring_to(Status.DECLINED, city)
    for appeal, back in ((closed, Status.HANDLING), (declined, Status.FILED)):
        closing_actions.reopen(appeal.pk, requester(appeal), words="没有解决")
        appeal.refresh_from_db()
        assert (appeal.status, appeal.closed_at) == (back, None)
        running = {clock.kind for clock in appeal.clocks.filter(stopped_at=None)}
        assert running == {RESTING_CLOCK[back], ClockKind.SOLVE}


def test_verb_on_an_outdated_version_is_refused(city: Cast) -> None:
    appeal = bring_to(Status.SORTED, city)
    seen = appeal.version
    handling_actions.note(appeal.pk, city.clerk, why="已电话核实")
    with pytest.raises(moving.Conflict) as refused:
        actions.assign(appeal.pk, city.dispatcher, unit="milk", expect=seen)
    assert refused.value.code == "moved_on"


def test_second_urge_within_an_hour_is_refused_until_a_time(city: Cast) -> None:
    appeal = bring_to(Status.ASSIGNED, city)
    handling_actions.urge(appeal.pk, requester(appeal))
    with pytest.raises(moving.Conflict, match="以后可以再催"):
        handling_actions.urge(appeal.pk, requester(appeal))
    handling_actions.urge(appeal.pk, city.commander)


def test_merge_into_itself_ended_or_unknown_case_is_refused(city: Cast) -> None:
    appeal, ended = bring_to(Status.FILED, city), bring_to(Status.DECLINED, city)
    for master, code in (
        (appeal.pk, "own_master"),
        (ended.pk, "ended_master"),
        (10**12, "unknown_master"),
    ):
        with pytest.raises(moving.Refused) as refused:
            closing_actions.merge(appeal.pk, city.clerk, master=master)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("verb", "given", "code"),
    [
        (SORT, {"category": "no-such"}, "unknown_category"),
        (SORT, {"category": "milk", "area": "999999"}, "unknown_area"),
        (SORT, {"category": "milk", "klass": "x"}, "unknown_klass"),
        (SORT, {"category": "milk", "urgency": 9}, "unknown_urgency"),
    ],
)
def test_unknown_code_is_refused(verb: Verb, given: dict[str, Any], code: str, city: Cast) -> None:
    with pytest.raises(moving.Refused) as refused:
        verb.perform(file_one().pk, city.clerk, **given)
    assert refused.value.code == code


def test_case_cannot_be_escalated_above_the_city(city: Cast) -> None:
    appeal = bring_to(Status.HANDLING, city)
    for _level in (2, 1):
        oversight_actions.escalate(appeal.pk, city.commander, why="超出本组能力")
    with pytest.raises(moving.Conflict, match="最高"):
        oversight_actions.escalate(appeal.pk, city.commander, why="再提")


def test_extension_into_the_past_is_refused(city: Cast) -> None:
    appeal = bring_to(Status.HANDLING, city)
    until = timezone.now() + timedelta(days=20)
    handling_actions.extend(appeal.pk, city.dispatcher, until=until, why="等待到货")
    assert appeal.clocks.get(kind=ClockKind.SOLVE).due_at == until
    with pytest.raises(moving.Refused) as refused:
        handling_actions.extend(
            appeal.pk, city.dispatcher, until=timezone.now() - timedelta(hours=1), why="晚了"
        )
    assert refused.value.code == "past"


def test_extension_too_far_ahead_is_refused(city: Cast) -> None:
    appeal = bring_to(Status.HANDLING, city)
    with pytest.raises(moving.Refused) as refused:
        handling_actions.extend(
            appeal.pk, city.dispatcher, until=timezone.now() + timedelta(days=9999), why="永远"
        )
    assert (refused.value.code, refused.value.field) == ("too_far", "until")


def test_staff_cannot_replace_the_requesters_rating(city: Cast) -> None:
    appeal = bring_to(Status.RESOLVED, city)
    closing_actions.rate(appeal.pk, city.operator, solved=True, satisfaction="fairly")
    closing_actions.rate(appeal.pk, requester(appeal), solved=False, satisfaction="no")
    with pytest.raises(moving.Conflict) as refused:
        closing_actions.rate(appeal.pk, city.clerk, solved=True, satisfaction="yes")
    assert refused.value.code == "rated_already"
    closing_actions.rate(appeal.pk, requester(appeal), solved=True, satisfaction="yes")


def test_reopening_clears_the_result(city: Cast) -> None:
    appeal = bring_to(Status.RESOLVED, city)
    closing_actions.reopen(appeal.pk, requester(appeal), words="送错了")
    appeal.refresh_from_db()
    assert (appeal.result, appeal.solved) == ("", None)


def test_each_step_of_the_loop_records_an_event(city: Cast) -> None:
    appeal = bring_to(Status.RESOLVED, city)
    closing_actions.rate(
        appeal.pk, requester(appeal), solved=True, satisfaction="yes", words="谢谢"
    )
    closing_actions.close(appeal.pk, city.clerk)
    assert list(appeal.events.order_by("seq").values_list("verb", "to_status")) == [
        ("file", "filed"),
        ("sort", "sorted"),
        ("assign", "assigned"),
        ("accept", "handling"),
        ("resolve", "resolved"),
        ("rate", "resolved"),
        ("close", "closed"),
    ]
    assert Event.objects.filter(appeal=appeal, user=None).count() == 2


def test_case_is_handed_only_within_its_unit(city: Cast) -> None:
    appeal = bring_to(Status.ASSIGNED, city)
    for stranger in ("food-handler", "clerk", "nobody"):
        with pytest.raises(moving.Refused) as refused:
            actions.hand(appeal.pk, city.milk, user=stranger)
        assert (refused.value.code, refused.value.field) == ("unknown_user", "user")
    event = actions.hand(appeal.pk, city.milk, user="volunteer")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.holder_id) == (Status.HANDLING, city.volunteer.user_id)
    assert event.facts == {"user": "volunteer", "name": "志愿者小王"}
    with pytest.raises(moving.Conflict) as held:
        actions.hand(appeal.pk, city.milk, user="volunteer")
    assert held.value.code == "held_already"
    assert "holder" in relations(city.volunteer, appeal)


def test_photos_are_kept_only_if_the_verb_succeeds(city: Cast) -> None:
    appeal = bring_to(Status.HANDLING, city)
    photo = StoredPhoto("aa/one.jpg", 640, 480, 1000)
    event = handling_actions.report(appeal.pk, city.milk, words="已买到", photos=(photo,))
    kept = appeal.attachments.get()
    assert (kept.event_id, kept.file, kept.width) == (event.pk, "aa/one.jpg", 640)
    with pytest.raises(moving.Refused) as refused:
        handling_actions.resolve(
            appeal.pk, city.milk, words="好了", photos=(photo,) * (MAX_PHOTOS + 1)
        )
    assert refused.value.field == "photos"
    with pytest.raises(moving.Refused):
        handling_actions.report(appeal.pk, city.milk, words=" ", photos=(photo,))
    assert appeal.attachments.count() == 1
