"""Protected people from registration to wiping: checks, review, gaps, and the proof."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone
from PIL import Image

from tests.cast import Cast
from tests.cities import City, in_threads
from tests.guardian.people import (
    GRID,
    PHONE,
    PHONE_2,
    actor,
    grid_worker,
    registered,
    registration,
    sew_on,
    worker_elsewhere,
)
from yinghu.appeals.models import Policy
from yinghu.appeals.moving import Conflict, Forbidden, NotFound
from yinghu.common.privacy.sealing import Unreadable, blind
from yinghu.guardian import people_actions
from yinghu.guardian.models import Guardian, ProtectedPerson, Scan, ScanEntry, Tag, TagEvent
from yinghu.guardian.people_gaps import Gap, gaps_of, missing_something, notice_day, with_gaps
from yinghu.guardian.registration import GuardianEntry, Invalid, PublicCard, Registration
from yinghu.people import personal_keys, protected_disclosure
from yinghu.people.models import Change, PersonKey
from yinghu.people.personal_opening import open_bytes_for, open_for

State = ProtectedPerson.State
Days = timedelta


def fresh(person: ProtectedPerson) -> ProtectedPerson:
    return with_gaps(ProtectedPerson.objects.select_related("key")).get(pk=person.pk)


def steps_of(person: ProtectedPerson) -> list[str]:
    rows = Change.objects.filter(kind="protected", key=str(person.pk)).order_by("pk")
    return [change.after["step"] for change in rows]


def jpeg_with_position() -> bytes:
    picture, exif, file = Image.new("RGB", (80, 60), "red"), Image.Exif(), BytesIO()
    exif[0x8825] = {1: "N", 2: (29.0, 18.0, 0.0)}
    picture.save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.mark.django_db
def test_grid_worker_registers_a_person_who_is_active_at_once(city: Cast) -> None:
    person = fresh(registered())
    assert (person.state, person.area_id, person.nickname) == ("active", GRID, "桂花奶奶")
    assert person.review_on == timezone.localdate() + Days(182)
    assert person.registered_by_id == grid_worker().user_id
    shown = protected_disclosure.own_protected(person, person.guardians.all())
    assert shown.details == registration().sealed_details()
    assert shown.consent == {"name": "陈小明", "relation": "儿子"}
    assert [(each.name, each.phone) for each in shown.guardians] == [
        ("陈小明", PHONE),
        ("陈小红", PHONE_2),
    ]
    assert Guardian.objects.get(caller=blind(PHONE)).person == person
    assert steps_of(person) == ["registered"]
    assert not any("陈桂花".encode() in bytes(part) for part in (person.details, person.photo))


@pytest.mark.django_db
def test_photo_is_stored_sealed_and_without_its_position(city: Cast) -> None:
    person = fresh(registered(photo=jpeg_with_position()))
    stored = protected_disclosure.own_protected_photo(person)
    with Image.open(BytesIO(stored)) as picture:
        assert (picture.format, picture.size, dict(picture.getexif())) == ("JPEG", (80, 60), {})
    assert b"\xff\xd8" not in bytes(person.photo)[:40]


@pytest.mark.django_db
def test_registering_elsewhere_is_refused(city: Cast) -> None:
    for other in (worker_elsewhere(), city.volunteer, city.milk):
        with pytest.raises(Forbidden):
            people_actions.register(other, registration())
    assert not ProtectedPerson.objects.exists()


@pytest.mark.django_db
def test_faults_name_their_field(city: Cast) -> None:
    full, today = registration(), timezone.localdate()
    son, blank = full.guardians[0], GuardianEntry("")
    consent = full.consent
    cases: list[tuple[Registration, list[str]]] = [
        (registration(details=replace(full.details, name="")), ["name"]),
        (registration(details=replace(full.details, birth_year=1800)), ["birth_year"]),
        (registration(details=replace(full.details, height=15)), ["height"]),
        (registration(card=PublicCard()), ["nickname"]),
        (registration(card=replace(full.card, advice="她是陈桂花")), ["advice"]),
        (registration(card=replace(full.card, advice_en="Call 137 0000 0011")), ["advice_en"]),
        (registration(card=replace(full.card, nickname="三号楼 201")), ["nickname"]),
        (registration(area=""), ["area"]),
        (registration(consent=replace(consent, on=today + Days(1))), ["consent_on"]),
        (registration(consent=replace(consent, until=today)), ["consent_until"]),
        (registration(consent=replace(consent, until=today + Days(1097))), ["consent_until"]),
        (registration(guardians=()), ["guardians"]),
        (registration(guardians=(replace(son, phone="1370000"),)), ["guardians.1.phone"]),
        (registration(guardians=(replace(son, phone=""),)), ["guardians.1.phone"]),
        (registration(guardians=(son, replace(son, name="别人"))), ["guardians.2.phone"]),
        (
            registration(guardians=(son, replace(blank, mail="x@"))),
            ["guardians.2.name", "guardians.2.mail"],
        ),
    ]
    for wrong, expected in cases:
        with pytest.raises(Invalid) as refused:
            people_actions.register(grid_worker(), wrong)
        assert [fault.field for fault in refused.value.faults] == expected
    most = tuple(replace(son, phone=f"1370000{n:04d}", order=n) for n in range(1, 12))
    with pytest.raises(Invalid) as refused:
        people_actions.register(grid_worker(), registration(guardians=most))
    assert [fault.field for fault in refused.value.faults] == ["guardians", "guardians.11.order"]
    assert people_actions.register(grid_worker(), registration(guardians=most[:10])).pk
    assert PersonKey.objects.count() == 1


@pytest.mark.django_db
def test_consent_may_last_as_long_as_the_city_says(city: Cast) -> None:
    today = timezone.localdate()
    longer = replace(registration().consent, until=today + Days(1097))
    Policy.objects.create(pk="protected_consent_years", value=5)
    assert registered(consent=longer).consent_until == today + Days(1097)


@pytest.mark.django_db
def test_application_is_approved_or_refused_by_staff_of_the_area(city: Cast) -> None:
    person = people_actions.apply(registration(), PHONE)
    assert (person.state, person.review_on, gaps_of(fresh(person), notice_day())) == (
        "applied",
        None,
        [],
    )
    with pytest.raises(NotFound):
        people_actions.approve(person.pk, worker_elsewhere())
    people_actions.approve(person.pk, grid_worker())
    person = fresh(person)
    assert (person.state, person.decided_by_id) == ("active", grid_worker().user_id)
    assert person.review_on == timezone.localdate() + Days(182)
    with pytest.raises(Conflict):
        people_actions.refuse(person.pk, grid_worker())
    other = people_actions.apply(registration(card=PublicCard("别人")), PHONE_2)
    people_actions.refuse(other.pk, grid_worker())
    assert people_actions.check_wiped(other.pk).is_clean
    assert steps_of(other) == ["applied", "refused"]


@pytest.mark.django_db
def test_applying_needs_the_verified_phone_among_the_guardians(city: Cast) -> None:
    with pytest.raises(Invalid):
        people_actions.apply(registration(), "+8613700000099")
    assert not ProtectedPerson.objects.exists()


@pytest.mark.django_db
def test_update_replaces_guardians_and_swaps_phones(city: Cast) -> None:
    person = registered()
    first, second = person.guardians.all()
    full = registration()
    swapped = (
        replace(full.guardians[0], id=first.pk, phone=PHONE_2),
        replace(full.guardians[1], id=second.pk, phone=PHONE),
    )
    people_actions.update(person.pk, grid_worker(), replace(full, guardians=swapped))
    callers = dict(person.guardians.values_list("pk", "caller"))
    assert {pk: bytes(caller or b"") for pk, caller in callers.items()} == {
        first.pk: blind(PHONE_2),
        second.pk: blind(PHONE),
    }
    people_actions.update(person.pk, grid_worker(), replace(full, guardians=swapped[:1]))
    second.refresh_from_db()
    assert (second.active, second.caller, bytes(second.contact)) == (False, None, b"")
    with pytest.raises(NotFound):
        people_actions.update(person.pk, worker_elsewhere(), replace(full, area="330782100"))
    with pytest.raises(Forbidden):
        people_actions.update(person.pk, grid_worker(), replace(full, area="330782100"))


@pytest.mark.django_db
def test_guardian_of_another_person_is_not_taken_over(city: Cast) -> None:
    theirs = registered().guardians.first()
    assert theirs is not None
    other = registered()
    entry = replace(registration().guardians[0], id=theirs.pk)
    people_actions.update(other.pk, grid_worker(), registration(guardians=(entry,)))
    theirs.refresh_from_db()
    assert (theirs.person_id != other.pk, theirs.active) == (True, True)


@pytest.mark.django_db
def test_review_moves_the_next_one_by_the_city_period(city: Cast) -> None:
    person = registered()
    today = timezone.localdate()
    ProtectedPerson.objects.filter(pk=person.pk).update(review_on=today)
    assert Gap.REVIEW in gaps_of(fresh(person), notice_day())
    Policy.objects.create(pk="protected_review_days", value=90)
    people_actions.review(person.pk, grid_worker())
    assert fresh(person).review_on == today + Days(90)
    assert steps_of(person) == ["registered", "reviewed"]


@pytest.mark.django_db
def test_gaps_are_tasks_and_both_rules_agree(city: Cast) -> None:
    today = timezone.localdate()
    whole, untagged, silent, expired, expiring, due = (registered() for _n in range(6))
    for person in (whole, silent, expired, expiring, due):
        sew_on(person)
    silent.guardians.update(caller=None)
    expired_on, soon = today - Days(1), today + Days(30)
    ProtectedPerson.objects.filter(pk=expired.pk).update(consent_until=expired_on)
    ProtectedPerson.objects.filter(pk=expiring.pk).update(consent_until=soon)
    ProtectedPerson.objects.filter(pk=due.pk).update(review_on=today)
    expected = {
        whole.pk: [],
        untagged.pk: [Gap.TAG],
        silent.pk: [Gap.PHONE],
        expired.pk: [Gap.EXPIRED],
        expiring.pk: [Gap.EXPIRING],
        due.pk: [Gap.REVIEW],
    }
    people = with_gaps(ProtectedPerson.objects.all())
    assert {each.pk: gaps_of(each, notice_day()) for each in people} == expected
    missing = missing_something(people).values_list("pk", flat=True)
    assert set(missing) == {pk for pk, gaps in expected.items() if gaps}
    ProtectedPerson.objects.filter(pk=expiring.pk).update(consent_until=soon + Days(1))
    assert gaps_of(fresh(expiring), notice_day()) == []


@pytest.mark.django_db
def test_wiping_leaves_nothing_readable_and_proves_it(city: Cast) -> None:
    person = fresh(registered(photo=jpeg_with_position()))
    key = person.key
    raw = personal_keys.raw_key(key)
    scan = Scan.objects.create(person=person, key=key)
    words = personal_keys.seal_for(key, {"words": "她在车站"})
    picture = personal_keys.seal_bytes_for(key, b"picture")
    ScanEntry.objects.create(scan=scan, kind="message", side="family", content=words, photo=picture)
    sealed = [
        *(person.details, person.photo, person.consent_by),
        *(guardian.contact for guardian in person.guardians.all()),
    ]
    (tag,) = sew_on(person)
    assert open_for(key, words) == {"words": "她在车站"}
    assert not people_actions.check_wiped(person.pk).is_clean

    proof = people_actions.end_consent(person.pk, grid_worker())

    assert proof.digest == hashlib.sha256(raw).hexdigest()
    check = people_actions.check_wiped(person.pk)
    assert (check.is_clean, check.digest, check.destroyed_at) == (
        True,
        proof.digest,
        proof.destroyed_at,
    )
    gone = PersonKey.objects.get(pk=key.pk)
    assert (gone.sealed, gone.destroyed_by_id) == (None, grid_worker().user_id)
    kept = ScanEntry.objects.get(scan=scan)
    # Also what somebody has copied: neither the person's key nor the installation's opens it.
    for value in (*sealed, kept.content, kept.photo):
        with pytest.raises(Unreadable):
            open_for(gone, value)
        with pytest.raises(Unreadable):
            open_bytes_for(gone, value)
    person = fresh(person)
    assert (person.nickname, person.advice, person.advice_en, person.is_ill) == ("", "", "", False)
    assert (person.state, person.review_on) == ("ended", None)
    assert [bytes(part) for part in (person.details, person.photo, person.consent_by)] == [b""] * 3
    for guardian in person.guardians.all():
        assert (guardian.active, guardian.caller, bytes(guardian.contact)) == (False, None, b"")
    tag.refresh_from_db()
    assert (tag.state, tag.garment) == ("retired", "")
    event = TagEvent.objects.get(tag=tag)
    assert (event.state, event.user_id) == (Tag.State.RETIRED, grid_worker().user_id)
    scan.refresh_from_db()
    assert (scan.state, scan.next_at) == ("ended", None)
    assert people_actions.end_consent(person.pk, grid_worker()) == proof
    assert steps_of(person) == ["registered", "ended"]
    with pytest.raises(Conflict):
        people_actions.update(person.pk, grid_worker(), registration())


@pytest.mark.django_db
def test_person_is_not_wiped_while_a_finder_waits(city: Cast) -> None:
    person = registered()
    scan = Scan.objects.create(person=person, key=person.key, state=Scan.State.REPORTED)
    with pytest.raises(Conflict):
        people_actions.end_consent(person.pk, grid_worker())
    with pytest.raises(NotFound):
        people_actions.end_consent(person.pk, worker_elsewhere())
    assert fresh(person).state == "active"
    Scan.objects.filter(pk=scan.pk).update(is_test=True)
    people_actions.end_consent(person.pk, actor("operator"))
    assert fresh(person).state == "ended"


def test_update_that_races_with_wiping_leaves_nothing(own_city: City) -> None:
    people, by = [registered() for _n in range(4)], grid_worker()
    conflicts: list[int] = []

    def wipe() -> None:
        for person in people:
            people_actions.end_consent(person.pk, by)

    def change() -> None:
        for person in people:
            try:
                people_actions.update(person.pk, by, registration())
            except Conflict:
                conflicts.append(person.pk)

    in_threads(wipe, wipe, change, change)
    for person in people:
        assert people_actions.check_wiped(person.pk).is_clean
        assert steps_of(person).count("ended") == 1
        assert steps_of(person)[-1] == "ended"


@pytest.mark.django_db
def test_registering_the_same_person_twice_is_refused(city: Cast) -> None:
    person = registered()
    with pytest.raises(Conflict) as refused:
        people_actions.apply(registration(guardians=registration().guardians[1:]), PHONE_2)
    assert refused.value.field == "nickname"
    # A stranger who names the family's phone learns nothing.
    stranger = GuardianEntry("生人", phone="+8613700000099")
    guardians = (*registration().guardians, stranger)
    assert people_actions.apply(registration(guardians=guardians), stranger.phone).pk
    people_actions.end_consent(person.pk, grid_worker())
    assert people_actions.register(grid_worker(), registration()).pk


def test_form_sent_several_times_at_once_registers_one(own_city: City) -> None:
    by = grid_worker()
    refused: list[bool] = []

    def send() -> None:
        try:
            people_actions.register(by, registration())
        except Conflict:
            refused.append(True)

    in_threads(*[send] * 5)
    assert (len(refused), ProtectedPerson.objects.count()) == (4, 1)
