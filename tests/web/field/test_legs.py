"""An errand through its helpers' pages: what each sees before, during and after."""

from __future__ import annotations

import io
import re

import pytest
from django.test import Client
from PIL import Image

from tests.cast import Cast
from tests.errands.errands import helper, hospital, legs_of, medicine_case, react_to, relay, sealed
from yinghu.appeals.models import Event
from yinghu.errands.models import Leg, Offer
from yinghu.people import volunteers
from yinghu.people.access import Actor
from yinghu.people.models import Reveal, User, Volunteer

pytestmark = pytest.mark.django_db
HOME = "330782001004001"
DOOR = "三单元 501 室"


def browser(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.user_id or 0))
    return client


def picture() -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(file, "JPEG")
    file.seek(0)
    file.name = "proof.jpg"
    return file


def text(page: object) -> str:
    return re.sub(r"\s+", " ", page.content.decode())  # type: ignore[attr-defined]  # a response has it


def test_contact_details_appear_only_after_taking_the_leg(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city, address=DOOR, lon=120.0722, lat=29.3076)
    react_to(appeal)
    buy, _gate, carry = legs_of(appeal)
    phone, walk = browser(a), browser(b)

    listed = text(phone.get("/field"))
    assert "请您帮忙" in listed
    assert buy.title in listed
    page = text(phone.get(f"/field/-/leg/{buy.pk}"))
    assert "13812345678" not in page
    assert "王小明" not in page
    assert DOOR not in page
    assert not Reveal.objects.exists()

    assert phone.post(f"/field/-/leg/{buy.pk}/take").status_code == 302
    react_to(appeal)
    page = text(phone.get(f"/field/-/leg/{buy.pk}"))
    assert "tel:+8613812345678" in page
    # The helper at the hospital need not know the address.
    assert DOOR not in page
    assert Reveal.objects.filter(user=a.user_id, appeal_number=appeal.number).count() == 1
    # Address and position of a leg that is not theirs stay hidden.
    page = text(phone.get(f"/field/-/leg/{carry.pk}"))
    assert DOOR not in page
    assert "120.0722" not in page
    for field in ("120.0722", DOOR, "王小明"):
        assert field not in text(walk.get(f"/field/-/leg/{carry.pk}"))
    assert (carry.about_lon, carry.about_lat) != (carry.lon, carry.lat)

    walk.post(f"/field/-/leg/{carry.pk}/take")
    assert DOOR in text(walk.get(f"/field/-/leg/{carry.pk}"))


def test_errand_is_completed_through_the_pages(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed(HOME)
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city)
    react_to(appeal)
    buy, gate, carry = legs_of(appeal)
    phone, walk = browser(a), browser(b)
    phone.post(f"/field/-/leg/{buy.pk}/take")
    walk.post(f"/field/-/leg/{carry.pk}/take")
    refused = phone.post(f"/field/-/leg/{buy.pk}/finish", {"words": "买到了"})
    assert refused.status_code == 422
    assert "请拍一张照片" in text(refused)
    phone.post(
        f"/field/-/leg/{buy.pk}/finish", {"words": "买到了", "paid": "42.5", "photos": picture()}
    )
    buy.refresh_from_db()
    assert (buy.state, buy.paid) == ("done", 4250)
    assert "东西交出去了" in text(phone.get(f"/field/-/leg/{gate.pk}"))
    phone.post(f"/field/-/leg/{gate.pk}/hand_over")
    page = text(walk.get(f"/field/-/leg/{gate.pk}"))
    assert "对方已确认交出" in page
    walk.post(f"/field/-/leg/{gate.pk}/hand_over")
    walk.post(f"/field/-/leg/{carry.pk}/say", {"words": "到三楼了"})
    assert "到三楼了" in text(phone.get(f"/field/-/leg/{gate.pk}"))
    walk.post(f"/field/-/leg/{carry.pk}/finish", {"photos": picture()})
    react_to(appeal)
    assert appeal.status == "resolved"
    track = text(Client().get(f"/t/{appeal.token}"))
    assert "有人接下了“去中心医院排队买药”" in track
    assert "“送到家门口”办好了" in track
    for secret in ("阿东", "小红", "到三楼了"):
        assert secret not in track
    # The requester sees the delivery photo, not the receipt, which may show others' purchases.
    receipt, at_the_door = appeal.attachments.order_by("pk")
    assert Client().get(f"/t/{appeal.token}/photo/{at_the_door.pk}").status_code == 200
    assert Client().get(f"/t/{appeal.token}/photo/{receipt.pk}").status_code == 404
    assert f"photo/{receipt.pk}" not in track
    assert f"photo/{at_the_door.pk}" in track


