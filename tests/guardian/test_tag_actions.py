"""Steps of a tag: what each state allows, who may, and who wins a race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from tests.cities import City
from tests.guardian.protected import actor_named, batch_of, protected_person, strips_of
from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused
from yinghu.guardian import strips, tag_actions
from yinghu.guardian.models import ProtectedPerson, Tag, TagEvent
from yinghu.guardian.tag_actions import SOURCES, Sewn
from yinghu.guardian.tag_codes import format_number
from yinghu.people.access import Actor

State, Step = Tag.State, TagEvent.Step


def do(step: str, tag: Tag, actor: Actor, new: str = "") -> None:
    """Do a step by its name."""
    match step:
        case Step.TEST:
            tag_actions.begin_test(tag.pk, actor)
        case Step.SUSPEND:
            tag_actions.suspend(tag.pk, actor)
        case Step.RESUME:
            tag_actions.resume(tag.pk, actor)
        case Step.LOSE:
            tag_actions.report_lost(tag.pk, actor)
        case Step.REPLACE:
            tag_actions.replace(tag.pk, actor, new)
        case _:
            tag_actions.retire(tag.pk, actor)


@pytest.mark.django_db
def test_each_step_is_possible_in_its_states_only_and_leaves_an_event() -> None:
    actor, person = actor_named("grid-worker"), protected_person()
    spare = iter(strips_of(batch_of(40)))
    after = {
        Step.TEST: State.ACTIVE,
        Step.SUSPEND: State.SUSPENDED,
        Step.RESUME: State.ACTIVE,
        Step.LOSE: State.LOST,
        Step.REPLACE: State.REPLACED,
        Step.RETIRE: State.RETIRED,
    }
    assert set(after) == set(SOURCES)
    for step, target in after.items():
        for state in State.values:
            tag = next(spare)
            worn = None if state == State.STOCK else person
            Tag.objects.filter(pk=tag.pk).update(state=state, person=worn, garment="外套")
            tag.refresh_from_db()
            assert (step in tag_actions.possible_steps(tag)) is (state in SOURCES[step])
            new = Tag.objects.filter(state=State.STOCK).exclude(pk=tag.pk).latest("pk")
            if state in SOURCES[step]:
                do(step, tag, actor, new.number)
                event = TagEvent.objects.get(tag=tag)
                assert (event.step, event.state) == (step, target)
                assert event.user_id == actor.user_id
            else:
                with pytest.raises(Conflict):
                    do(step, tag, actor, new.number)
                assert not TagEvent.objects.filter(tag=tag).exists()
            tag.refresh_from_db()
            assert tag.state == (target if state in SOURCES[step] else state)


@pytest.mark.django_db
def test_a_strip_is_sewn_on_by_its_number_however_it_was_typed_or_scanned() -> None:
    actor, person = actor_named("grid-futian"), protected_person(area="330782008001003")
    one, two, three, _four = strips_of(batch_of(4))
    spaced = format_number(one.number).replace(" ", "-")
    sewn = [Sewn(spaced, "外套"), Sewn(strips.tag_address(two.pk), "裤子")]
    tags = tag_actions.activate_many(sewn, person.pk, actor)
    assert [(tag.pk, tag.state, tag.garment) for tag in tags] == [
        (one.pk, "active", "外套"),
        (two.pk, "active", "裤子"),
    ]
    tag_actions.activate(three.pk, person.pk, actor, "毛衣")
    assert [tag.garment for tag in tag_actions.worn_tags(person.pk)] == ["外套", "裤子", "毛衣"]
    assert list(TagEvent.objects.order_by("pk").values_list("step", "person", "garment")) == [
        ("activate", person.pk, "外套"),
        ("activate", person.pk, "裤子"),
        ("activate", person.pk, "毛衣"),
    ]


@pytest.mark.django_db
def test_a_list_with_one_wrong_strip_changes_nothing() -> None:
    actor, person = actor_named("grid-worker"), protected_person()
    one, two = strips_of(batch_of(2))
    for second in ("123 456 789", one.number, "", "https://example.org/g/none"):
        with pytest.raises((NotFound, Conflict)):
            tag_actions.activate_many(
                [Sewn(one.number, "外套"), Sewn(second, "裤子")], person.pk, actor
            )
    with pytest.raises(Refused) as refused:
        tag_actions.activate_many(
            [Sewn(one.number, "外套"), Sewn(two.number, " ")], person.pk, actor
        )
    assert refused.value.field == "garment"
    assert set(Tag.objects.values_list("state", flat=True)) == {"stock"}
    assert not TagEvent.objects.exists()


@pytest.mark.django_db
def test_only_those_who_look_after_the_person_may_touch_their_tags() -> None:
    person, batch = protected_person(), batch_of(3)
    one, two, _three = strips_of(batch)
    tag_actions.activate(one.pk, person.pk, actor_named("community-head"), "外套")
    # Another grid, another town, another desk, a volunteer, an administrator without a post here.
    for username in ("grid-futian", "fotang-head", "milk-handler", "volunteer", "admin", "clerk"):
        actor = actor_named(username)
        with pytest.raises(NotFound):
            tag_actions.activate(two.pk, person.pk, actor, "裤子")
        for step in SOURCES:
            with pytest.raises(NotFound):
                do(step, one, actor, two.number)
    assert Tag.objects.get(pk=one.pk).state == State.ACTIVE
    assert TagEvent.objects.count() == 1
    tag_actions.suspend(one.pk, actor_named("dispatcher"))


@pytest.mark.django_db
def test_nothing_is_activated_for_people_who_are_not_or_no_longer_registered() -> None:
    actor = actor_named("grid-worker")
    one, two = strips_of(batch_of(2))
    for state in (ProtectedPerson.State.APPLIED, ProtectedPerson.State.ENDED):
        with pytest.raises(Conflict) as refused:
            tag_actions.activate(one.pk, protected_person(state=state).pk, actor, "外套")
        assert refused.value.code == "person_inactive"
    person = protected_person()
    tag_actions.activate(one.pk, person.pk, actor, "外套")
    tag_actions.suspend(one.pk, actor)
    ProtectedPerson.objects.filter(pk=person.pk).update(state=ProtectedPerson.State.ENDED)
    with pytest.raises(Forbidden):
        tag_actions.resume(one.pk, actor)
    with pytest.raises(Forbidden):
        tag_actions.replace(one.pk, actor, two.number)
    tag_actions.retire(one.pk, actor)


@pytest.mark.django_db
def test_a_replacement_wears_the_same_garment() -> None:
    actor, person = actor_named("grid-worker"), protected_person()
    one, two, three = strips_of(batch_of(3))
    tag_actions.activate(one.pk, person.pk, actor, "红棉袄")
    new = tag_actions.replace(one.pk, actor, format_number(two.number))
    assert (new.pk, new.person_id, new.garment, new.state) == (
        two.pk,
        person.pk,
        "红棉袄",
        State.ACTIVE,
    )
    one.refresh_from_db()
    assert one.state == State.REPLACED
    with pytest.raises(Conflict) as refused:
        tag_actions.replace(two.pk, actor, one.number)
    assert refused.value.code == "not_in_stock"
    with pytest.raises(Conflict) as refused:
        tag_actions.activate(two.pk, person.pk, actor, "裤子")
    assert refused.value.code == "sewn"
    assert "红棉袄" in refused.value.message
    three.refresh_from_db()
    assert three.state == State.STOCK


@pytest.mark.django_db
def test_a_test_ends_by_itself_and_with_the_next_step() -> None:
    actor, person = actor_named("grid-worker"), protected_person()
    (tag,) = strips_of(batch_of(1))
    tag_actions.activate(tag.pk, person.pk, actor, "外套")
    until = tag_actions.begin_test(tag.pk, actor)
    tag.refresh_from_db()
    assert tag.test_until == until
    assert timezone.now() < until
    tag_actions.suspend(tag.pk, actor)
    assert tag_actions.resume(tag.pk, actor).test_until is None


def test_of_two_grid_workers_with_the_same_strip_one_wins(own_city: City) -> None:
    (tag,) = strips_of(batch_of(1))
    people = [protected_person(nickname=name) for name in ("阿婆", "阿公")]
    actors = [actor_named(name) for name in ("grid-worker", "community-head")]
    start = Barrier(2)

    def sew(n: int) -> str:
        try:
            start.wait()
            tag_actions.activate(tag.pk, people[n].pk, actors[n], "外套")
        except Conflict as refused:
            return refused.code
        finally:
            connection.close()
        return "sewn on"

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(sew, range(2)))
    assert sorted(results) == ["not_in_stock", "sewn on"]
    winner = results.index("sewn on")
    tag.refresh_from_db()
    assert tag.person == people[winner]
    event = TagEvent.objects.get(tag=tag)
    assert (event.person, event.user_id) == (people[winner], actors[winner].user_id)
