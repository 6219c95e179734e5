"""Guardians' own door: the code, the application, one's own person and who looked."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from tests.cast import Cast
from tests.guardian.people import (
    PHONE_2,
    grid_worker,
    registered,
    registration,
)
from tests.guardian.test_people import jpeg_with_position
from tests.web.conftest import Browse, text_of
from tests.web.guardian.test_people import written
from tests.web.volunteers.test_joining import prove
from yinghu.guardian import people_actions
from yinghu.guardian.models import ProtectedPerson
from yinghu.guardian.registration import GuardianEntry, PublicCard
from yinghu.people import protected_disclosure
from yinghu.people.models import Reveal

pytestmark = pytest.mark.django_db

MINE, THEIRS = "13700000011", "13700000012"


def guardian(browse: Browse, phone: str = MINE) -> Client:
    client = browse()
    assert prove(client, "/family", phone).status_code == 302
    return client


def test_family_applies_by_phone_code_and_the_grid_worker_decides(
    city: Cast, browse: Browse
) -> None:
    assert 'href="/family"' in text_of(browse().get("/"))
    family = guardian(browse)
    assert "还没有登记过" in text_of(family.get("/family"))
    assert 'value="+8613700000011"' in text_of(family.get("/family/apply"))
    other = family.post("/family/apply", written(**{"g1-phone": THEIRS}))
    assert (other.status_code, "请把您刚才验证的手机号" in text_of(other)) == (422, True)
    answer = family.post("/family/apply", written())
    person = ProtectedPerson.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/family/{person.pk}")
    assert (person.state, person.registered_by) == ("applied", None)
    # Sent twice
    again = family.post("/family/apply", written())
    assert (again.status_code, 'id="p-nickname-error"' in text_of(again)) == (409, True)
    assert "网格员会打电话或上门核对" in text_of(family.get(f"/family/{person.pk}"))
    people_actions.approve(person.pk, grid_worker())
    assert "在册" in text_of(family.get("/family"))


def test_applications_of_one_phone_are_limited(city: Cast, browse: Browse) -> None:
    family = guardian(browse)
    for n in range(people_actions.MOST_APPLICATIONS):
        answer = family.post("/family/apply", written(nickname=f"奶奶{n}"))
        assert answer.status_code == 302
    answer = family.post("/family/apply", written())
    assert (answer.status_code, "您已经有几份申请" in text_of(answer)) == (409, True)


def test_guardian_sees_who_looked_by_unit_and_is_not_logged(city: Cast, browse: Browse) -> None:
    person = registered(photo=jpeg_with_position())
    protected_disclosure.show_protected(grid_worker(), person)
    family = guardian(browse)
    said = text_of(family.get(f"/family/{person.pk}"))
    assert family.get(f"/family/{person.pk}/photo").content[:2] == b"\xff\xd8"
    assert ("福田社区第三网格" in said.split("谁看过")[1], "网格员小杜" in said) == (True, False)
    assert ("阿尔茨海默病" in said, "陈小红" in said) == (True, True)
    # Phones of the other guardians stay masked.
    assert (PHONE_2[3:] in said, "0000</span><span>0012" in said) == (False, False)
    assert Reveal.objects.count() == 1


def test_guardian_of_one_person_sees_no_other(city: Cast, browse: Browse) -> None:
    mine = registered()
    other = GuardianEntry("别人", "邻居", "13700000077")
    theirs = registered(card=PublicCard("别家老人"), guardians=(other,))
    family = guardian(browse)
    assert "别家老人" not in text_of(family.get("/family"))
    for address in (f"/family/{theirs.pk}", f"/family/{theirs.pk}/photo"):
        assert family.get(address).status_code == 404
    stranger = browse()
    assert stranger.get(f"/family/{mine.pk}").headers["Location"] == "/family"
    assert stranger.get(f"/family/{mine.pk}/photo").status_code == 404
    assert stranger.get("/family/apply").status_code == 302
    # A staff login is no guardian.
    assert browse("grid-futian").get(f"/family/{mine.pk}").status_code == 302


def test_door_closes_on_leaving_and_after_half_an_hour(
    city: Cast, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = registered()
    family = guardian(browse)
    assert family.get(f"/family/{person.pk}").status_code == 200
    family.post("/family/leave")
    assert family.get(f"/family/{person.pk}").status_code == 302
    late = guardian(browse, THEIRS)
    assert late.get(f"/family/{person.pk}").status_code == 200
    now = time.time() + 31 * 60
    monkeypatch.setattr(time, "time", lambda: now)
    assert late.get(f"/family/{person.pk}").status_code == 302


def test_guardian_who_left_and_wiped_people_are_not_shown(city: Cast, browse: Browse) -> None:
    person = registered()
    family = guardian(browse, THEIRS)
    assert family.get(f"/family/{person.pk}").status_code == 200
    first = person.guardians.all()[0]
    kept = registration().guardians[0]
    only = registration(guardians=(GuardianEntry(kept.name, phone=kept.phone, id=first.pk),))
    people_actions.update(person.pk, grid_worker(), only)
    assert family.get(f"/family/{person.pk}").status_code == 404
    own = guardian(browse)
    assert own.get(f"/family/{person.pk}").status_code == 200
    people_actions.end_consent(person.pk, grid_worker())
    assert own.get(f"/family/{person.pk}").status_code == 404
    assert "桂花" not in text_of(own.get("/family"))


def test_wrong_code_opens_nothing(city: Cast, browse: Browse) -> None:
    registered()
    client = browse()
    client.post("/family", {"phone": MINE})
    answer = client.post("/family", {"phone": MINE, "code": "000000"})
    assert answer.status_code == 422
    assert "桂花奶奶" not in text_of(client.get("/family"))