def test_late_take_is_refused_and_offers_another_leg(city: Cast) -> None:
    relay()
    hospital()
    a, b = helper("阿东"), helper("小红")
    first, second = medicine_case(city), medicine_case(city)
    for appeal in (first, second):
        react_to(appeal)
    leg = legs_of(first)[0]
    other = legs_of(second)[0]
    browser(a).post(f"/field/-/leg/{leg.pk}/take")
    react_to(first)
    late = browser(b).post(f"/field/-/leg/{leg.pk}/take")
    assert late.status_code == 409
    page = text(late)
    assert "已经有人接了" in page
    assert f"/field/-/leg/{other.pk}" in page
    assert "阿东" not in page
    assert Offer.objects.get(leg=leg, user=b.user_id).answer == "gone"
    told = Event.objects.get(appeal=first, verb="take").notifications.get()
    assert (told.user_id, told.reason) == (b.user_id, "offered")


def test_declining_an_offer_closes_it(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    leg = legs_of(appeal)[0]
    browser(a).post(f"/field/-/leg/{leg.pk}/decline")
    assert Offer.objects.get(leg=leg, user=a.user_id).answer == "no"
    assert "请您帮忙" not in text(browser(a).get("/field"))
    # Declining again changes nothing.
    assert browser(a).post(f"/field/-/leg/{leg.pk}/decline").status_code == 302


def test_only_the_holder_can_act_on_a_leg(city: Cast) -> None:
    relay()
    hospital()
    a, b = helper("阿东"), helper("小红")
    appeal = medicine_case(city)
    react_to(appeal)
    leg = legs_of(appeal)[0]
    browser(a).post(f"/field/-/leg/{leg.pk}/take")
    stranger = Client()
    stranger.force_login(User.objects.get(username="urban-handler"))
    assert stranger.get(f"/field/-/leg/{leg.pk}").status_code == 404
    for verb in ("take", "finish", "hand_over", "give_back", "touch", "say"):
        given = {"words": "好", "why": "好", "photos": picture()}
        assert stranger.post(f"/field/-/leg/{leg.pk}/{verb}", given).status_code == 404
        answer = browser(b).post(f"/field/-/leg/{leg.pk}/{verb}", given)
        assert answer.status_code in (403, 404, 409, 422), verb
    leg.refresh_from_db()
    assert (leg.state, leg.holder_id) == ("taken", a.user_id)
    assert not appeal.attachments.exists()
    phone = browser(a)
    volunteers.suspend(
        Volunteer.objects.get(pk=a.user_id), User.objects.get(username="admin"), "没来"
    )
    assert phone.get(f"/field/-/leg/{leg.pk}").status_code in (302, 403)
    assert phone.post(f"/field/-/leg/{leg.pk}/take").status_code in (401, 403)
    assert Leg.objects.get(pk=leg.pk).state == "taken"


def test_volunteer_sees_open_legs_of_their_own_areas_only(city: Cast) -> None:
    relay()
    hospital()
    appeal = medicine_case(city)
    react_to(appeal)
    title = legs_of(appeal)[0].title
    area = legs_of(appeal)[0].area_id or ""
    here = helper("本区", areas=[area], ready_until=None)
    there = helper("外区", areas=["330782999"], ready_until=None)
    assert title in text(browser(here).get("/field"))
    assert title not in text(browser(there).get("/field"))
    assert browser(there).get(f"/field/-/leg/{legs_of(appeal)[0].pk}").status_code == 404
