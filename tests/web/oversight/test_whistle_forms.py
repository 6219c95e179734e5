"""Whistle forms: the choices they offer, errors, and when units can be graded."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast
from tests.oversight.clock import pass_time
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community, call, elements
from tests.web.conftest import Browse, text_of
from tests.web.oversight.test_whistles import act, sections, typed
from yinghu.appeals import closing_actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.oversight import whistle_actions
from yinghu.oversight.models import Summons

pytestmark = pytest.mark.django_db


def form(page: str, verb: str) -> str:
    """The form of one verb on the case page, or "" if it is not offered."""
    found = re.search(rf'<details class="act[^>]*data-act="{verb}".*?</details>', page, re.S)
    return found[0] if found else ""


def first(page: str) -> str:
    """The verb whose form is open on the case page, or "" if none is."""
    found = re.search(r'<details class="act[^>]* open data-act="(\w+)"', page)
    return found[1] if found else ""


def case_page(client: Client, appeal: Appeal) -> str:
    return text_of(client.get(f"/desk/case/{appeal.number}"))


def choices(text: str, name: str) -> list[str]:
    """The values of a field's checkboxes, radio buttons or options."""
    select = re.search(rf'<select name="{name}".*?</select>', text, re.S)
    if select:
        return re.findall(r'<option value="([^"]+)"', select[0])
    return re.findall(rf'<input type="(?:checkbox|radio)" name="{name}" value="([^"]+)"', text)


