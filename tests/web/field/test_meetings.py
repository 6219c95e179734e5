"""Hand-overs and done work on the phone: whom one meets, where and when; what one has done."""

from __future__ import annotations

import re

from django.test import Client

from tests.cast import Cast
from tests.errands.errands import (
    RELAY,
    begun_relay,
    helper,
    hospital,
    legs_of,
    medicine_case,
    proof,
    react_to,
    relay,
)
from yinghu.common.privacy.opening import unseal
from yinghu.errands import leg_actions
from yinghu.errands.models import Leg
from yinghu.people.access import Actor, actor_of
from yinghu.people.models import Reveal, User, Volunteer
from yinghu.places.models import Area


def phone_of(actor: Actor) -> Client:
    client = Client(headers={"accept-language": "zh-CN"})
    client.force_login(User.objects.get(pk=actor.user_id or 0))
    return client


def page(actor: Actor, path: str) -> str:
    return re.sub(r"\s+", " ", phone_of(actor).get(path).content.decode())


def number_of(actor: Actor) -> str:
    return unseal(Volunteer.objects.get(pk=actor.user_id).phone)


def test_both_sides_of_a_hand_over_see_each_other_place_and_time(city: Cast) -> None:
    task = begun_relay(city)
    gate = f"/field/-/leg/{task.gate.pk}"
    sides = ((task.a, task.b, "交给谁", "小红"), (task.b, task.a, "从谁手里拿", "阿东"))
    for me, other, role, name in sides:
        seen = page(me, gate)
        assert f"<dt>{role}</dt><dd><b><bdi>{name}</bdi></b></dd>" in seen
        assert '<dt>在哪里交接</dt><dd><b dir="auto">北门</b></dd>' in seen
        assert "前一程办完就交接" in seen
        assert f'href="tel:{number_of(other)}"' in seen
        # The number is behind the button only.
        assert seen.count(number_of(other)) == 1
    for me, leg, name in ((task.a, task.buy, "小红"), (task.b, task.carry, "阿东")):
        own = page(me, f"/field/-/leg/{leg.pk}")
        assert f"<bdi>{name}</bdi>" in own
        assert "北门" in own
    leg_actions.finish(task.buy.pk, task.a, photos=proof())
    assert "现在就可以" in page(task.b, gate)


def test_looks_at_a_partners_phone_are_logged_once_and_end_with_the_hand_over(city: Cast) -> None:
    task = begun_relay(city)
    gate = f"/field/-/leg/{task.gate.pk}"
    for _again in range(2):
        page(task.a, gate)
    log = Reveal.objects.filter(volunteer__isnull=False)
    assert list(log.values_list("user", "volunteer", "shown", "why", "asked")) == [
        (task.a.user_id, task.b.user_id, ["phone"], f"leg {task.gate.pk}", False)
    ]
    outsider = helper("外人")
    assert number_of(task.a) not in page(outsider, gate)
    leg_actions.finish(task.buy.pk, task.a, photos=proof())
    for side in (task.a, task.b):
        leg_actions.hand_over(task.gate.pk, side)
    assert f"tel:{number_of(task.b)}" not in page(task.a, gate)
    assert log.count() == 1


def test_done_list_has_legs_with_their_money(city: Cast) -> None:
    task = begun_relay(city)
    leg_actions.finish(task.buy.pk, task.a, photos=proof(), paid=4250)
    done = page(task.a, "/field/-/done")
    assert '<span class="count">1</span>' in done
    assert f'href="/field/-/leg/{task.buy.pk}"' in done
    assert "去中心医院排队买药" in done
    assert "42.50 元 · 还没有报销" in done
    assert '<span class="count">0</span>' in page(task.b, "/field/-/done")


