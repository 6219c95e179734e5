"""The lane of alarms on the pages of the desks, and its way to a judged case."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, dispatched, file_one
from tests.oversight.alarms import FIRE, look
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Appeal
from yinghu.oversight import alarm_actions

pytestmark = pytest.mark.django_db


def lane(page: str) -> str:
    """The lane in the header of a page; "" if there is none."""
    found = re.search(r'<section class="alarms.*?</section>', page, re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("username", "path"),
    [
        ("clerk", "/desk/triage"),
        ("operator", "/desk/callback"),
        ("dispatcher", "/desk/dispatch"),
        ("supervisor", "/board"),
        ("commander", "/desk/cases"),
    ],
)
def test_lane_is_on_the_pages_of_every_desk(
    browse: Browse, city: Cast, username: str, path: str
) -> None:
    client = browse(username)
    assert lane(text_of(client.get(path))) == ""
    appeal = look(file_one(FIRE))
    said = lane(text_of(client.get(path)))
    assert appeal.number in said
    assert "有人被困" in said
    assert f'action="/desk/case/{appeal.number}/acknowledge"' in said


@pytest.mark.parametrize("username", ["milk-handler", "volunteer", "town-head", "admin"])
def test_others_have_no_lane(browse: Browse, city: Cast, username: str) -> None:
    look(file_one(FIRE))
    client = browse(username)
    assert 'id="alarms"' not in text_of(client.get("/desk", follow=True))
    assert client.get("/desk/alarms").status_code == 403


def test_looking_leads_to_the_case_and_names_who_looks(browse: Browse, city: Cast) -> None:
    appeal = look(file_one(FIRE))
    client = browse("clerk")
    page = text_of(client.post(f"/desk/case/{appeal.number}/acknowledge", follow=True))
    assert "研判员小周 在看" in lane(page)
    assert "data-alarm=" not in page
    assert f'action="/desk/case/{appeal.number}/confirm_alarm"' in page
    assert "研判员小周 在看" in lane(text_of(browse("commander").get("/board")))
    late = browse("dispatcher").post(f"/desk/case/{appeal.number}/acknowledge")
    assert late.status_code == 409
    assert "已经有人在看这个警报" in text_of(late)


@pytest.mark.parametrize(("verb", "urgency"), [("confirm_alarm", 3), ("dismiss_alarm", 1)])
def test_one_press_judges_the_alarm(browse: Browse, city: Cast, verb: str, urgency: int) -> None:
    appeal = look(file_one(FIRE))
    client = browse("operator")
    given = {"version": str(appeal.version)}
    page = text_of(client.post(f"/desk/case/{appeal.number}/{verb}", given, follow=True))
    assert lane(page) == ""
    assert "警报：可能有人有危险" not in page
    assert Appeal.objects.get(pk=appeal.pk).urgency == urgency


def test_page_lists_all_alarms_those_unseen_first(browse: Browse, city: Cast) -> None:
    cases = [look(file_one(f"{FIRE}，{number}号楼")) for number in range(5)]
    alarm_actions.acknowledge(cases[0].pk, city.clerk)
    client = browse("clerk")
    for path in ("/desk/alarms", "/desk/alarms?part=alarms"):
        said = lane(text_of(client.get(path, headers={"HX-Request": "true"})))
        listed = re.findall(r'class="alarm-case" href="/desk/case/([0-9-]+)"', said)
        assert listed == [each.number for each in (*cases[1:], cases[0])]
    elsewhere = lane(text_of(client.get("/desk/triage")))
    assert "全部 5 件警报" in elsewhere
    # One line, however many there are: nothing may move under a finger.
    assert elsewhere.count('class="alarm unseen"') == 1


def test_pages_without_alarms_need_no_further_query(browse: Browse, city: Cast) -> None:
    client = browse("clerk")
    client.get("/board")
    with CaptureQueriesContext(connection) as none:
        client.get("/board")
    look(file_one(FIRE))
    with CaptureQueriesContext(connection) as one:
        client.get("/board")
    # Cases, clocks and events of the lane, and which alarm is the newest.
    assert len(one) - len(none) == 4


def test_unit_raises_an_alarm_from_its_case(browse: Browse, city: Cast) -> None:
    appeal = dispatched(file_one(), city)
    client = browse("milk-handler")
    assert f'action="/desk/case/{appeal.number}/alarm"' in text_of(
        client.get(f"/desk/case/{appeal.number}")
    )
    client.post(f"/desk/case/{appeal.number}/alarm", {"why": "婴儿没有反应"})
    assert "报警" in lane(text_of(browse("commander").get("/board")))
    missing = client.post(f"/desk/case/{appeal.number}/alarm", {"why": " "})
    assert missing.status_code == 422


def test_lane_is_translated(browse: Browse, city: Cast) -> None:
    look(file_one("My wife is pregnant, 38 weeks, strong pain, no car", language="en"))
    page = browse("clerk").get("/desk/triage", headers={"accept-language": "en"})
    said = lane(text_of(page))
    assert "I will look" in said
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"<b>.*?</b>", "", said))
