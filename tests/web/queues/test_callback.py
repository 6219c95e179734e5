"""The callback desk, whose answers feed the rates."""

from __future__ import annotations

import re

import pytest

from tests.cast import Cast, taken_milk
from tests.web.conftest import Browse, text_of
from yinghu.appeals import handling_actions
from yinghu.appeals.models import Appeal

pytestmark = pytest.mark.django_db


def test_callback_form_requires_three_answers(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    client, at = browse("operator"), f"/desk/case/{appeal.number}"
    page = text_of(client.get(f"{at}?back=callback"))
    form = page.split('data-act="rate"')[1].split("</details>")[0]
    asked = re.findall(r'<legend class="form-label">([^<]*)', form)
    assert [each.strip() for each in asked] == ["单位联系过诉求人吗", "解决了吗", "满意程度"]
    assert f'action="{at}/no_answer"' in form
    said = {"solved": "yes", "satisfaction": "fairly"}
    assert client.post(f"{at}/rate", said).status_code == 422
    assert client.post(f"{at}/rate", said | {"unreached": "yes"}).status_code == 302
    facts = appeal.events.get(verb="rate").facts
    assert facts == {"solved": True, "satisfaction": "fairly", "unreached": True}


def test_case_can_be_closed_after_three_unanswered_calls(browse: Browse, city: Cast) -> None:
    first, second = taken_milk(city), taken_milk(city)
    for appeal in (first, second):
        handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    client, at = browse("operator"), f"/desk/case/{first.number}"
    for call in range(3):
        first.refresh_from_db()
        said = {"version": first.version, "back": "callback", "then": second.number}
        answer = client.post(f"{at}/no_answer", said)
        # The next case is opened meanwhile.
        assert answer.headers["Location"].endswith(f"?case={second.number}")
        page = text_of(client.get("/desk/callback?part=rows"))
        words = "未接通" if call == 0 else f"未接通 {call + 1} 次"
        assert re.search(rf"{words} <time", page)
        # The case now waits behind the others.
        assert page.index(second.number) < page.index(first.number)
    page = text_of(client.get(f"{at}?back=callback"))
    assert "可以销号了" in page
    assert re.search(r'<details class="act first"\s+open\s+data-act="close"', page)
    assert client.post(f"{at}/close", {"back": "callback"}).status_code == 302
    assert Appeal.objects.get(pk=first.pk).status == "closed"


def test_duplicate_no_answer_is_recorded_once(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    appeal.refresh_from_db()
    client, at = browse("operator"), f"/desk/case/{appeal.number}/no_answer"
    for _press in range(2):
        assert client.post(at, {"version": appeal.version}).status_code == 302
    assert appeal.events.filter(verb="no_answer").count() == 1


def test_requester_can_report_that_no_unit_contacted_them(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    page = text_of(browse().get(f"/t/{appeal.token}"))
    form = page.split('id="act-rate"')[1].split("</details>")[0]
    assert "单位没有联系过我" in form
    assert form.count('type="checkbox"') == 1
    version = Appeal.objects.get(pk=appeal.pk).version
    said = {"version": version, "solved": "yes", "satisfaction": "yes", "unreached": "on"}
    at = f"/t/{appeal.token}/rate"
    for _press in range(2):
        assert browse().post(at, said).status_code == 302
    assert appeal.events.get(verb="rate").facts["unreached"] is True
