"""People outdoors raise an alarm on what they have in hand."""

from __future__ import annotations

import pytest

from tests.cast import Cast, taken_milk
from tests.errands.errands import helper, hospital, legs_of, medicine_case, react_to, relay, sealed
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Appeal
from yinghu.errands import leg_actions
from yinghu.people.models import User

pytestmark = pytest.mark.django_db
WHY = "老人倒在地上叫不醒"


def test_holder_of_a_leg_raises_an_alarm_and_others_do_not(browse: Browse, city: Cast) -> None:
    relay()
    hospital()
    zone = sealed("330782001004001")
    a, b = helper("阿东"), helper("小红", inside=zone.code)
    appeal = medicine_case(city)
    react_to(appeal)
    buy = legs_of(appeal)[0]
    leg_actions.take(buy.pk, a)
    mine, other = (browse(User.objects.get(pk=who.user_id or 0).username) for who in (a, b))
    page = text_of(mine.get(f"/field/-/leg/{buy.pk}"))
    assert "有人有危险，报警" in page
    assert 'href="tel:120"' in page
    assert "有人有危险，报警" not in text_of(other.get(f"/field/-/leg/{buy.pk}"))
    assert other.post(f"/field/-/leg/{buy.pk}/alarm", {"why": WHY}).status_code == 409
    assert mine.post(f"/field/-/leg/{buy.pk}/alarm", {"why": ""}).status_code == 422
    appeal.refresh_from_db()
    assert not appeal.alarmed
    told = text_of(mine.post(f"/field/-/leg/{buy.pk}/alarm", {"why": WHY}, follow=True))
    assert "警报已经响了" in told
    raised = appeal.events.get(verb="alarm")
    assert (raised.why, raised.user_id) == (WHY, a.user_id)
    lane = text_of(browse("clerk").get("/desk/triage"))
    assert f'data-alarm="{appeal.number}"' in lane
    # The requester is not frightened by it.
    assert WHY not in text_of(browse().get(f"/t/{appeal.token}"))


def test_holder_of_a_case_raises_an_alarm(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    client = browse("milk-handler")
    page = text_of(client.get(f"/field/{appeal.number}"))
    assert "有人有危险，报警" in page
    version = {"version": str(appeal.version), "why": WHY}
    told = client.post(f"/field/{appeal.number}/alarm", version, follow=True)
    assert "警报已经响了" in text_of(told)
    assert Appeal.objects.get(pk=appeal.pk).alarmed
