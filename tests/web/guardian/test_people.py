"""Pages of protected people: list, registration, one person's page, wiping; and strangers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from tests.cast import Cast
from tests.guardian.people import (
    GRID,
    PHONE,
    PHONE_2,
    grid_worker,
    registered,
    registration,
    sew_on,
    worker_elsewhere,
)
from tests.guardian.test_people import jpeg_with_position
from tests.web.conftest import Browse, text_of
from yinghu.guardian import people_actions
from yinghu.guardian.models import ProtectedPerson
from yinghu.guardian.registration import PersonDetails, PublicCard
from yinghu.people import protected_disclosure
from yinghu.people.models import Reveal

pytestmark = pytest.mark.django_db

PEOPLE = "/desk/guardian/people"
SCRIPT = "<script>alert(1)</script>"


def page_of(person: ProtectedPerson, part: str = "") -> str:
    return f"{PEOPLE}/{person.pk}{part}"


def written(**given: Any) -> dict[str, Any]:
    """What a grid worker types."""
    today = timezone.localdate()
    texts = {
        "name": "陈桂花",
        "sex": "f",
        "birth_year": "1944",
        "area": GRID,
        "address": "三号楼 201",
        "nickname": "桂花奶奶",
        "advice": "请慢慢说话",
        "heads_for": "老火车站",
        "consent_name": "陈小明",
        "consent_relation": "儿子",
        "consent_on": today.isoformat(),
        "consent_until": (today + timedelta(days=365)).isoformat(),
        "rows": "2",
        "g1-name": "陈小明",
        "g1-phone": "137 0000 0011",
        "g1-order": "1",
        "g2-order": "2",
    }
    return {**texts, **given}


@pytest.fixture
def walk(browse: Browse) -> Client:
    """The grid worker's browser."""
    return browse("grid-futian")


def test_grid_worker_registers_and_changes_a_person(city: Cast, walk: Client) -> None:
    assert f'value="{GRID} ' in text_of(walk.get(f"{PEOPLE}/new"))
    answer = walk.post(f"{PEOPLE}/new", written())
    person = ProtectedPerson.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, page_of(person))
    said = text_of(walk.get(page_of(person)))
    for text in ("陈桂花", "三号楼 201", "老火车站", f'href="tel:{PHONE}"', "没有在用的布条"):
        assert text in said
    assert f'href="/desk/guardian/activate?person={person.pk}"' in said

    form = text_of(walk.get(page_of(person, "/edit")))
    first = person.guardians.get()
    assert f'name="g1-id" value="{first.pk}"' in form
    changed = written(**{"g1-id": first.pk, "g2-name": "陈小红", "g2-phone": PHONE_2})
    assert walk.post(page_of(person, "/edit"), changed).status_code == 302
    shown = protected_disclosure.own_protected(person, person.guardians.filter(active=True))
    assert [guardian.phone for guardian in shown.guardians] == [PHONE, PHONE_2]
    assert person.guardians.order_by("pk")[0] == first


def test_faults_stand_beside_their_fields_and_nothing_typed_is_lost(
    city: Cast, walk: Client
) -> None:
    wrong = written(**{"birth_year": "1800", "g1-phone": "", "g2-name": "陈小红", "g2-phone": "12"})
    answer = walk.post(f"{PEOPLE}/new", wrong)
    said = text_of(answer)
    assert answer.status_code == 422
    for field in ("p-birth_year", "p-g2-phone"):
        assert f'id="{field}-error"' in said
    assert 'id="p-g1-phone-error"' not in said
    assert "三号楼 201" in said
    answer = walk.post(f"{PEOPLE}/new", written(**{"g1-name": "", "g1-phone": ""}))
    assert 'id="p-g1-phone-error"' in text_of(answer)
    said = text_of(walk.post(f"{PEOPLE}/new", {"rows": "2"}))
    for field in ("p-name", "p-nickname", "p-area", "p-g1-phone", "p-consent_until"):
        assert f'id="{field}-error"' in said
    answer = walk.post(f"{PEOPLE}/new", written(area="330782100"))
    assert (answer.status_code, 'id="p-area-error"' in text_of(answer)) == (403, True)
    answer = walk.post(f"{PEOPLE}/new", written(advice="打 137 0000 0011"))
    assert 'id="p-advice-error"' in text_of(answer)
    assert not ProtectedPerson.objects.exists()


