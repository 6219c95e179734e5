"""Disclosure of protected people: who may see them, who is refused, and what is logged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.cast import Cast
from tests.cities import City, in_threads
from tests.guardian.people import PHONE, actor, grid_worker, registered, worker_elsewhere
from yinghu.guardian import people_actions
from yinghu.guardian.models import ProtectedPerson
from yinghu.people import protected_disclosure
from yinghu.people.access import SYSTEM, Actor
from yinghu.people.disclosure import Denied
from yinghu.people.models import Reveal
from yinghu.people.personal_keys import Wiped

ALL = ["name", "phone", "address", "details", "photo"]


def looks() -> list[tuple[str, int | None, list[str], str]]:
    """The log in order: username, person, fields shown, reason."""
    found = Reveal.objects.order_by("pk")
    return list(found.values_list("user__username", "protected", "shown", "why"))


@pytest.mark.django_db
def test_staff_of_the_area_see_a_person_and_the_others_are_denied(city: Cast) -> None:
    person = registered()
    denied = (city.milk, city.volunteer, city.clerk, worker_elsewhere(), Actor("stranger"), SYSTEM)
    for other in (*denied, actor("fotang-head"), actor("admin")):
        with pytest.raises(Denied):
            protected_disclosure.show_protected(other, person, person.guardians.all())
        with pytest.raises(Denied):
            protected_disclosure.show_protected_photo(other, person)
    assert looks() == []
    for username in ("grid-futian", "community-head", "town-head", "operator"):
        shown = protected_disclosure.show_protected(actor(username), person, person.guardians.all())
        assert (shown.details["name"], shown.guardians[0].phone) == ("陈桂花", PHONE)
        assert looks()[-1] == (username, person.pk, ALL, f"person {person.pk}")
    assert len(looks()) == 4


@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "rows"), [(14, 1), (16, 2)])
def test_page_and_photo_are_one_look_within_a_quarter_of_an_hour(
    city: Cast, minutes: int, rows: int
) -> None:
    person, by = registered(), grid_worker()
    Reveal.objects.create(
        user_id=by.user_id or 0,
        protected=person.pk,
        shown=ALL,
        why=f"person {person.pk}",
        at=timezone.now() - timedelta(minutes=minutes),
    )
    for _turn in range(3):
        protected_disclosure.show_protected(by, person)
        protected_disclosure.show_protected_photo(by, person)
    assert len(looks()) == rows
    other = registered()
    protected_disclosure.show_protected(by, other)
    assert looks()[-1][1] == other.pk


def test_concurrent_pages_log_one_look(own_city: City) -> None:
    person, by = registered(), grid_worker()
    in_threads(*[lambda: protected_disclosure.show_protected(by, person)] * 6)
    assert len(looks()) == 1


@pytest.mark.django_db
def test_own_data_and_masked_names_are_not_logged(city: Cast) -> None:
    person = registered()
    guardian = person.guardians.all()[0]
    assert protected_disclosure.own_protected(person).details["name"] == "陈桂花"
    assert protected_disclosure.masked_protected_name(person) == "陈**"
    contact = protected_disclosure.guardian_contact(person.key, guardian)
    assert (contact.phone, contact.mail) == (PHONE, "son@example.com")
    assert looks() == []


@pytest.mark.django_db
def test_wiped_person_is_shown_to_nobody(city: Cast) -> None:
    person = registered()
    copied = bytes(person.details)
    people_actions.end_consent(person.pk, grid_worker())
    person = ProtectedPerson.objects.select_related("key").get(pk=person.pk)
    assert protected_disclosure.own_protected(person).details == {}
    person.details = copied
    with pytest.raises(Wiped):
        protected_disclosure.show_protected(grid_worker(), person)