def test_whistle_form_with_errors_offers_the_same_units(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    client = browse("community-head")
    offered = choices(form(case_page(client, appeal), "whistle"), "units")
    assert "bureau-health" in offered
    assert not {"community-futian", "platform", "town-fotang"} & set(offered)
    given = call() | {"until": typed(call()["until"])}
    path = f"/desk/case/{appeal.number}/whistle"
    wrongs: list[dict[str, Any]] = [{"units": []}]
    for wrong in (*wrongs, {"units": ["community-futian"]}, {"place": " "}):
        answer = client.post(path, given | wrong)
        assert answer.status_code == 422
        said = form(text_of(answer), "whistle")
        assert 'class="wrong"' in said
        assert choices(said, "units") == offered
    assert not Summons.objects.exists()


def test_report_in_error_does_not_ask_for_the_only_unit(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    answer = browse("health-handler").post(
        f"/desk/case/{appeal.number}/report_in", {"point": "nowhere", "why": "小林"}
    )
    assert answer.status_code == 422
    assert "代表哪个单位" not in text_of(answer)
    assert "小林" in form(text_of(answer), "report_in")


def test_measures_errors_appear_on_the_page_of_the_form(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    whistle_actions.report_in(appeal.pk, login("health-handler"))
    summons = Summons.objects.get()
    client = browse("health-handler")
    assert f'name="call" value="{summons.pk}"' in sections(client)["for-us"]
    now = timezone.now()
    given = elements(received=summons.whistle.at, until=now - timedelta(days=1))
    given |= {name: typed(given[name]) for name in ("received", "until")}
    given |= {"call": summons.pk, "unit": "bureau-health"}
    answer = act(client, appeal, "measures", **given)
    assert answer.status_code == 422
    page = text_of(answer)
    assert "<h1>吹哨报到</h1>" in page
    assert f'value="{given["until"]}"' in page
    assert "社区老王</textarea>" in page
    assert f'class="wrong" id="m{summons.pk}-until-error"' in page
    (field,) = re.findall(r"<input [^>]*autofocus[^>]*>", page)
    assert 'name="until"' in field
    assert 'aria-invalid="true"' in field
    assert Summons.objects.get().measures == ""
    # A form sent from the case page returns to the case page.
    there = client.post(
        f"/desk/case/{appeal.number}/measures", given | {"back": "whistles", "call": ""}
    )
    assert "case-number" in text_of(there)
    # Once corrected, the page confirms it.
    given["until"] = typed(now + timedelta(days=1))
    done = client.post(
        f"/desk/case/{appeal.number}/measures", given | {"back": "whistles"}, follow=True
    )
    assert f"{appeal.number}：已报四要素" in text_of(done)


@pytest.mark.parametrize(
    ("verb", "name", "given", "said"),
    [
        ("report_in", "health-handler", {"point": "nowhere", "why": "小林"}, "位置应写成"),
        ("contest", "health-handler", {"why": "油烟" * 5001}, "10000"),
        ("grade", "community-head", {"satisfaction": "great"}, "great"),
        ("judge", "commander", {"agree": "yes", "why": "\u200b"}, "请填写"),
    ],
)
def test_refused_form_keeps_what_was_typed(
    verb: str, name: str, given: dict[str, Any], said: str, browse: Browse, city: Cast
) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    if verb == "judge":
        whistle_actions.contest(appeal.pk, login("health-handler"), why="不归我们")
    if verb == "grade":
        whistle_actions.report_in(appeal.pk, login("health-handler"))
    summons = Summons.objects.get()
    given = {"unit": "bureau-health", "call": summons.pk} | given
    answer = act(browse(name), appeal, verb, **given)
    assert answer.status_code == 422
    page = text_of(answer)
    assert "<h1>吹哨报到</h1>" in page
    assert page.count("autofocus") == 1
    assert said in page
    if verb in ("report_in", "contest"):
        assert f'value="{given["why"]}"' in page
    if verb == "contest":
        assert f'id="contest-{summons.pk}" open' in page


def test_second_report_in_explains_and_keeps_what_was_typed(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    whistle_actions.report_in(appeal.pk, login("health-handler"))
    given = {"unit": "bureau-health", "call": Summons.objects.get().pk, "why": "小林也到了"}
    answer = act(browse("health-handler"), appeal, "report_in", **given)
    assert answer.status_code == 409
    page = text_of(answer)
    assert "<h1>吹哨报到</h1>" in page
    assert "没有吹哨请您的单位报到，或者已经报到过" in page
    assert "小林也到了" in page
    # An unknown call leads to the case page.
    answer = act(browse("health-handler"), appeal, "report_in", **given | {"call": 10**12})
    assert "case-number" in text_of(answer)


def test_absent_unit_can_only_be_graded_unsatisfied(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    whistle_actions.report_in(appeal.pk, login("bureau-handler"))
    pass_time(3, appeal)
    client = browse("community-head")
    ours = re.findall(r"<article.*?</article>", sections(client)["ours"], re.S)
    buttons = {
        re.findall(r'name="unit" value="([\w-]+)"', each)[0]: re.findall(
            r'name="satisfaction" value="(\w+)"', each
        )
        for each in ours
    }
    assert buttons == {"bureau-environment": ["yes", "fairly", "no"], "bureau-health": ["no"]}
    assert sections(client)["ours"].count("没有报到，只能评不满意") == 1
    silent = {"unit": "bureau-health", "satisfaction": "yes"}
    silent["call"] = str(Summons.objects.get(unit__code="bureau-health").pk)
    answer = act(client, appeal, "grade", **silent)
    assert answer.status_code == 422
    assert "卫生健康局没有报到，只能评不满意" in text_of(answer)
    # The case page marks the absent unit; when only that unit is left, only "no" is offered.
    said = form(case_page(client, appeal), "grade")
    assert sorted(choices(said, "unit")) == ["bureau-environment", "bureau-health"]
    assert choices(said, "satisfaction") == ["yes", "fairly", "no"]
    assert "卫生健康局（没有报到，只能评不满意）" in said
    act(client, appeal, "grade", unit="bureau-environment", satisfaction="yes")
    said = form(case_page(client, appeal), "grade")
    assert (choices(said, "unit"), choices(said, "satisfaction")) == (["bureau-health"], ["no"])
    assert act(client, appeal, "grade", **silent | {"satisfaction": "no"}).status_code == 302


def test_grade_is_offered_once_a_unit_can_be_graded(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    client = browse("community-head")
    assert first(case_page(client, appeal)) == "report"
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    assert form(case_page(client, appeal), "grade") == ""
    whistle_actions.report_in(appeal.pk, login("bureau-handler"))
    page = case_page(client, appeal)
    assert choices(form(page, "grade"), "unit") == ["bureau-environment"]
    assert first(page) == "report"
    pass_time(3, appeal)
    assert first(case_page(client, appeal)) == "report"
    # Only the whistler grades; with nothing else to do, grading comes first.
    for name in ("commander", "supervisor"):
        assert form(case_page(browse(name), appeal), "grade") == ""
    given = {"unit": "bureau-environment", "satisfaction": "yes"}
    assert act(browse("commander"), appeal, "grade", **given).status_code == 409
    handling_actions.resolve(appeal.pk, login("community-head"), words="办好了")
    closing_actions.close(appeal.pk, city.clerk)
    assert first(case_page(client, appeal)) == "grade"


def test_command_grades_the_units_it_called(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, city.commander, **call(units=["bureau-health"]))
    whistle_actions.report_in(appeal.pk, login("health-handler"))
    assert choices(form(case_page(browse("commander"), appeal), "grade"), "unit") == [
        "bureau-health"
    ]
    whistle_actions.grade(appeal.pk, city.commander, unit="bureau-health", satisfaction="yes")
