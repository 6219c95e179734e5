"""A category's questions on the filing form, and errors in the input."""

from __future__ import annotations

import re

import pytest

from tests.cast import Cast
from tests.web.citizen.test_filing import file, photo
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Appeal


def test_category_questions_are_asked_and_answers_stored(browse: Browse) -> None:
    client = browse()
    assert "就医原因" in text_of(client.get("/file?category=medical"))
    missing = file(client, "/file?category=medical", category="medical")
    assert missing.status_code == 422
    said = text_of(missing)
    assert 'id="f-q_reason-error"' in said
    assert "请回答这一项" in said
    reason = said.index("就医原因")
    assert '<span class="needed">必填</span>' in said[reason : reason + 60]
    given = {
        "category": "medicine",
        "q_hospital": "中心医院",
        "q_medicine": "缬沙坦",
        "q_count": "2",
    }
    file(client, "/file", **given)
    appeal = Appeal.objects.get()
    assert appeal.category_id == "medicine"
    assert appeal.answers == {"hospital": "中心医院", "medicine": "缬沙坦", "count": 2}


def test_filing_with_answers_needs_no_words(browse: Browse, city: Cast) -> None:
    client = browse(headers={"accept-language": "zh-CN"})
    assert file(client, category="milk", words=" ", q_count="2", q_left="0").status_code == 302
    appeal = Appeal.objects.get()
    assert appeal.body == "奶粉：几罐 2；还能吃几天 0"
    assert appeal.answers == {"count": 2, "left": 0}
    # The tracking page shows the answers only once.
    assert text_of(client.get(f"/t/{appeal.token}")).count("还能吃几天") == 1
    english = browse(headers={"accept-language": "en"})
    typed = {"q_prescription": "on", "q_medicine": "Insulin"}
    assert file(english, category="medicine", words="", **typed).status_code == 302
    last = Appeal.objects.order_by("pk").last()
    assert last is not None
    assert last.body == (
        "Medicine: Medicine and strength Insulin; Has a prescription or medical record Yes"
    )


@pytest.mark.parametrize(
    ("category", "why"),
    [("", "请写几个字，说说您需要什么"), ("milk", "请写几个字，或者回答上面的问题")],
)
def test_empty_filing_is_refused_at_words_field(browse: Browse, category: str, why: str) -> None:
    page = file(browse(), category=category, words="", name="王小明", photos=[photo()])
    assert page.status_code == 422
    assert re.search(rf'id="f-words-error">.*?{why}', text_of(page), re.DOTALL)
    assert not Appeal.objects.exists()


def test_all_errors_are_shown_at_once(browse: Browse) -> None:
    said = text_of(file(browse(), category="medical", words="", phone="12", q_hospital="别处"))
    for name in ("q_reason", "q_hospital", "phone"):
        assert f'id="f-{name}-error"' in said
    said = text_of(file(browse(), words="", phone="12"))
    for name in ("words", "phone"):
        assert f'id="f-{name}-error"' in said


@pytest.mark.parametrize("category", ["milk", "medicine", "food", "daily", "care", "travel"])
def test_filing_without_answers_is_accepted(browse: Browse, category: str) -> None:
    address = f"/file?category={category}"
    assert file(browse(), address, category=category).status_code == 302
    assert Appeal.objects.get().answers == {}


def test_choice_question_may_be_left_open(browse: Browse) -> None:
    client = browse()
    page = text_of(client.get("/file?category=medicine"))
    assert re.search(r'name="q_hospital" value=""[^>]* checked', page)
    assert "不清楚" in page
    file(client, category="medicine", q_hospital="", q_medicine="缬沙坦")
    assert Appeal.objects.get().answers == {"medicine": "缬沙坦"}
