"""A category's questions: editing without JavaScript, validation, preview and CSV."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.cast import file_one
from tests.web.admin.conftest import form_of, hidden, last, text_of, upload
from yinghu.appeals.models import Category

WHERE = "/setup/category/medicine"


def take_in(admin: Client, text: str) -> Any:
    return admin.post("/setup/category/-/import", {"file": upload(text)})


def keys() -> list[str]:
    return [question["key"] for question in Category.objects.get(pk="medicine").questions]


def test_questions_are_added_moved_and_removed_without_scripts(
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
    # Earlier answers still match the key of their question.
    assert "中心医院" in text_of(browse("clerk").get(f"/desk/case/{old.number}"))
    citizen = browse(headers={"accept-language": "zh-CN"})
    assert "要不要冷藏" in text_of(citizen.get("/file?category=medicine"))


def test_urgent_threshold_is_edited_and_in_history(admin: Client) -> None:
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
def test_invalid_question_is_refused_and_empty_one_ignored(
    admin: Client, question: dict[str, str], why: str | None
) -> None:
    before = keys()
    typed = form_of(admin.post(WHERE, form_of(admin.get(WHERE)) | {"rearrange": "add"}))
    typed |= {f"question-5-{part}": text for part, text in ({"kind": "text"} | question).items()}
    page = admin.post(WHERE, typed)
    if why is None:
        assert page.status_code == 302  # an empty row is ignored
    else:
        assert page.status_code == 422
        assert why in text_of(page)
        assert "第 6 个问题" in text_of(page)
    assert keys() == before


@pytest.mark.parametrize("bad", ["\\u0000", "\\ud800"])
def test_question_with_unstorable_characters_is_refused(admin: Client, bad: str) -> None:
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


def test_nul_in_a_question_field_is_refused(admin: Client) -> None:
    typed = form_of(admin.get(WHERE))
    for part in ("label", "label_en"):
        page = admin.post(WHERE, typed | {f"question-1-{part}": "哪\x00个"})
        assert page.status_code == 422
        assert "第 2 个问题里有存不下来的字符" in text_of(page)


@pytest.mark.parametrize("sent", ["garbage", "7", "[1]", '{"a": 1}', '[{"label": "哪个"}]'])
def test_malformed_question_list_is_refused(admin: Client, sent: str) -> None:
    page = admin.post("/setup/category/milk", {"name": "奶粉", "questions": sent})
    assert page.status_code == 422
    assert "要问的问题" in text_of(page)


def test_invalid_stored_questions_can_be_repaired(admin: Client) -> None:
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


TABLE = "/setup/category/-/export?table=questions"
HEAD = "category,question,answer,choices,choices_en,required,key\n"


def test_question_table_reimports_without_changes(admin: Client) -> None:
    before = {each.pk: each.questions for each in Category.objects.all()}
    for language in ("zh-CN", "en"):
        out = admin.get(TABLE, headers={"accept-language": language}).content.decode("utf-8-sig")
        lines = out.splitlines()
        assert lines[0] == (
            "category,category_name,question,question_en,answer,choices,choices_en,required,urgent,"
            "danger,key"
        )
        # One line per question, without JSON, and one for each category without questions.
        assert len(lines) - 1 == sum(max(1, len(asked)) for asked in before.values())
        assert "{" not in out
        assert "什么也不会改" in text_of(take_in(admin, out))
    chosen = next(line for line in lines if ",hospital" in line)
    assert chosen.startswith("medicine,")
    assert "questions" not in admin.get("/setup/category/-/export").content.decode()[:80]


def test_question_table_import_keeps_keys_of_kept_questions(admin: Client) -> None:
    page = take_in(
        admin,
        "category,question,answer,choices,required\n"
        "medicine,要不要冷藏,选一个,要｜不要,是\n"
        ",在哪家医院配药,写几个字,,0\n"
        ",药还够几天,填个数,,1\n"
        "milk,,,,\n",
    )
    assert "要不要冷藏（选一个：要、不要，必填）" in text_of(page)
    assert admin.post("/setup/category/-/import", hidden(page)).status_code == 302
    medicine = Category.objects.get(pk="medicine")
    assert medicine.questions == [
        {
            "key": "ybylc",
            "label": "要不要冷藏",
            "kind": "choice",
            "choices": ["要", "不要"],
            "required": True,
        },
        # Properties without a column in the file are kept.
        {
            "key": "hospital",
            "label": "在哪家医院配药",
            "label_en": "Which hospital",
            "kind": "text",
        },
        {
            "key": "left",
            "label": "药还够几天",
            "label_en": "Days left",
            "kind": "number",
            "required": True,
            "urgent": 3,
        },
    ]
    assert Category.objects.get(pk="milk").questions == []
    assert Category.objects.get(pk="food").questions
    assert set(last("category").after) == {"questions"}


def test_question_table_imports_urgent_threshold(admin: Client) -> None:
    head = "category,question,answer,urgent\n"
    said = text_of(take_in(admin, head + "medicine,药还够几天,填个数,两天\n"))
    assert "第 2 行 urgent 列：" in said
    page = take_in(admin, head + "medicine,药还够几天,填个数,2\n")
    admin.post("/setup/category/-/import", hidden(page))
    (question,) = Category.objects.get(pk="medicine").questions
    assert (question["key"], question["urgent"]) == ("left", 2)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("medicine,,text,,,0,", "第 2 行 question 列：还没有写问什么"),
        ("medicine,问,猜一猜,,,0,", "第 2 行 answer 列：答法应是这几个之一：写几个字、选一个"),
        ("medicine,问,选一个,甲,,0,", "第 2 行 choices 列：至少写两个选项，用 | 隔开"),
        ("medicine,问,选一个,甲|乙,A,0,", "第 2 行 choices_en 列：中文选项有 2 个"),
        ("medicine,问,text,,,也许,", "第 2 行 required 列：应是 1 或 0，而不是“也许”"),
        ("medicine,问,text,,,1,Ü", "第 2 行 key 列：代号“Ü”"),
        ("nothing,问,text,,,1,", "没有代码为 nothing 的；要新建，文件里还要有这些列：name"),
        (",问,text,,,1,", "没有代码为  的"),
    ],
)
def test_question_table_errors_name_line_and_column(admin: Client, line: str, why: str) -> None:
    page = take_in(admin, f"{HEAD}{line}\n")
    assert why in text_of(page)
    assert "什么也不会改" in text_of(page)
    assert "缺少这些列：category、answer" in text_of(take_in(admin, "question\n问\n"))
