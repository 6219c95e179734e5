"""The errands of a case at a desk: plan, follow, drop, repay, message."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import Cast
from tests.errands.errands import (
    helper,
    hospital,
    legs_of,
    medicine_case,
    proof,
    react_to,
    relay,
    sealed,
)
from tests.web.field.test_legs import browser, text
from yinghu.appeals import actions, moving
from yinghu.appeals.models import Appeal
from yinghu.errands import leg_actions
from yinghu.errands.models import Leg
from yinghu.people.access import Actor, actor_of
from yinghu.people.models import Post, Role, Unit, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def handler() -> Actor:
    return actor_of(User.objects.get(posts__unit__code="medicine-central", posts__role="handler"))


def test_desk_plans_and_drops_legs(city: Cast, handler: Actor) -> None:
    template = relay(auto=False)
    hospital()
    appeal = medicine_case(city)
    react_to(appeal)
    assert legs_of(appeal) == []
    desk, address = browser(handler), f"/desk/case/{appeal.number}/errands"
    assert "安排人跑腿" in text(desk.get(f"/desk/case/{appeal.number}"))
    wrong = desk.post(f"{address}/plan", {"template": "one", "title": ""})
    assert wrong.status_code == 422
    assert "请写这一程做什么" in text(wrong)
    given = {"template": template.pk, "what": "硝苯地平 2 盒", "estimate": "60"}
    desk.post(f"{address}/plan", given)
    buy, carry = legs_of(appeal)
    assert (buy.what, buy.estimate, carry.what) == ("硝苯地平 2 盒", 6000, "")
    desk.post(f"{address}/plan", {"template": "one", "title": "上门看看", "kind": "visit"})
    assert [leg.title for leg in legs_of(appeal)][2:] == ["上门看看"]
    appeal.refresh_from_db()
    assert appeal.legs == 3
    a = helper("阿东")
    leg_actions.take(buy.pk, a)
    page = text(desk.get(address))
    assert "阿东" in page
    desk.post(f"{address}/drop", {"leg": buy.pk, "why": "家属自己买了"})
    assert Leg.objects.get(pk=buy.pk).state == "dropped"
    # A leg of another case cannot be dropped from this page.
    other = medicine_case(city)
    answer = desk.post(f"/desk/case/{other.number}/errands/drop", {"leg": carry.pk, "why": "x"})
    assert answer.status_code == 422
    assert Leg.objects.get(pk=carry.pk).state == "taken"


def test_expense_is_repaid_once_and_messages_stay_internal(city: Cast, handler: Actor) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    leg_actions.take(buy.pk, a)
    leg_actions.finish(buy.pk, a, photos=proof(), paid=4250)
    desk, address = browser(handler), f"/desk/case/{appeal.number}/errands"
    desk.post(f"{address}/say", {"words": "小票留好"})
    assert "42.50 元" in text(desk.get(address))
    assert desk.post(f"{address}/repay", {"leg": buy.pk}).status_code == 302
    again = desk.post(f"{address}/repay", {"leg": buy.pk})
    assert again.status_code == 409
    assert "已经报销过" in text(again)
    assert "小票留好" in text(browser(a).get(f"/field/-/leg/{buy.pk}"))
    track = text(Client().get(f"/t/{appeal.token}"))
    assert "小票留好" not in track
    assert "42.50" not in track


def test_holder_cannot_record_their_own_repayment(city: Cast, handler: Actor) -> None:
    relay()
    hospital()
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    leg_actions.take(buy.pk, handler)
    leg_actions.finish(buy.pk, handler, photos=proof(), paid=4250)
    desk, address = browser(handler), f"/desk/case/{appeal.number}/errands"
    assert "/errands/repay" not in desk.get(address).content.decode()
    refused = desk.post(f"{address}/repay", {"leg": buy.pk})
    assert refused.status_code == 422
    assert "请同事来记" in text(refused)
    assert Leg.objects.get(pk=buy.pk).repaid_at is None
    colleague = User.objects.create(username="wu", display_name="小吴")
    unit = Unit.objects.get(code="medicine-central")
    Post.objects.create(user=colleague, unit=unit, role=Role.HANDLER)
    assert browser(actor_of(colleague)).post(f"{address}/repay", {"leg": buy.pk}).status_code == 302
    assert Leg.objects.get(pk=buy.pk).repaid_at is not None


def test_errands_are_visible_only_to_staff_of_the_case(city: Cast) -> None:
    relay()
    hospital()
    appeal = medicine_case(city)
    react_to(appeal)
    for who in ("volunteer", "urban-handler", "milk-handler"):
        client = browser(actor_of(User.objects.get(username=who)))
        address = f"/desk/case/{appeal.number}/errands"
        assert client.get(address).status_code == 404
        assert client.post(f"{address}/say", {"words": "?"}).status_code == 404
    # A clerk may look but not drop legs.
    clerk = browser(city.clerk)
    assert clerk.get(f"/desk/case/{appeal.number}/errands").status_code == 200
    assert clerk.post(f"/desk/case/{appeal.number}/errands/drop", {"why": "x"}).status_code == 422


def test_volunteer_cannot_accept_a_case_served_by_legs(city: Cast) -> None:
    relay()
    hospital()
    appeal = medicine_case(city)
    react_to(appeal)
    with pytest.raises(moving.Conflict):
        actions.accept(appeal.pk, city.volunteer)
    assert appeal.number not in text(browser(city.volunteer).get("/field"))
    assert Appeal.objects.get(pk=appeal.pk).holder_id is None


def test_suspending_a_volunteer_frees_legs_or_notifies_head(city: Cast) -> None:
    relay()
    hospital()
    zone = sealed("330782001004001")
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    first, second = medicine_case(city), medicine_case(city)
    for appeal in (first, second):
        react_to(appeal)
    buy, gate, carry = legs_of(first)
    leg_actions.take(buy.pk, a)
    leg_actions.take(carry.pk, b)
    leg_actions.finish(buy.pk, a, photos=proof())
    for who in (a, b):
        leg_actions.hand_over(gate.pk, who)
    other = legs_of(second)[0]
    leg_actions.take(other.pk, a)
    leader = browser(actor_of(User.objects.get(username="care-head")))
    for who in (a, b):
        key = User.objects.get(pk=who.user_id or 0).username
        leader.post(f"/desk/volunteers/{key}/suspend", {"why": "联系不上"})
    # The legs are free again; the head is told of the goods that are in their hands.
    assert Leg.objects.get(pk=other.pk).state == "open"
    assert Leg.objects.get(pk=carry.pk).state == "open"
    assert first.events.filter(verb="nudge", facts__to="head").count() == 1