def kinds_drawn(actor: Actor) -> tuple[set[str], set[str]]:
    """Kinds of pins in the map's data, and in its legend."""
    drawn = page(actor, "/field/-/map")
    legend = re.search(r'<ul class="pin-legend">.*?</ul>', drawn)
    return (
        set(re.findall(r"&quot;kind&quot;: &quot;(\w+)&quot;", drawn)),
        set(re.findall(r"pin pin-(\w+)", legend[0] if legend else "")),
    )


def test_legend_of_the_map_is_what_it_draws(city: Cast) -> None:
    at_home = {"kind": "visit", "title": "上门看看", "where": "home", "beside": True}
    relay(legs=[RELAY[0], at_home])
    hospital()
    a = helper("阿东")
    assert kinds_drawn(a) == (set(), set())
    appeal = medicine_case(city, lon=120.0722, lat=29.3076)
    react_to(appeal)
    # Exactly at the hospital, roughly at a door.
    assert kinds_drawn(a) == ({"open", "blurred"}, {"open", "blurred"})
    buy, visit = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    assert kinds_drawn(a) == ({"mine", "blurred"}, {"mine", "blurred"})
    leg_actions.take(visit.pk, a)
    assert kinds_drawn(a) == ({"mine"}, {"mine"})


def test_chosen_area_shows_help_for_the_people_there(city: Cast) -> None:
    relay()
    place = hospital()
    assert place.area_id is not None
    home = Area.objects.filter(level=5).exclude(code__startswith=place.area_id[:9])[0]
    appeal = medicine_case(city, area=home.pk)
    react_to(appeal)
    title = legs_of(appeal)[0].title
    # At home: where it is bought is elsewhere. A town around it, and a part of it, count too.
    for chosen in (home.pk, home.pk[:9], home.pk[:12]):
        assert title in page(helper("近", areas=[chosen], ready_until=None), "/field"), chosen
    far = Area.objects.filter(level=2).exclude(code__in=[home.pk[:9], place.area_id[:9]])[0]
    assert title not in page(helper("远", areas=[far.pk], ready_until=None), "/field")


def test_help_without_a_known_area_is_shown_in_every_chosen_area(city: Cast) -> None:
    relay(legs=[{"kind": "phone", "title": "打电话问一问", "where": "nowhere"}])
    appeal = medicine_case(city, area=None)
    react_to(appeal)
    chosen = helper("近", areas=["330782999"], ready_until=None)
    assert "打电话问一问" in page(chosen, "/field")


def test_new_volunteer_is_asked_for_hours_and_place_until_they_say(city: Cast) -> None:
    new = helper("新人", ready_until=None, lon=None, lat=None)
    asked = "先说一说，才会有任务来问您"
    home = page(new, "/field")
    assert asked in home
    assert "写每周什么时候有空" in home
    assert "说您在哪里" in home
    phone = phone_of(new)
    phone.post("/field/-/me/ready", {"hours": "4"})
    home = page(new, "/field")
    assert "写每周什么时候有空" not in home
    assert "说您在哪里" in home
    phone.post("/field/-/me/here", {"lon": "120.07", "lat": "29.30"})
    assert asked not in page(new, "/field")
    assert '<details class="card act me-fold" id="hours" open>' in page(
        new, "/field/-/me?open=hours"
    )


def test_helper_who_takes_the_next_leg_too_meets_nobody(city: Cast) -> None:
    task = begun_relay(city)
    leg_actions.give_back(task.carry.pk, task.b, why="家里有事")
    Volunteer.objects.filter(pk=task.a.user_id).update(zones=[task.carry.zone_id])
    leg_actions.take(task.carry.pk, actor_of(User.objects.get(pk=task.a.user_id or 0)))
    gate = Leg.objects.get(pk=task.gate.pk)
    assert gate.giver_id == gate.holder_id == task.a.user_id
    assert phone_of(task.a).get(f"/field/-/leg/{gate.pk}").status_code == 200
    assert f"/field/-/leg/{gate.pk}#" not in page(task.a, f"/field/-/leg/{task.buy.pk}")
