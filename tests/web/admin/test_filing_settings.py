"""What a city sets for filings: its area code, and how far away a position is still kept."""

from __future__ import annotations

from django.test import Client

from tests.cast import Cast, file_one
from tests.web.admin.conftest import form_of, last, text_of
from tests.web.conftest import Browse
from yinghu.appeals import city_texts
from yinghu.appeals.policies import policy


def test_area_code_is_a_setting_with_a_page_and_a_history(
    admin: Client, browse: Browse, city: Cast
) -> None:
    where = "/setup/text/area_code"
    form = form_of(admin.get(where))
    # It is the same in every language.
    assert "words_en" not in form
    wrong = admin.post(where, form | {"words": "义乌"})
    assert "要写成这样：0571" in text_of(wrong)
    also = admin.post(where, form | {"words": "0579", "words_en": "579"})
    assert "各种语言都一样" in text_of(also)
    assert admin.post(where, form | {"words": "0579"}).status_code == 302
    assert last("text").after == {"words": "0579"}
    city_texts.refresh_texts()
    appeal = file_one(phone="84664163")
    page = browse("operator", headers={"accept-language": "en"}).post(
        f"/desk/case/{appeal.number}/reveal", {"why": "call back"}
    )
    said = text_of(page)
    assert 'href="tel:+8657984664163"' in said
    assert "not verified" in said
    assert "0579 8466 4163" in said
    city_texts.refresh_texts()


def test_margin_around_the_city_is_a_rule_with_a_page_and_a_history(admin: Client) -> None:
    where = "/setup/policy/city_margin_km"
    page = admin.get(where)
    assert "位置离本市多远就不记" in text_of(page)
    assert "20 公里" in text_of(page)
    assert admin.post(where, form_of(page) | {"value": "35"}).status_code == 302
    assert last("policy").after == {"value": 35}
    assert policy("city_margin_km") == 35
