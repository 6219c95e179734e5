"""Pages of a leg show outsiders no data that identifies a person."""

from __future__ import annotations

import pytest

from tests.cast import Cast
from tests.errands.errands import helper, hospital, legs_of, medicine_case, proof, react_to, relay
from tests.web.field.test_legs import browser, text
from yinghu.appeals.models import Appeal
from yinghu.errands import actions as errand_actions
from yinghu.errands import leg_actions

pytestmark = pytest.mark.django_db
NUMBER = "13912345678"


def test_phone_in_an_answer_stays_out_of_leg_titles_and_facts(city: Cast) -> None:
    relay()
    hospital()
    appeal = medicine_case(city)
    answers = {"hospital": f"打我电话{NUMBER}", "medicine": "降压药"}
    Appeal.objects.filter(pk=appeal.pk).update(answers=answers)
    helper("阿东")
    react_to(appeal)
    for leg in legs_of(appeal):
        assert NUMBER not in leg.title
    for event in appeal.events.all():
        assert NUMBER not in str(event.facts)


def test_note_for_the_next_helper_hides_phone_until_taken(city: Cast) -> None:
    relay()
    hospital()
    a, b = helper("阿东"), helper("小李")
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    leg_actions.take(buy.pk, a)
    leg_actions.give_back(buy.pk, a, why="临时有事", kept=f"排到 35 号，问 {NUMBER}")
    phone = browser(b)
    page = text(phone.get(f"/field/-/leg/{buy.pk}"))
    assert "排到 35 号" in page
    assert NUMBER not in page
    leg_actions.take(buy.pk, b)
    assert NUMBER in text(phone.get(f"/field/-/leg/{buy.pk}"))


def test_taken_and_finished_legs_hide_details_from_others(city: Cast) -> None:
    relay()
    hospital()
    a, b = helper("阿东"), helper("小李")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, carry = legs_of(appeal)
    stranger = browser(b)
    assert "降压药吃完了" in text(stranger.get(f"/field/-/leg/{buy.pk}"))
    leg_actions.take(buy.pk, a)
    late = stranger.get(f"/field/-/leg/{buy.pk}")
    # The page says that they came too late and shows nothing else of the case.
    assert late.status_code == 200
    assert "降压药" not in text(late)
    leg_actions.finish(buy.pk, a, photos=proof(), paid=4250)
    over = text(stranger.get(f"/field/-/leg/{buy.pk}"))
    assert "降压药" not in over
    assert "42.50" not in over
    leg_actions.finish(carry.pk, a, photos=proof())
    # Its helper may still see it.
    assert "降压药" in text(browser(a).get(f"/field/-/leg/{carry.pk}"))


def test_requester_sees_no_phone_number_from_helper_words(city: Cast) -> None:
    relay()
    hospital()
    a = helper("阿东")
    appeal = medicine_case(city)
    react_to(appeal)
    buy, _carry = legs_of(appeal)
    leg_actions.take(buy.pk, a)
    leg_actions.finish(buy.pk, a, photos=proof(), words=f"买到了，找我 {NUMBER}")
    errand_actions.say(appeal.pk, a, why="门口见")
    client = browser(city.clerk)
    client.logout()
    page = client.get(f"/t/{appeal.token}")
    assert page.status_code == 200
    assert "买到了" in text(page)
    assert NUMBER not in text(page)
    assert "门口见" not in text(page)
    assert "阿东" not in text(page)
    told = client.get(
        f"/api/v1/appeals/{appeal.number}", headers={"Authorization": f"Bearer {appeal.token}"}
    )
    assert told.status_code == 200
    body = told.content.decode()
    for secret in (NUMBER, "门口见", "阿东", "facts", "told", "errand"):
        assert secret not in body
