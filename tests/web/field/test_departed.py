"""Helpers who are suspended, leave or lose their login: what they did counts and passes on."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, cast
from tests.cities import City, in_threads
from tests.errands.errands import (
    Relay,
    begun_relay,
    helper,
    hospital,
    legs_of,
    medicine_case,
    react_to,
    relay,
)
from tests.jobs import do_queued
from tests.web.conftest import Browse, text_of
from tests.web.field.phones import (
    AT,
    bought,
    notices_of,
    phone_with,
    photo,
    record,
    sent,
    suspend,
    user_of,
)
from yinghu.appeals import closing_actions
from yinghu.appeals.models import Appeal, Attachment
from yinghu.appeals.moving import Conflict
from yinghu.errands import actions as errand_actions
from yinghu.errands import leg_actions, offers
from yinghu.errands.membership import FREE_TASK, TELL_TASK
from yinghu.errands.models import Leg
from yinghu.notifications.models import Notification
from yinghu.people import shifts
from yinghu.people.access import actor_of, requester_of
from yinghu.people.models import Post, Shift, Unit, User, Volunteer


@pytest.fixture
def task(city: Cast) -> Relay:
    return begun_relay(city)


def test_work_of_a_suspended_volunteer_arrives_and_passes_on(task: Relay, browse: Browse) -> None:
    phone, what = phone_with(task.buy, task.a), bought(task)
    suspend(browse, task.a)
    task.buy.refresh_from_db()
    assert (task.buy.state, task.buy.holder_id) == ("open", None)
    # The session has ended, but the phone is still known.
    found = phone.get(AT)
    assert (found.status_code, found.json()["me"]) == (200, task.a.user_id)
    answer = sent(phone, what)
    assert (answer["ok"], answer["kept"]) == (True, True)
    for words in ("收下了", "垫的钱由单位报销", "您的志愿服务暂停了", "核实一件事"):
        assert words in answer["said"]
    assert sent(phone, what) == answer
    task.buy.refresh_from_db()
    assert (task.buy.state, task.buy.holder_id) == ("done", task.a.user_id)
    assert task.buy.paid == 4250
    assert Attachment.objects.filter(appeal=task.appeal).count() == 1
    # The unit fetches the goods; the next helper's word is enough.
    nudge = task.appeal.events.get(verb="nudge")
    assert (nudge.facts["to"], nudge.facts["left"]) == ("head", True)
    leg_actions.hand_over(task.gate.pk, task.b)
    task.gate.refresh_from_db()
    assert (task.gate.state, task.gate.giver_id) == ("done", task.a.user_id)
    # The money is repaid.
    errand_actions.repay(task.buy.pk, actor_of(User.objects.get(username="dispatcher")))
    task.buy.refresh_from_db()
    assert task.buy.repaid_at is not None


def test_suspended_volunteer_is_told_on_the_phone(task: Relay, browse: Browse) -> None:
    phone = phone_with(task.buy, task.a)
    suspend(browse, task.a)
    for path in ("/field", f"/field/-/leg/{task.buy.pk}"):
        page = phone.get(path)
        text = text_of(page)
        assert page.status_code == 403
        assert "您的志愿服务暂停了" in text
        assert "核实一件事" in text
        assert "照样算数" in text
        assert 'id="act-finish"' not in text
    said = phone.post(AT, record(task.buy, "say", task.a, words="在吗")).json()
    assert (said["ok"], said["code"]) == (False, "not_allowed")
    assert "暂停了" in said["said"]
    # The cookie opens nothing else.
    assert phone.get("/field/-/me").status_code == 302
    assert phone.post(f"/field/-/leg/{task.buy.pk}/finish", {}).status_code == 401
    # While its helper serves, it is no login.
    other = phone_with(task.carry, task.b)
    other.logout()
    assert other.get(AT).status_code == 401
    forged = Client()
    name = f"yinghu_helper_{task.a.user_id}"
    forged.cookies[name] = phone.cookies[name].value[:-1] + "x"
    assert forged.get(AT).status_code == 401


def test_work_on_a_leg_that_another_has_is_kept_and_can_be_repaid(
    task: Relay, browse: Browse
) -> None:
    phone, what = phone_with(task.buy, task.a), bought(task)
    suspend(browse, task.a)
    other = helper("阿强")
    leg_actions.take(task.buy.pk, other)
    answer = sent(phone, what)
    assert (answer["ok"], answer["kept"]) == (True, True)
    task.buy.refresh_from_db()
    assert (task.buy.state, task.buy.holder_id) == ("taken", other.user_id)
    claim, back = Leg.objects.filter(errand=task.buy.errand, n__gt=3).order_by("n")
    assert (claim.state, claim.holder_id, claim.paid) == ("done", task.a.user_id, 4250)
    assert (back.kind, back.state, back.holder_id) == ("bring_back", "taken", task.a.user_id)
    event = task.appeal.events.get(verb="claim")
    assert event.facts["told"] == sorted([other.user_id or 0, task.b.user_id or 0])
    desk = browse("dispatcher")
    page = f"/desk/case/{task.appeal.number}/errands"
    text = text_of(desk.get(page))
    assert "补报" in text
    assert "42.50" in text
    assert desk.post(f"{page}/repay", {"leg": claim.pk}).status_code == 302
    assert desk.post(f"{page}/collect_goods", {"leg": back.pk}).status_code == 302
    assert desk.post(f"{page}/collect_goods", {"leg": back.pk}).status_code == 409
    claim.refresh_from_db()
    back.refresh_from_db()
    assert claim.repaid_at is not None
    assert back.state == "done"
    # The case itself goes on as before, and the requester reads nothing of it.
    task.appeal.refresh_from_db()
    assert task.appeal.legs == 3
    assert "补报" not in text_of(browse().get(f"/t/{task.appeal.token}"))


def test_idle_helpers_late_work_counts(task: Relay) -> None:
    phone = phone_with(task.buy, task.a)
    buy = Leg.objects.get(pk=task.buy.pk)
    leg_actions.release_leg(buy, buy.active_at, why="太久没有动静")
    assert sent(phone, bought(task))["ok"] is True
    buy.refresh_from_db()
    assert (buy.state, buy.holder_id, buy.paid) == ("done", task.a.user_id, 4250)


def test_goods_that_were_bought_for_carrying_go_to_the_next_helper(
    city: Cast, browse: Browse
) -> None:
    relay()
    hospital()
    a, c = helper("阿东"), helper("小美")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    phone = phone_with(buy, a)
    finish = record(buy, "finish", a, paid="35")
    suspend(browse, a)
    assert sent(phone, finish)["ok"] is True
    buy, carry, meeting = legs_of(appeal)
    assert (buy.state, carry.state, meeting.kind) == ("done", "open", "hand_over")
    assert (meeting.giver_id, carry.after) == (a.user_id, [meeting.n])
    react_to(appeal)
    leg_actions.take(carry.pk, c)
    leg_actions.hand_over(meeting.pk, c)
    meeting.refresh_from_db()
    assert meeting.state == "done"
    # It was carried before the next helper came, too.
    assert appeal.events.filter(verb="nudge", facts__left=True).exists()


def test_carrying_that_was_done_offline_ends_the_errand(city: Cast, browse: Browse) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    phone = phone_with(buy, a)
    steps = [record(buy, "finish", a, paid="35"), record(carry, "finish", a)]
    suspend(browse, a)
    assert [sent(phone, step)["ok"] for step in steps] == [True, True]
    react_to(appeal)
    assert {leg.state for leg in legs_of(appeal)} == {"done"}
    # Its unit looks at it before the requester is told that it is done.
    assert appeal.status == "handling"


def test_what_a_suspended_helper_received_and_carried_counts(task: Relay, browse: Browse) -> None:
    first, phone = phone_with(task.buy, task.a), phone_with(task.carry, task.b)
    assert sent(first, bought(task))["ok"] is True
    assert sent(first, record(task.gate, "hand_over", task.a))["ok"] is True
    steps = [record(task.gate, "hand_over", task.b), record(task.carry, "finish", task.b)]
    suspend(browse, task.b)
    assert Leg.objects.get(pk=task.carry.pk).state == "open"
    assert [sent(phone, step)["ok"] for step in steps] == [True, True]
    react_to(task.appeal)
    done = {leg.n: (leg.state, leg.holder_id) for leg in legs_of(task.appeal)}
    assert done[3] == ("done", task.b.user_id)
    assert {state for state, _holder in done.values()} == {"done"}


def test_late_work_and_a_new_taker_at_the_same_moment(own_city: City) -> None:
    task = begun_relay(cast())
    phone, what = phone_with(task.buy, task.a), bought(task)
    other = helper("阿强")
    buy = Leg.objects.get(pk=task.buy.pk)
    leg_actions.release_leg(buy, buy.active_at, why="太久没有动静")
    together = threading.Barrier(2)
    answers: list[bool] = []
    taken: list[bool] = []

    def send() -> None:
        together.wait()
        answers.append(sent(phone, what)["ok"])

    def take() -> None:
        together.wait()
        try:
            leg_actions.take(buy.pk, other)
            taken.append(True)
        except Conflict:
            taken.append(False)

    in_threads(send, take)
    buy.refresh_from_db()
    assert answers == [True]
    assert buy.holder_id == (other.user_id if taken == [True] else task.a.user_id)
    # Whoever was first, the work and its money are recorded once.
    own = Leg.objects.filter(appeal=task.appeal, holder=task.a.user_id, state="done")
    assert list(own.values_list("paid", flat=True)) == [4250]


def test_shifts_end_and_the_leader_is_told(task: Relay, browse: Browse) -> None:
    user, care = user_of(task.a), Unit.objects.get(code="care")
    admin = User.objects.get(username="admin")
    head = User.objects.create(username="care-lead", display_name="队长老赵")
    Post.objects.create(user=head, unit=care, role="head")
    now = timezone.now()
    hour = timedelta(hours=1)
    one = Volunteer.objects.get(pk=user.pk)
    for start in (-hour, 24 * hour):
        shifts.add_shift(care, one, now + start, now + start + 2 * hour, admin)
    suspend(browse, task.a)
    left = Shift.objects.get(user=user)
    assert left.starts_at < now < left.ends_at <= timezone.now()
    assert do_queued(TELL_TASK) == 1
    notice = Notification.objects.get(user=head, subject_kind="change")
    [text] = notices_of(head)
    assert "阿东暂停了志愿服务" in text
    assert "核实一件事" in text
    client = Client()
    client.force_login(head)
    assert (
        client.get(f"/desk/notices/{notice.pk}")["Location"] == f"/desk/volunteers/{user.username}"
    )
    assert not Notification.objects.filter(user=admin, subject_kind="change").exists()


def test_volunteer_who_leaves_has_no_shifts_and_offers(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    asked = appeal.all_legs.get(n=1).offers.get(user=a.user_id)
    assert asked.answer == ""
    user = user_of(a)
    now = timezone.now()
    shifts.add_shift(
        Unit.objects.get(code="care"),
        Volunteer.objects.get(pk=user.pk),
        now + timedelta(days=1),
        now + timedelta(days=1, hours=2),
        User.objects.get(username="admin"),
    )
    client = Client()
    client.force_login(user)
    assert "您已经不在队里" in text_of(client.post("/field/-/me/leave", {"sure": "on"}))
    assert not Shift.objects.filter(user=user).exists()
    asked.refresh_from_db()
    assert asked.answer == "no"
    assert do_queued(TELL_TASK) == 1


@pytest.mark.parametrize("what", ["login", "squad"])
def test_retired_login_or_squad_releases_and_keeps_the_work(
    task: Relay, browse: Browse, what: str
) -> None:
    phone, finish = phone_with(task.buy, task.a), bought(task)
    path = f"user/{user_of(task.a).username}" if what == "login" else "unit/care"
    admin = browse("admin")
    preview = text_of(admin.get(f"/setup/{path}/retire"))
    assert ("位志愿者在这个队" if what == "squad" else "手上有 1 程任务") in preview
    assert admin.post(f"/setup/{path}/retire").status_code == 302
    do_queued(FREE_TASK)
    task.buy.refresh_from_db()
    assert task.buy.state == "open"
    page = phone.get("/field")
    assert ("您的账号停用了" if what == "login" else "停用了") in text_of(page)
    answer = sent(phone, finish)
    assert (answer["ok"], answer["kept"]) == (True, True)
    task.buy.refresh_from_db()
    assert (task.buy.state, task.buy.paid) == ("done", 4250)


def test_withdrawn_case_repays_what_was_spent(city: Cast, browse: Browse) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, _carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    react_to(appeal)
    phone = phone_with(buy, a)
    withdraw(appeal)
    # At the till when it was withdrawn: the phone tells, and takes the receipt.
    page = text_of(phone.get(f"/field/-/leg/{buy.pk}"))
    assert "补报" in page
    url = f"/field/-/leg/{buy.pk}/claim"
    given = {"paid": "35", "why": "药已经买了", "photos": [photo()]}
    assert phone.post(url, given).status_code == 302
    assert phone.post(url, {"paid": "35"}).status_code == 409
    claim = Leg.objects.get(appeal=appeal, paid=3500)
    assert (claim.holder_id, claim.state) == (a.user_id, "done")
    assert "把买到的东西交给单位" in text_of(phone.get("/field"))
    settle(appeal, browse, claim)
    assert "把买到的东西交给单位" not in text_of(phone.get("/field"))
    theirs = text_of(browse().get(f"/t/{appeal.token}"))
    for inside in ("35.00", "补报", "药已经买了"):
        assert inside not in theirs


def test_withdrawn_case_has_an_end_for_goods_in_hand(city: Cast, browse: Browse) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, _carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    react_to(appeal)
    phone = phone_with(buy, a)
    assert sent(phone, record(buy, "finish", a, paid="35"))["ok"] is True
    withdraw(appeal)
    drop = appeal.events.get(verb="drop")
    assert (drop.facts["owed"], drop.facts["keepers"]) == (3500, [a.user_id])
    unit = Notification.objects.filter(event=drop).exclude(user=a.user_id)
    assert unit.exists()
    [text] = notices_of(User.objects.get(pk=unit.values_list("user", flat=True)[0]))
    assert "还有 35.00 元没有报销" in text
    back = Leg.objects.get(appeal=appeal, kind="bring_back")
    assert back.holder_id == a.user_id
    # It shows no name, door or phone any more.
    page = text_of(phone.get(f"/field/-/leg/{back.pk}"))
    assert "把买到的东西交给单位" in page
    assert "王小明" not in page
    assert "13812345678" not in page
    # Reminded, then its unit; never given to others.
    day = timedelta(days=1)
    for days in (1, 2, 3):
        offers.sweep(now=timezone.now() + days * day + timedelta(minutes=days))
    nudges = [e.facts["to"] for e in appeal.events.filter(verb="nudge").order_by("seq")]
    assert nudges == ["", "head", "head"]
    back.refresh_from_db()
    assert (back.state, back.holder_id) == ("taken", a.user_id)
    settle(appeal, browse, Leg.objects.get(pk=buy.pk))


def withdraw(appeal: Appeal) -> None:
    closing_actions.withdraw(appeal.pk, requester_of(appeal.pk))
    react_to(appeal)


def settle(appeal: Appeal, browse: Browse, spent: Leg) -> None:
    """The unit repays and collects the goods of an ended case."""
    back = Leg.objects.get(appeal=appeal, kind="bring_back", state="taken")
    desk, page = browse("dispatcher"), f"/desk/case/{appeal.number}/errands"
    assert "还没有报销的" in text_of(desk.get(page))
    assert desk.post(f"{page}/repay", {"leg": spent.pk}).status_code == 302
    given = {"leg": back.pk, "why": "送给隔壁老人了"}
    assert desk.post(f"{page}/collect_goods", given).status_code == 302
    spent.refresh_from_db()
    back.refresh_from_db()
    assert (spent.repaid_at is not None, back.state) == (True, "done")
    assert "还没有报销的" not in text_of(desk.get(page))
