"""A category's questions: edited without scripts, checked, shown as citizens will see them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.cast import file_one
from tests.web.setup.conftest import form_of, hidden, last, text_of, upload
from yinghu.appeals.models import Category

WHERE = "/setup/category/medicine"


def take_in(admin: Client, text: str) -> Any:
    return admin.post("/setup/category/-/import", {"file": upload(text)})


def keys() -> list[str]:
    return [question["key"] for question in Category.objects.get(pk="medicine").questions]


def test_questions_are_added_moved_and_removed_by_buttons_alone(
    admin: Client, browse: Any, city: Any
) -> None:
    old = file_one(category="medicine", answers={"hospital": "中心医院", "left": 2})
    assert keys() == ["hospital", "medicine", "count", "left", "prescription"]
    typed = form_of(admin.get(WHERE)) | {"name": "药", "rearrange": "add"}
    page = admin.post(WHERE, typed)
    assert page.status_code == 200
    typed = form_of(page)
    assert typed["name"] == "药"
    typed |= {
        "question-5-label": "要不要冷藏",
        "question-5-kind": "choice",
        "question-5-choices": "要\n不要",
        "question-5-choices_en": "Yes\nNo",
        "question-5-required": "1",
    }
    typed = form_of(admin.post(WHERE, typed | {"rearrange": "up:5"}))
    page = admin.post(WHERE, typed | {"rearrange": "remove:3"})
    assert "群众看到的样子" in text_of(page)
    assert keys() == ["hospital", "medicine", "count", "left", "prescription"]
    assert admin.post(WHERE, form_of(page)).status_code == 302
    assert keys() == ["hospital", "medicine", "count", "ybylc", "prescription"]
    assert Category.objects.get(pk="medicine").questions[3] == {
        "key": "ybylc",
        "label": "要不要冷藏",
        "kind": "choice",
        "choices": ["要", "不要"],
        "choices_en": ["Yes", "No"],
        "required": True,
    }
    assert set(last("category").after) == {"name", "questions"}
    told = text_of(admin.get(f"{WHERE}/history"))
    assert "要不要冷藏（选一个：要、不要，必填）" in told
    # What was answered before keeps its key.
    assert "中心医院" in text_of(browse("clerk").get(f"/desk/case/{old.number}"))
    citizen = browse(headers={"accept-language": "zh-CN"})
    assert "要不要冷藏" in text_of(citizen.get("/file?category=medicine"))


def test_from_which_answer_a_case_is_urgent_is_edited_and_told(admin: Client) -> None:
    typed = form_of(admin.get(WHERE))
    assert typed["question-3-urgent"] == "3"
    assert admin.post(WHERE, typed | {"question-3-urgent": "0"}).status_code == 302
    assert Category.objects.get(pk="medicine").questions[3]["urgent"] == 0
    assert "答 0 或更少就建议加急" in text_of(admin.get(f"{WHERE}/history"))
    typed = form_of(admin.get(WHERE))
    assert typed["question-3-urgent"] == "0"
    assert admin.post(WHERE, typed | {"question-3-urgent": ""}).status_code == 302
    assert "urgent" not in Category.objects.get(pk="medicine").questions[3]


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({"kind": "text"}, None),
        ({"label": "几天", "kind": "number", "urgent": "三"}, "要填一个数"),
        ({"label_en": "Only English"}, "还没有写问什么"),
        ({"label": "哪个", "kind": "choice", "choices": "一个"}, "至少写两个选项"),
        ({"label": "哪个", "kind": "choice", "choices": "甲\n甲"}, "两个一样的选项"),
        ({"label": "哪个", "kind": "choice", "choices": "甲\n乙", "choices_en": "A"}, "一一对应"),
        ({"label": "几个", "key": "count"}, "代号 count 用了两次"),
        ({"label": "几个", "key": "Ab c"}, "只用小写"),
        ({"label": "几个", "kind": "photo"}, "答法应是"),
    ],
)
def test_a_question_that_cannot_be_asked(
    admin: Client, question: dict[str, str], why: str | None
) -> None:
    before = keys()
    typed = form_of(admin.post(WHERE, form_of(admin.get(WHERE)) | {"rearrange": "add"}))
    typed |= {f"question-5-{part}": text for part, text in ({"kind": "text"} | question).items()}
    page = admin.post(WHERE, typed)
    if why is None:
        assert page.status_code == 302  # an empty row is no question
    else:
        assert page.status_code == 422
        assert why in text_of(page)
        assert "第 6 个问题" in text_of(page)
    assert keys() == before


@pytest.mark.parametrize("bad", ["\\u0000", "\\ud800"])
def test_a_question_of_signs_that_cannot_be_kept(admin: Client, bad: str) -> None:
    before = keys()
    for part in ("label", "label_en", "choices"):
        asked = {"label": "哪个", "label_en": "Which", "kind": "choice", "choices": "甲\\n乙"}
        whole = json.dumps([asked | {part: "甲\n乙BAD"}]).replace("BAD", bad)
        cell = whole.replace('"', '""')
        page = take_in(admin, f'code,questions\nmedicine,"{cell}"\n')
        assert "第 1 个问题里有存不下来的字符" in text_of(page)
        assert hidden(page) == {}
        sent = admin.post(WHERE, form_of(admin.get(WHERE)) | {"questions": whole})
        assert sent.status_code == 422
        assert "存不下来的字符" in text_of(sent)
    assert keys() == before


def test_a_nul_typed_into_a_question_is_said(admin: Client) -> None:
    typed = form_of(admin.get(WHERE))
    for part in ("label", "label_en"):
        page = admin.post(WHERE, typed | {f"question-1-{part}": "哪\x00个"})
        assert page.status_code == 422
        assert "第 2 个问题里有存不下来的字符" in text_of(page)


@pytest.mark.parametrize("sent", ["garbage", "7", "[1]", '{"a": 1}', '[{"label": "哪个"}]'])
def test_what_is_no_list_of_questions_is_said(admin: Client, sent: str) -> None:
    page = admin.post("/setup/category/milk", {"name": "奶粉", "questions": sent})
    assert page.status_code == 422
    assert "要问的问题" in text_of(page)


def test_a_kept_list_that_breaks_a_rule_can_be_mended(admin: Client) -> None:
    category = Category.objects.get(pk="medicine")
    category.questions[0] |= {"kind": "choice", "choices": ["一个"], "choices_en": ["One"]}
    del category.questions[1]["key"]
    category.save()
    page = admin.get(WHERE)
    typed = form_of(page)
    assert typed["question-0-choices"] == "一个"
    assert admin.post(WHERE, typed).status_code == 422
    typed |= {"question-0-choices": "一个\n两个", "question-0-choices_en": "One\nTwo"}
    assert admin.post(WHERE, typed).status_code == 302
    assert Category.objects.get(pk="medicine").questions[0]["choices"] == ["一个", "两个"]