def test_photo_is_shown_to_staff_of_the_area_only_and_stored_nowhere_else(
    city: Cast, walk: Client, browse: Browse, tmp_path: Any
) -> None:

    photo = SimpleUploadedFile("a.jpg", jpeg_with_position(), "image/jpeg")
    walk.post(f"{PEOPLE}/new", written(photo=photo))
    person = ProtectedPerson.objects.get()
    answer = walk.get(page_of(person, "/photo"))
    assert (answer.status_code, answer.content[:2]) == (200, b"\xff\xd8")
    assert "no-store" in answer.headers["Cache-Control"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    worker_elsewhere()
    assert browse("grid-fotang").get(page_of(person, "/photo")).status_code == 404
    bad = SimpleUploadedFile("a.jpg", b"no picture", "image/jpeg")
    answer = walk.post(page_of(person, "/edit"), written(photo=bad))
    assert (answer.status_code, 'id="p-photo-error"' in text_of(answer)) == (422, True)


def test_each_look_is_logged_once_and_named_on_the_page(city: Cast, walk: Client) -> None:
    person = registered()
    for _turn in range(2):
        said = text_of(walk.get(page_of(person)))
        walk.get(page_of(person, "/edit"))
        walk.get(page_of(person, "/photo"))
    look = Reveal.objects.get()
    assert (look.user_id, look.protected, look.asked) == (grid_worker().user_id, person.pk, False)
    assert "网格员小杜" in said.split("谁看过")[1]


def test_lists_are_masked_and_no_look(city: Cast, walk: Client) -> None:
    registered()
    said = text_of(walk.get(PEOPLE))
    assert ("桂花奶奶" in said, "陈**" in said) == (True, True)
    for private in ("陈桂花", PHONE, "0000", "三号楼", "阿尔茨海默"):
        assert private not in said
    assert not Reveal.objects.exists()


def test_gaps_and_applications_stand_first_as_tasks(city: Cast, walk: Client) -> None:
    whole = registered(card=PublicCard("都齐的人"))
    sew_on(whole)
    registered(card=PublicCard("没布条的人"))
    people_actions.apply(registration(card=PublicCard("申请的人")), PHONE)
    tasks = text_of(walk.get(PEOPLE)).split('aria-label="状态"')[0]
    assert [name in tasks for name in ("都齐的人", "没布条的人", "申请的人")] == [False, True, True]
    assert ("没有在用的布条" in tasks, "家属申请，请审核" in tasks) == (True, True)


def test_staff_elsewhere_see_nothing(city: Cast, browse: Browse) -> None:
    person = registered()
    worker_elsewhere()
    away = browse("grid-fotang")
    assert "桂花奶奶" not in text_of(away.get(PEOPLE))
    for part in ("", "/edit", "/photo"):
        assert away.get(page_of(person, part)).status_code == 404
    assert away.post(page_of(person, "/edit"), written()).status_code == 404
    for verb in ("review", "end", "approve", "refuse"):
        answer = away.post(page_of(person, f"/{verb}"), {"sure": "1"})
        assert answer.status_code == 404
    assert ProtectedPerson.objects.get().state == "active"
    assert not Reveal.objects.exists()


@pytest.mark.parametrize("username", ["volunteer", "milk-handler", "clerk", "admin"])
def test_logins_without_the_desk_are_refused(city: Cast, browse: Browse, username: str) -> None:
    person = registered()
    client = browse(username)
    for address in (PEOPLE, f"{PEOPLE}/new", page_of(person), page_of(person, "/photo")):
        assert client.get(address).status_code == 403
    for address in (f"{PEOPLE}/new", page_of(person, "/edit"), page_of(person, "/end")):
        assert client.post(address, {"sure": "1"}).status_code == 403
    assert browse().get(page_of(person)).status_code == 302
    assert not Reveal.objects.exists()


def test_typed_markup_is_escaped_everywhere(city: Cast, walk: Client) -> None:
    texts = dict.fromkeys(PersonDetails.__dataclass_fields__, SCRIPT)
    numbers: dict[str, Any] = {"birth_year": 1944, "height": 150, "sex": "f", "name": f"a{SCRIPT}"}
    numbers["address"] = ""
    full = registration()
    guardian = full.guardians[0]
    person = registered(
        details=PersonDetails(**{**texts, **numbers}),
        card=PublicCard(SCRIPT, SCRIPT, SCRIPT),
        guardians=(type(guardian)(SCRIPT, SCRIPT, PHONE),),
    )
    for address in (PEOPLE, page_of(person), page_of(person, "/edit")):
        said = text_of(walk.get(address))
        assert (SCRIPT in said, escape(SCRIPT) in said) == (False, True)


def test_application_is_approved_on_the_page(city: Cast, walk: Client) -> None:
    person = people_actions.apply(registration(), PHONE)
    assert "核对过了，通过" in text_of(walk.get(page_of(person)))
    walk.post(page_of(person, "/approve"))
    assert ProtectedPerson.objects.get().state == "active"
    again = walk.post(page_of(person, "/approve"))
    assert (again.status_code, "别人刚刚处理过" in text_of(again)) == (409, True)


def test_review_button_moves_the_next_review(city: Cast, walk: Client) -> None:
    person = registered()
    ProtectedPerson.objects.update(review_on=timezone.localdate())
    assert "该复核了" in text_of(walk.get(page_of(person)))
    walk.post(page_of(person, "/review"))
    said = text_of(walk.get(page_of(person)))
    assert ("该复核了" in said, "已记下复核" in said) == (False, True)


def test_wiping_needs_a_tick_and_shows_the_proof(city: Cast, walk: Client) -> None:
    person = registered()
    answer = walk.post(page_of(person, "/end"))
    assert (answer.status_code, "请先打勾确认" in text_of(answer)) == (422, True)
    assert ProtectedPerson.objects.get().state == "active"
    assert walk.post(page_of(person, "/end"), {"sure": "1"}).status_code == 302
    said = text_of(walk.get(page_of(person)))
    check = people_actions.check_wiped(person.pk)
    assert (check.digest in said, "什么也读不出来了" in said) == (True, True)
    for private in ("陈桂花", "桂花奶奶", PHONE, "三号楼"):
        assert private not in said
    assert walk.get(page_of(person, "/photo")).status_code == 404
    assert walk.get(page_of(person, "/edit")).status_code == 302
    assert f"{person.pk} 号" in text_of(walk.get(f"{PEOPLE}?state=ended"))


def test_history_of_changes_names_the_step_and_nothing_of_the_person(
    city: Cast, browse: Browse
) -> None:
    registered()
    said = text_of(browse("admin").get("/setup/history"))
    assert ("被守护人" in said, "陈桂花" in said, "桂花奶奶" in said) == (True, False, False)
