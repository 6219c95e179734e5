"""Whistling at a place: the whistle creates its case, once, within the whistler's area."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast, cast
from tests.cities import City, in_threads
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community, call
from tests.web.conftest import Browse, text_of
from yinghu.appeals.models import Appeal, Event
from yinghu.intake import whistle_filing
from yinghu.intake.models import Message
from yinghu.intake.receive import raw_of
from yinghu.oversight import whistle_actions
from yinghu.oversight.models import Summons
from yinghu.people.models import Unit

PAGE = "/desk/whistles/new"


def filled(client: Client, **other: Any) -> dict[str, Any]:
    """The form as the head of a community sends it, with `other` replaced."""
    page = text_of(client.get(PAGE))
    (form_id,) = re.findall(r'name="form_id" value="([^"]+)"', page)
    soon = timezone.localtime() + timedelta(hours=2)
    return {
        "form_id": html.unescape(form_id),
        "unit": "community-futian",
        "occasion": "joint",
        "why": "市场门口占道经营，请两家到现场",
        "category": "environment",
        "area": "330782008001",
        "place": "农贸市场东门",
        "units": ["bureau-environment", "bureau-health"],
        "until": soon.strftime("%Y-%m-%dT%H:%M"),
    } | other


@pytest.mark.django_db
def test_whistle_at_a_place_creates_a_case_held_by_the_whistler(browse: Browse, city: Cast) -> None:
    client = browse("community-head")
    assert PAGE in text_of(client.get("/desk/whistles"))
    page = text_of(client.get(PAGE))
    # Units that are not above the caller, or not responsible for the place, are not offered.
    assert "生态环境局" in page
    assert "佛堂镇人民政府" not in page
    sent = filled(client)
    answer = client.post(PAGE, sent, follow=True)
    appeal = Appeal.objects.get()
    assert f"{appeal.number}：已吹哨" in text_of(answer)
    assert (appeal.status, appeal.channel, appeal.area_id) == (
        "handling",
        "whistle",
        "330782008001",
    )
    assert appeal.unit is not None
    assert appeal.unit.code == "community-futian"
    assert appeal.holder is not None
    assert appeal.holder.username == "community-head"
    assert {call.unit.code for call in Summons.objects.all()} == set(sent["units"])
    assert "市场门口占道经营" in text_of(browse("bureau-handler").get("/desk/whistles"))
    # A repeated submission finds the existing case.
    assert client.post(PAGE, sent).status_code == 302
    assert Appeal.objects.count() == Message.objects.count() == 1
    assert Event.objects.filter(verb="whistle").count() == 1


@pytest.mark.django_db
def test_message_keeps_the_form_without_the_csrf_token(browse: Browse, city: Cast) -> None:
    client = browse("community-head")
    sent = filled(client, csrfmiddlewaretoken="x" * 64)
    client.post(PAGE, sent)
    kept = json.loads(raw_of("whistle", Message.objects.get().external_id))
    assert kept["units"] == sent["units"]
    assert kept["why"] == [sent["why"]]
    assert "csrfmiddlewaretoken" not in kept


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"area": "330782100"}, "不管这个地方"),
        ({"area": "999999"}, "没有找到这个地方"),
        ({"units": []}, "请填写"),
        ({"units": ["town-fotang"]}, "town-fotang"),
        ({"units": ["community-futian"]}, "community-futian"),
        ({"unit": "town-futian"}, "town-futian"),
        ({"until": "2020-01-01T09:00"}, "以后|过去|将来"),
        ({"category": "nothing"}, "nothing"),
        ({"why": " "}, "请填写"),
        ({"place": ""}, "请填写"),
        ({"form_id": "made-up"}, "再按一次"),
    ],
)
def test_invalid_whistle_is_refused_and_creates_nothing(
    browse: Browse, city: Cast, wrong: dict[str, Any], said: str
) -> None:
    client = browse("community-head")
    answer = client.post(PAGE, filled(client, **wrong))
    assert answer.status_code == 400
    assert re.search(said, text_of(answer))
    assert Appeal.objects.count() == Message.objects.count() == Summons.objects.count() == 0


@pytest.mark.django_db
def test_only_units_below_the_command_whistle_at_a_place(browse: Browse, city: Cast) -> None:
    for name in ("clerk", "dispatcher", "commander", "volunteer", "admin"):
        client = browse(name)
        assert client.get(PAGE).status_code == 403, name
        assert client.post(PAGE, {"unit": "community-futian"}).status_code == 403, name
        assert PAGE not in text_of(client.get("/desk/whistles"))
    assert browse().get(PAGE).status_code == 302


def test_concurrent_whistles_create_one_case(own_city: City) -> None:
    cast()
    unit = Unit.objects.select_related("area").get(code="community-futian")
    whistle = {
        "occasion": "emergency",
        "why": "河堤渗水",
        "place": "河堤",
        "units": ["bureau-environment"],
        "until": timezone.now() + timedelta(hours=1),
    }

    made: set[int] = set()

    def press() -> None:
        made.add(
            whistle_filing.blow(
                login("community-head"),
                key="one",
                raw=b"{}",
                unit=unit,
                area="330782008001",
                category="environment",
                whistle=whistle,
            )
        )

    in_threads(*[press] * 6)
    assert len(made) == Appeal.objects.count() == Summons.objects.count() == 1
    assert Appeal.objects.get().urgency == 2


def test_whistling_unit_is_not_listed_as_its_own_participant(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    page = text_of(browse("community-head").get(f"/desk/case/{appeal.number}"))
    beside = page.partition("<dt>参与单位</dt>")[2].partition("</dd>")[0]
    assert "生态环境局" in beside
    assert "福田社区居委会" not in beside
