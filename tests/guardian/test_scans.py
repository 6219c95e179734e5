"""Scans of tags and the alerts that follow, without pages."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from tests.guardian.scanned import a_report, jobs_of, make_tag, protect, told_steps
from yinghu.appeals.models import Policy
from yinghu.guardian import alerts, scans
from yinghu.guardian.models import AlertStep, Guardian, Scan, ScanEntry, Tag
from yinghu.guardian.scans import Author
from yinghu.guardian.tag_codes import tag_code
from yinghu.people.models import Post, Role, Unit, UnitKind, User
from yinghu.people.scan_disclosure import own_entry
from yinghu.places.models import Area

pytestmark = pytest.mark.django_db


def pass_minutes(scan: int, minutes: int) -> None:
    """Move what is due on as if so many minutes had passed."""
    alerts.advance_due(timezone.now() + timedelta(minutes=minutes))


def test_pages_opened_in_a_window_are_one_scan_and_one_notice() -> None:
    person = protect()
    cards = {scans.open_tag(person.code, counts=True) for _each in range(5)}
    assert [card.nickname for card in cards] == ["王奶奶"]
    scan = Scan.objects.get(person=person.person)
    assert (scan.opened, scan.state) == (5, "seen")
    assert [alerts.advance_due(), alerts.advance_due()] == [1, 0]
    assert jobs_of(scan.pk) == [0]


def test_a_page_opened_after_the_window_is_another_scan() -> None:
    person = protect()
    Policy.objects.create(key="tag_window_minutes", value=5)
    scans.open_tag(person.code, counts=True)
    Scan.objects.update(last_at=timezone.now() - timedelta(minutes=6))
    scans.open_tag(person.code, counts=True)
    assert list(Scan.objects.order_by("pk").values_list("opened", flat=True)) == [1, 1]


def test_two_scans_begun_in_the_same_moment_are_told_once() -> None:
    person = protect()
    for _each in range(2):
        Scan.objects.create(
            tag=person.tag, person=person.person, key=person.person.key, next_at=timezone.now()
        )
    assert alerts.advance_due() == 2
    assert ScanEntry.objects.filter(kind="seen").count() == 1


def test_previews_count_nothing() -> None:
    person = protect()
    assert scans.open_tag(person.code, counts=False).nickname == "王奶奶"
    assert not Scan.objects.exists()


def test_other_tags_give_the_general_card_and_count_nothing() -> None:
    person = protect()
    states = [Tag.State.STOCK, Tag.State.SUSPENDED, Tag.State.RETIRED, Tag.State.REPLACED]
    worn = [make_tag(state, person.person) for state in states]
    codes = [*(tag_code(tag.pk) for tag in worn), "x" * 24, ""]
    assert {scans.open_tag(code, counts=True) for code in codes} == {scans.TagCard()}
    assert not Scan.objects.exists()


def test_an_ended_registration_has_the_general_card() -> None:
    person = protect(state="ended")
    assert scans.open_tag(person.code, counts=True) == scans.TagCard()


def test_a_form_sent_twice_is_one_report() -> None:
    person = protect()
    report = a_report(lon=121.5, lat=29.3, accuracy=20, phone="13811112222")
    first, second = (scans.report_by_code(person.code, report) for _each in range(2))
    assert first == second
    entry = ScanEntry.objects.get(kind="report")
    assert own_entry(person.person.key, entry) == {
        "words": "在公园门口",
        "lon": 121.5,
        "lat": 29.3,
        "accuracy": 20,
        "phone": "13811112222",
    }
    assert "公园" not in bytes(entry.content).decode("latin-1")
    assert jobs_of(first) == [1]


def test_a_report_joins_the_opened_page_and_a_second_finder_the_first() -> None:
    person = protect()
    scans.open_tag(person.code, counts=True)
    found = {scans.report_by_code(person.code, a_report()) for _each in range(2)}
    assert list(Scan.objects.values_list("pk", flat=True)) == list(found)
    (scan,) = found
    # The opened page needs no notice of its own any more.
    alerts.advance_due()
    assert jobs_of(scan) == [1]


def test_a_test_alerts_nobody() -> None:
    person = protect()
    Tag.objects.update(test_until=timezone.now() + timedelta(hours=1))
    scans.open_tag(person.code, counts=True)
    scan = scans.report_by_code(person.code, a_report())
    pass_minutes(scan, 60)
    assert Scan.objects.get().is_test
    assert (jobs_of(scan), AlertStep.objects.count()) == ([], 0)


def test_a_report_of_an_unknown_or_inactive_tag_goes_to_the_desk_alone() -> None:
    person = protect()
    tag = make_tag(Tag.State.SUSPENDED, person.person)
    for number in ("", tag.number):
        scan = Scan.objects.get(pk=scans.report_by_number(number, a_report()))
        assert (scan.person, scan.state) == (None, "reported")
        assert [step.kind for step in scan.steps.all()] == ["desk"]
        assert scan.key_id != person.person.key_id


def test_a_report_by_number_reaches_the_person() -> None:
    person = protect()
    scan = scans.report_by_number(person.tag.number, a_report(), Author.desk(1))
    assert Scan.objects.get(pk=scan).person == person.person


def grid_worker(name: str, area: str) -> User:
    Area.objects.get_or_create(code=area, defaults={"name": area, "level": 4})
    unit = Unit.objects.create(code=name, name=name, kind=UnitKind.GRID, area_id=area)
    user = User.objects.create(username=name)
    Post.objects.create(user=user, unit=unit, role=Role.GRID_WORKER)
    return user


def test_steps_are_told_in_order_until_the_desk() -> None:
    person = protect(2, 1, 2)
    village = person.person.area_id
    near = grid_worker("near-worker", village)
    grid_worker("far-worker", village[:9] + "999")
    scan = scans.report_by_code(person.code, a_report())
    steps = [(s.n, s.kind, s.guardian_id or s.user_id) for s in AlertStep.objects.all()]
    second, first, third = (guardian.pk for guardian in person.guardians)
    others = [step for step in steps if step[1] == "grid" and step[2] != near.pk]
    assert [step for step in steps if step not in others] == [
        (1, "guardian", first),
        (2, "guardian", second),
        (2, "guardian", third),
        (3, "grid", near.pk),
        (4, "desk", None),
    ]
    seen = [told_steps(scan)]
    for minutes in (2, 4, 8, 12, 16):
        pass_minutes(scan, minutes)
        seen.append(told_steps(scan))
    assert seen == [[1], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]]
    assert jobs_of(scan) == [1, 2, 3, 4]


def test_an_answer_stops_the_steps() -> None:
    person = protect()
    scan = scans.report_by_code(person.code, a_report())
    first, second = person.guardians
    assert alerts.answer(scan, guardian_id=first.pk)
    assert not alerts.answer(scan, guardian_id=second.pk)
    pass_minutes(scan, 60)
    assert told_steps(scan) == [1]
    row = Scan.objects.get(pk=scan)
    assert (row.state, row.answered_by) == ("answered", first)


def test_the_end_closes_the_board() -> None:
    person = protect()
    scan = scans.report_by_code(person.code, a_report())
    assert scans.post_message(scan, Author.finder(), "我们在长椅上", uuid4())
    assert alerts.end(scan, guardian_id=person.guardians[0].pk)
    assert not alerts.end(scan, guardian_id=person.guardians[0].pk)
    assert not scans.post_message(scan, Author.finder(), "还在吗", uuid4())
    pass_minutes(scan, 60)
    assert told_steps(scan) == [1]


def test_a_message_sent_twice_is_written_once() -> None:
    person = protect()
    scan = scans.report_by_code(person.code, a_report())
    form = uuid4()
    for _each in range(2):
        assert scans.post_message(scan, Author.finder(), "我们在长椅上", form)
    assert ScanEntry.objects.filter(kind="message").count() == 1


def test_inactive_guardians_are_not_told() -> None:
    person = protect()
    Guardian.objects.filter(pk=person.guardians[0].pk).update(active=False)
    scan = scans.report_by_code(person.code, a_report())
    guardians = AlertStep.objects.filter(scan=scan, kind="guardian")
    assert [step.guardian_id for step in guardians] == [person.guardians[1].pk]
