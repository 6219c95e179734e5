"""Invalid clock limits: empty rows, and steps longer than the limit for solving."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.history import new_changes
from tests.web.admin.conftest import form_of, hidden, last, text_of, upload
from yinghu.appeals.models import ClockLimit
from yinghu.appeals.states import LIMITED

EMPTY = {kind.value: "" for kind in LIMITED}
GENERAL, MILK = "/setup/limit/:1", "/setup/limit/milk:1"


def save(admin: Client, where: str, **typed: str) -> Any:
    return admin.post(where, form_of(admin.get(where)) | typed)


def of(category: str | None, urgency: int = 1) -> int:
    return ClockLimit.objects.filter(category=category, urgency=urgency).count()


@pytest.mark.parametrize("button", [{}, {"empty": "1"}])
def test_general_limits_of_urgency_cannot_be_removed(admin: Client, button: dict[str, str]) -> None:
    page = save(admin, GENERAL, **EMPTY, **button)
    assert page.status_code == 422
    assert "通用时限不能全空着" in text_of(page)
    assert "取消这一行" not in text_of(admin.get(GENERAL))
    assert of(None) == len(LIMITED)
    assert not new_changes().exists()
    # A single limit may be left empty.
    assert save(admin, GENERAL, ruling="").status_code == 302
    assert of(None) == len(LIMITED) - 1


def test_exception_is_removed_by_button_not_by_emptying(admin: Client) -> None:
    admin.post("/setup/limit/-/new", {"category": "milk", "urgency": "1", "solve": "3 天"})
    page = save(admin, MILK, solve="")
    assert page.status_code == 422
    assert "时限至少写一个" in text_of(page)
    assert "取消这一行，改按通用" in text_of(page)
    assert of("milk") == 1
    assert save(admin, MILK, empty="1")["Location"] == "/setup/limit/"
    assert of("milk") == 0
    assert last("limit").after == {"solve": None}


def test_file_cannot_empty_limit_rows(admin: Client) -> None:
    admin.post("/setup/limit/-/new", {"category": "milk", "urgency": "1", "solve": "3 天"})
    heads = ",".join(EMPTY)
    blank = "," * (len(EMPTY) - 1)
    text = f"category,urgency,{heads}\n,1,{blank}\nmilk,1,{blank}\n"
    page = admin.post("/setup/limit/-/import", {"file": upload(text)})
    assert "通用时限不能全空着" in text_of(page)
    assert "不要这一行了" in text_of(page)
    assert hidden(page) == {}


@pytest.mark.parametrize("name", ["receive", "dispatch", "respond", "arrive"])
@pytest.mark.parametrize(
    ("longer", "solve"),
    [("30 天", "1 小时"), ("61 分钟", "1 小时"), ("3 个工作日", "2 个工作日")],
)
def test_step_limit_longer_than_solve_limit_is_refused(
    admin: Client, name: str, longer: str, solve: str
) -> None:
    made = {"category": "milk", "urgency": "1", name: longer, "solve": solve}
    page = admin.post("/setup/limit/-/new", made)
    assert page.status_code == 422
    assert f"比“解决”的时限（{solve}）还长" in text_of(page)
    assert f'id="s-{name}-error"' in text_of(page)
    assert form_of(page)[name] == longer
    text = f"category,urgency,{name},solve\nmilk,1,{longer},{solve}\n,1,{longer},{solve}\n"
    page = admin.post("/setup/limit/-/import", {"file": upload(text)})
    assert text_of(page).count(f"比“解决”的时限（{solve}）还长") >= 2
    assert hidden(page) == {}
    assert not new_changes().exists()


@pytest.mark.parametrize(
    "typed",
    [
        {"respond": "1 小时", "solve": "60 分钟"},
        {"respond": "2 天", "solve": "1 个工作日"},
        {"respond": "3 个工作日", "solve": "3 天"},
        {"feedback": "3 天", "progress": "3 天", "solve": "1 小时"},
        {"respond": "3 天"},
    ],
)
def test_incomparable_or_later_limits_are_accepted(admin: Client, typed: dict[str, str]) -> None:
    made = {"category": "milk", "urgency": "1"} | typed
    assert admin.post("/setup/limit/-/new", made).status_code == 302
