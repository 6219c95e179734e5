"""The shopping list: ticking off, refused legs, and taking open ones."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast, dispatched, file_one
from tests.errands.errands import helper, hospital, legs_of, medicine_case, react_to, relay, sealed
from tests.web.conftest import text_of
from tests.web.field.test_legs import browser, picture
from tests.web.queues.test_views import queries_of
from yinghu.appeals.models import Appeal, Attachment
from yinghu.errands import leg_actions
from yinghu.errands.models import FixedHelper, Leg
from yinghu.people.access import Actor
from yinghu.people.models import Unit, User
from yinghu.places.models import Place

pytestmark = pytest.mark.django_db
PAGE = "/field/-/shopping"
DOOR = "三单元 501 室"
BUYING: list[dict[str, Any]] = [
    {"kind": "buy", "title": "到保供超市买", "where": "place", "place": "supply", "proof": "photo"},
    {"kind": "carry", "title": "送到家门口", "where": "home"},
]


def to_buy(city: Cast, what: str = "大米一袋", **given: Any) -> Appeal:
    """File a case of the food group with an open leg at the supply store."""
    appeal = file_one(what, area="330782001004001", address=DOOR, **given)
    dispatched(appeal, city, category="food", unit="food")
    react_to(appeal)
    return appeal


def bought_by(actor: Actor, city: Cast, *whats: str) -> list[Leg]:
    """Buying legs taken by the actor, one for each item."""
    found = []
    for what in whats:
        (leg, *_others) = legs_of(to_buy(city, what))
        leg_actions.take(leg.pk, actor)
        leg.refresh_from_db()
        found.append(leg)
    return found


@pytest.fixture
def shop(city: Cast) -> Place:
    Place.objects.filter(code="supply").delete()
    Unit.objects.update(most_held=0)
    FixedHelper.objects.all().delete()
    place = Place.objects.create(code="supply", name="保供超市", area_id="330782001")
    for category in ("food",):
        relay(category, legs=BUYING, words="买好送到了")
    return place


def send(client: Client, ids: list[int], **given: Any) -> Any:
    return client.post(f"{PAGE}/finish", {"tick": [str(pk) for pk in ids], **given})


def test_one_receipt_finishes_each_ticked_leg(city: Cast, shop: Place) -> None:
    buyer = helper("阿东")
    rice, oil, salt = bought_by(buyer, city, "大米一袋 13812345678", "菜油一桶", "盐两包")
    client = browser(buyer)
    page = text_of(client.get(PAGE))
    for words in ("大米一袋", "菜油一桶", "盐两包", "保供超市", "3 件诉求"):
        assert words in page
    for secret in ("13812345678", DOOR, "王小明"):
        assert secret not in page
    assert "购物清单：3 样" in text_of(client.get("/field"))
    answer = send(client, [rice.pk, oil.pk], photos=picture(), **{f"paid-{rice.pk}": "42.5"})
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    for leg in (rice, oil, salt):
        leg.refresh_from_db()
    assert (rice.state, rice.paid, oil.state, oil.paid) == ("done", 4250, "done", None)
    assert salt.state == "taken"
    for leg in (rice, oil):
        event = leg.appeal.events.get(verb="finish")
        assert event.user_id == buyer.user_id
        assert event.attachment_set.count() == 1
    files = set(Attachment.objects.values_list("file", flat=True))
    assert len(files) == 2
    page = text_of(client.get(PAGE))
    assert "盐两包" in page
    assert "大米一袋" not in page


def test_duplicate_finish_is_recorded_once(city: Cast, shop: Place) -> None:
    buyer = helper("阿东")
    (leg,) = bought_by(buyer, city, "大米一袋")
    client = browser(buyer)
    for _press in range(2):
        assert send(client, [leg.pk], photos=picture()).status_code == 302
    assert leg.appeal.events.filter(verb="finish").count() == 1
    assert Attachment.objects.count() == 1
    assert "已经记成买好了" in text_of(client.get(PAGE))


def test_missing_receipt_finishes_no_leg(city: Cast, shop: Place) -> None:
    buyer = helper("阿东")
    first, second = bought_by(buyer, city, "大米一袋", "菜油一桶")
    Leg.objects.filter(pk=second.pk).update(proof="none")
    client = browser(buyer)
    page = send(client, [first.pk, second.pk], **{f"paid-{second.pk}": "30"})
    assert page.status_code == 422
    assert "勾上的有 1 样要拍小票" in text_of(page)
    assert text_of(page).count(" checked") == 2
    assert 'value="30"' in text_of(page)
    assert not Leg.objects.filter(state="done").exists()
    assert send(client, [second.pk]).status_code == 302
    assert send(client, []).status_code == 422
    bad = picture()
    bad.write(b"x" * 20)
    bad.seek(0)
    bad.truncate(30)
    assert send(client, [first.pk], photos=bad).status_code == 422
    assert not Attachment.objects.exists()


def test_finish_reports_refused_legs_and_completes_the_rest(city: Cast, shop: Place) -> None:
    buyer, other = helper("阿东"), helper("小红")
    rice, oil, salt = bought_by(buyer, city, "大米一袋", "菜油一桶", "盐两包")
    (theirs,) = bought_by(other, city, "奶糖一包")
    Leg.objects.filter(pk=salt.pk).update(proof="words")
    client = browser(buyer)
    page = send(
        client,
        [rice.pk, oil.pk, salt.pk, theirs.pk, 10**15],
        photos=picture(),
        **{f"paid-{oil.pk}": "四十", f"words-{salt.pk}": " "},
    )
    assert page.status_code == 422
    said = text_of(page)
    assert "买好了 1 样" in said
    assert "价钱请写数字" in said
    assert "请写一句办得怎么样" in said
    assert 'value="四十"' in said
    assert "奶糖" not in said
    assert said.count(" checked") == 2
    assert {leg.pk for leg in Leg.objects.filter(state="done")} == {rice.pk}
    theirs.refresh_from_db()
    assert (theirs.state, theirs.holder_id) == ("taken", other.user_id)
    assert not theirs.appeal.attachments.exists()
    assert Attachment.objects.count() == 1
    for odd in ("-1", "1e99", "nan", "1.005", "100000.01", "9" * 20):
        again = send(client, [oil.pk], photos=picture(), **{f"paid-{oil.pk}": odd})
        assert again.status_code == 422
    assert send(client, [oil.pk], photos=picture(), **{f"paid-{oil.pk}": "12,5"}).status_code == 302
    assert Leg.objects.get(pk=oil.pk).paid == Decimal(1250)


def test_shopping_list_is_private_to_its_buyer(city: Cast, shop: Place) -> None:
    a, b = helper("阿东"), helper("小红")
    bought_by(a, city, "大米一袋")
    bought_by(b, city, "菜油一桶")
    assert "菜油" not in text_of(browser(a).get(PAGE))
    assert "大米" not in text_of(browser(b).get(PAGE))
    stranger = Client()
    stranger.force_login(User.objects.get(username="clerk"))
    assert stranger.get(PAGE).status_code == 403
    assert stranger.post(f"{PAGE}/finish").status_code == 403
    assert browser(a).post(f"{PAGE}/steal").status_code == 404
    assert browser(a).get(f"{PAGE}/finish").status_code == 405


def test_buyer_can_take_open_legs_at_the_same_place(city: Cast, shop: Place) -> None:
    buyer = helper("阿东")
    bought_by(buyer, city, "大米一袋")
    others = [to_buy(city, f"菜油 {n} 桶") for n in range(1, 5)]
    Unit.objects.filter(code="care").update(most_held=3)
    client = browser(buyer)
    page = text_of(client.get(PAGE))
    assert "还可以顺便接" in page
    assert "菜油 1 桶" in page
    leg = legs_of(others[0])[0]
    assert client.post(f"{PAGE}/take", {"leg": str(leg.pk)}).status_code == 302
    assert client.post(f"{PAGE}/take_all", {"place": str(shop.pk)}).status_code == 302
    said = text_of(client.get(PAGE))
    assert "接下了 1 件" in said
    assert "有 2 件没有接" in said
    assert Leg.objects.filter(holder=buyer.user_id, kind="buy", state="taken").count() == 3
    # An unknown or missing place takes nothing.
    before = Leg.objects.filter(state="taken").count()
    for odd in ("", "-", "x", "9" * 30, str(10**12)):
        assert client.post(f"{PAGE}/take_all", {"place": odd}).status_code == 302
    assert Leg.objects.filter(state="taken").count() == before


def test_fixed_buyer_sees_all_open_legs_of_the_group(city: Cast, shop: Place) -> None:
    buyer = helper("阿东")
    to_buy(city, "大米一袋")
    client = browser(buyer)
    assert "大米" not in text_of(client.get(PAGE))
    FixedHelper.objects.create(
        unit=Unit.objects.get(code="food"), kind="buy", user=User.objects.get(pk=buyer.user_id or 0)
    )
    assert "大米" in text_of(client.get(PAGE))
    assert "看看可以一起买的" in text_of(client.get("/field"))


def test_leg_in_a_restricted_zone_is_counted_but_not_offered(city: Cast, shop: Place) -> None:
    buyer = helper("阿东")
    bought_by(buyer, city, "盐两包")
    sealed("330782001004001")
    to_buy(city, "大米一袋")
    page = text_of(browser(buyer).get(PAGE))
    assert "大米" not in page
    assert "另有 1 件您不能接：“北苑封控区”现在不能随便进" in page


def test_thirty_legs_are_listed_and_finished_at_once(city: Cast, shop: Place) -> None:
    buyer = helper("阿东")
    found = bought_by(buyer, city, *(f"东西 {n}" for n in range(30)))
    client = browser(buyer)
    client.get(PAGE)
    few = queries_of(client, PAGE)
    page = text_of(client.get(PAGE))
    assert len(re.findall(r'name="tick"', page)) == 30
    assert few < 40
    assert send(client, [leg.pk for leg in found], photos=picture()).status_code == 302
    assert Leg.objects.filter(kind="buy", state="done").count() == 30
    assert Attachment.objects.values("file").distinct().count() == 30


def test_shopping_item_omits_the_name_of_its_place(city: Cast) -> None:
    relay()
    hospital()
    me = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    leg_actions.take(legs_of(appeal)[0].pk, me)
    goods = re.findall(
        r'class="shop-what"><b dir="auto">([^<]*)', browser(me).get(PAGE).content.decode()
    )
    assert len(goods) == 1
    assert "降压药" in goods[0]
    assert "中心医院" not in goods[0]
