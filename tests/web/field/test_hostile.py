"""Hostile input to helpers' pages never causes a server error."""

from __future__ import annotations

import io
import uuid
from itertools import product
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast
from tests.errands.errands import helper, hospital, legs_of, medicine_case, proof, react_to, relay
from tests.web.conftest import Browse
from tests.web.field.test_legs import browser
from yinghu.errands import leg_actions
from yinghu.people.models import Skill, User, Volunteer
from yinghu.places.models import Zone

pytestmark = pytest.mark.django_db
ODD = [
    "\x00",
    "９" * 40,
    "-1",
    "1e400",
    "NaN",
    "∞",
    "<script>",
    "x" * 20_000,
    "%s%d",
    "９９９９９９９９９９９９９９９９９９",
]
HUGE = 10**25


def _is_answered(page: Any) -> bool:
    return bool(200 <= page.status_code < 500)


def test_leg_and_shopping_pages_survive_hostile_input(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    leg_actions.take(buy.pk, a)
    phone = browser(a)
    for number in (0, HUGE, 2**63 - 1, 2**63):
        assert phone.get(f"/field/-/leg/{number}").status_code == 404
        assert phone.get(f"/field/-/leg/{buy.pk}/photo/{number}").status_code == 404
        assert phone.get(f"/desk/notices/{number}").status_code == 404
        for verb in ("take", "finish", "nonsense", "hand_over"):
            assert phone.post(f"/field/-/leg/{number}/{verb}").status_code == 404
    assert phone.post(f"/field/-/leg/{buy.pk}/plan").status_code == 404
    fields = (
        *product(("finish",), ("words", "paid", "why", "kept")),
        *product(("give_back",), ("words", "paid", "kept")),
        *product(("say", "decline", "touch"), ("words",)),
    )
    for odd in ODD:
        for verb, field in fields:
            given = {"words": "好", "why": "", field: odd}
            page = phone.post(f"/field/-/leg/{buy.pk}/{verb}", given)
            assert _is_answered(page), (verb, field, odd)
        file = io.BytesIO(b"GIF89a" + b"\x00" * 100)
        file.name = odd[:50].replace("\x00", "") or "x"
        assert phone.post(f"/field/-/leg/{buy.pk}/finish", {"photos": file}).status_code == 422
        shopped = {
            "tick": [str(buy.pk), odd],
            f"paid-{buy.pk}": odd,
            f"words-{buy.pk}": odd,
            "place": odd,
            "leg": odd,
        }
        for verb in ("finish", "take", "take_all", "x"):
            assert _is_answered(phone.post(f"/field/-/shopping/{verb}", shopped))
        assert _is_answered(
            phone.get("/field", {"lon": odd, "lat": odd, "order": odd, "part": odd})
        )
        for verb in ("ready", "away", "here", "hours", "service", "x"):
            sent = {
                "hours": odd,
                "for": odd,
                "area": odd,
                "lon": odd,
                "lat": odd,
                "part": odd,
                "skills": odd,
                "areas": odd,
                "more": odd,
            }
            assert _is_answered(phone.post(f"/field/-/me/{verb}", sent)), (verb, odd)
    buy.refresh_from_db()
    assert (buy.state, buy.paid) == ("taken", None)


def test_offline_records_survive_hostile_input(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    leg_actions.take(buy.pk, a)
    phone = browser(a)
    good = {
        "me": str(a.user_id),
        "leg": str(buy.pk),
        "verb": "give_back",
        "at": "1",
        "now": "1",
        "why": "",
    }
    heads, texts = ("key", "leg", "verb", "at", "now", "me"), ("words", "paid", "why", "kept")
    fields = (
        *product(("finish",), heads + texts),
        *product(("say", "hand_over", "touch"), texts[:1]),
    )
    for odd in [*ODD, "9" * 15, "-" + "9" * 15]:
        for verb, name in fields:
            page = phone.post(
                "/field/-/records", good | {"key": str(uuid.uuid4()), "verb": verb, name: odd}
            )
            assert _is_answered(page), (name, odd, verb)
            assert page["Content-Type"].startswith("application/json")
    for body in (b"", b"{}", b"\xff" * 50, b"[" * 1000):
        assert _is_answered(phone.post("/field/-/records", body, content_type="application/json"))
        assert _is_answered(
            phone.post("/field/-/records", body, content_type="multipart/form-data; boundary=x")
        )
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = phone.cookies
    assert strict.post("/field/-/records", good).status_code == 403


def test_volunteer_desk_and_joining_survive_hostile_input(browse: Browse, city: Cast) -> None:
    head, anybody = browse("care-head"), Client()
    a = helper("阿东")
    key = User.objects.get(pk=a.user_id or 0).username
    for odd in ODD:
        for path in ("/desk/volunteers", "/desk/volunteers/-/roster"):
            asked = {"q": odd, "squad": odd, "state": odd, "page": odd, "week": odd}
            assert _is_answered(head.get(path, asked))
        sent = {
            "squad": odd,
            "name": odd,
            "phone": odd,
            "agreed": odd,
            "person": odd,
            "day": odd,
            "starts": odd,
            "ends": odd,
        }
        for path in ("/desk/volunteers/-/add", "/desk/volunteers/-/roster"):
            assert _is_answered(head.post(path, sent))
        sent = {"skills": odd, "areas": odd, "more": odd, "zones": odd, "inside": odd, "why": odd}
        for verb in ("", "/approve", "/x", "/trained"):
            assert _is_answered(head.post(f"/desk/volunteers/{key}{verb}", sent))
        for door in ("/join/care", "/volunteer"):
            assert _is_answered(anybody.post(door, {"phone": odd}))
            assert _is_answered(anybody.post(door, {"phone": "13700000009", "code": odd}))
            assert _is_answered(anybody.post(door, {"name": odd}))
        assert _is_answered(anybody.get(f"/certificate/{odd[:500].replace(chr(0), '%00')}"))
    for number in (0, HUGE):
        assert head.post(f"/desk/volunteers/-/roster/{number}/remove").status_code == 404
    assert _is_answered(head.get("/desk/volunteers/%00"))
    assert _is_answered(anybody.get("/join/%00"))


def test_case_errands_survive_hostile_input(browse: Browse, city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    other = medicine_case(city)
    react_to(appeal)
    react_to(other)
    theirs = legs_of(other)[0]
    leg_actions.take(theirs.pk, a)
    leg_actions.finish(theirs.pk, a, photos=proof(), paid=100)
    desk = browse("medicine-handler")
    for odd in ODD:
        for verb in ("plan", "drop", "repay", "say", "x"):
            sent = {
                "leg": odd,
                "template": odd,
                "title": odd,
                "kind": odd,
                "place": odd,
                "what": odd,
                "estimate": odd,
                "why": odd,
                "words": odd,
            }
            assert _is_answered(desk.post(f"/desk/case/{appeal.number}/errands/{verb}", sent)), (
                verb,
                odd,
            )
    # The id of a leg of another case.
    for verb in ("drop", "repay"):
        page = desk.post(
            f"/desk/case/{appeal.number}/errands/{verb}", {"leg": theirs.pk, "why": "x"}
        )
        assert page.status_code == 422
    theirs.refresh_from_db()
    assert theirs.repaid_at is None


def test_volunteer_cannot_grant_themselves_a_zone_skill(city: Cast) -> None:
    Skill.objects.update_or_create(code="medical", defaults={"name": "医护"})
    Skill.objects.update_or_create(code="car", defaults={"name": "开车"})
    Zone.objects.create(
        code="ward",
        name="隔离点",
        status="sealed",
        areas=["330782001"],
        skill="medical",
        entry="anyone",
    )
    a = helper("阿东")
    phone = browser(a)
    phone.post("/field/-/me/service", {"skills": ["car"]})
    page = phone.post("/field/-/me/service", {"skills": ["car", "medical"]})
    assert page.status_code == 422
    assert Volunteer.objects.get(pk=a.user_id or 0).skills == ["car"]
