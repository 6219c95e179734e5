"""Replies in which a gap of their template was left are not sent, at any door."""

from __future__ import annotations

import pytest

from tests.cast import Cast, dispatched, file_one, requester, taken_milk
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.handling_actions import RESOLVE
from yinghu.appeals.models import Event, ReplyTemplate
from yinghu.appeals.moving import Refused
from yinghu.people.models import User
from yinghu.people.tokens import new_key

pytestmark = pytest.mark.django_db


def test_page_and_api_refuse_an_unfinished_reply(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    words = "您好，奶粉由【配送员】送到。"
    client = browse("milk-handler")
    page = client.post(f"/desk/case/{appeal.number}/resolve", {"words": words})
    assert page.status_code == 422
    assert "“【配送员】”还空着，请填好再发；如果不是要填的空，请换一种写法" in text_of(page)
    assert words in text_of(page)
    key = new_key(User.objects.get(username="milk-handler"), "test")
    answer = browse().post(
        f"/api/v1/appeals/{appeal.number}/resolve",
        {"words": "现答复如下："},
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}", "Accept-Language": "en"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "unfinished")
    assert answer.json()["detail"] == "Nothing follows “现答复如下：”: complete it before sending."
    assert not Event.objects.filter(verb=RESOLVE.name).exists()
    done = client.post(f"/desk/case/{appeal.number}/resolve", {"words": "您好，奶粉已经送到。"})
    assert done.status_code == 302


def test_return_from_a_template_needs_its_end(city: Cast) -> None:
    appeal = taken_milk(city)
    why = ReplyTemplate.objects.get(verb="return", name="不归本单位管").words
    with pytest.raises(Refused) as refused:
        actions.return_(appeal.pk, city.milk, why=why)
    assert (refused.value.code, refused.value.field) == ("unfinished", "why")
    assert "请改派：" in refused.value.message
    actions.return_(appeal.pk, city.milk, why=f"{why}药品组")


def test_placeholder_without_a_value_stays_and_is_not_sent(browse: Browse, city: Cast) -> None:
    appeal = file_one("想问一下你们几点下班")
    given = {"template": ReplyTemplate.objects.get(name="一般解答").pk}
    page = text_of(browse("clerk").get(f"/desk/case/{appeal.number}", given))
    assert "您好，您问的“{类别}”一事，现答复如下：" in page
    with pytest.raises(Refused) as refused:
        actions.answer(appeal.pk, city.clerk, words="您问的“{类别}”一事：五点下班。")
    assert "“{类别}”还空着" in refused.value.message


def test_requesters_own_words_may_look_like_a_gap(city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    said = handling_actions.supply(appeal.pk, requester(appeal), words="奶粉牌子是【飞鹤】，地址：")
    assert said.words == "奶粉牌子是【飞鹤】，地址："
