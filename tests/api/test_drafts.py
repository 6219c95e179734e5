"""What the API files is checked by the rules that hold at every door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.api.conftest import Api
from tests.sessions import log_client_in
from yinghu.appeals.channels import CHANNELS
from yinghu.appeals.models import Appeal
from yinghu.common.privacy.opening import unseal
from yinghu.common.privacy.sealing import blind
from yinghu.people.models import Post, Role, Unit, User
from yinghu.places.models import Area

Check = Callable[..., dict[str, Any]]


def point_of(code: str) -> dict[str, Any]:
    """The centre of an area."""
    area = Area.objects.get(pk=code)
    assert area.lon is not None
    assert area.lat is not None
    return {"lon": area.lon, "lat": area.lat}


def clerk_of(town: str, username: str) -> Client:
    """A client logged in as a clerk of this town only."""
    user = User.objects.create_user(username, display_name=username)
    unit = Unit.objects.get(code="platform")
    Post.objects.create(user=user, unit=unit, role=Role.CLERK, area_id=town)
    client = Client()
    log_client_in(client, user)
    return client


def test_town_clerk_sees_what_the_api_files_with_a_point(api: Api) -> None:
    """No area is named: the point tells it, or the address."""
    told = api.file(**point_of("330782100"))
    named = api.file(address="佛堂镇老市基街", external_id="by-address")
    far_off = api.file(body="没有地点", external_id="nowhere")
    areas = [str(appeal.area_id)[:9] for appeal in Appeal.objects.order_by("id")]
    assert areas == ["330782100", "330782100", "None"]
    page = clerk_of("330782100", "佛堂研判").get("/desk/triage").content.decode()
    assert told["number"] in page
    assert named["number"] in page
    assert far_off["number"] not in page
    other = clerk_of("330782008", "福田研判").get("/desk/triage").content.decode()
    assert told["number"] not in other


def test_named_area_and_sticker_outrank_address_and_point(api: Api) -> None:
    api.file(area="330782008", address="佛堂镇", **point_of("330782100"))
    api.file(place="xiuhu", external_id="2", **point_of("330782100"))
    one, two = Appeal.objects.order_by("id")
    assert (one.area_id, two.area_id) == ("330782008", "330782001004001")
    # The point is the requester's own.
    assert (two.lon, two.lat) == tuple(point_of("330782100").values())


def test_point_that_cannot_be_right_is_refused_in_words(api: Api, problem: Check) -> None:
    points: list[tuple[dict[str, Any], str, str]] = [
        ({"lon": 0.0, "lat": 0.0}, "null_point", "0,0"),
        ({"lon": 116.4, "lat": 39.9}, "far_point", "20 公里"),
        ({"lon": 29.306, "lat": 75.0}, "far_point", "写反"),
        ({"lon": -73.98, "lat": 40.75, "coordinates": "gcj02"}, "far_point", "20 公里"),
    ]
    for point, code, words in points:
        body = problem(
            api.post("/appeals", "operator", json={"body": "求助"} | point), 422, "invalid"
        )
        assert [(e["field"], e["code"]) for e in body["errors"]] == [("lon", code)], point
        assert words in body["errors"][0]["detail"]
    english = api.post(
        "/appeals",
        "operator",
        json={"body": "help", "lon": 116.4, "lat": 39.9},
        headers={"Accept-Language": "en"},
    )
    assert "20 km" in problem(english, 422, "invalid")["errors"][0]["detail"]
    assert not Appeal.objects.exists()
    # Just outside the city people still live.
    api.file(lon=120.075, lat=29.306)


def test_every_fault_is_reported_at_once(api: Api, problem: Check) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    sent = {
        "body": "\u200b",
        "phone": "救命",
        "said_at": soon,
        "channel": "whistle",
        "category": "nope",
        "lon": 0.0,
        "lat": 0.0,
    }
    body = problem(api.post("/appeals", "operator", json=sent), 422, "invalid")
    assert {(e["field"], e["code"]) for e in body["errors"]} == {
        ("body", "nothing_visible"),
        ("phone", "bad_phone"),
        ("said_at", "bad_time"),
        ("channel", "unknown_channel"),
        ("category", "unknown_category"),
        ("lon", "null_point"),
    }


def test_clock_of_a_sender_may_be_some_minutes_ahead(api: Api, problem: Check) -> None:
    now = datetime.now(UTC)
    api.file(said_at=(now + timedelta(minutes=10)).isoformat())
    late = {"body": "求助", "said_at": (now + timedelta(minutes=40)).isoformat()}
    body = problem(api.post("/appeals", "operator", json=late), 422, "invalid")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("said_at", "bad_time")]


def test_phone_that_a_callback_needs_is_kept_and_can_be_read(api: Api) -> None:
    written = ["84664163", "0571-88888888转801", "086-13812345678", "0571-88888888-801"]
    filed = [api.file(phone=phone, external_id=f"p{phone}") for phone in written]
    kept = Appeal.objects.order_by("id")
    assert [unseal(appeal.phone) for appeal in kept] == written
    # Only the mobile tells for certain who it is.
    assert [appeal.caller for appeal in kept] == [None, None, blind("+8613812345678"), None]
    shown = [
        api.post(f"/appeals/{told['number']}/reveal", "operator", json={"why": "回电"}).json()
        for told in filed
    ]
    assert [(each["phone"], each["phone_verified"]) for each in shown] == [
        (phone, False) for phone in written
    ]
    # Elsewhere they are masked.
    page = api.get(f"/appeals/{filed[1]['number']}", "operator")
    assert page.json()["requester"]["phone"] == "057****01"
    found = api.get("/appeals", "operator", params={"phone": "138 1234 5678"}).json()
    assert [item["number"] for item in found["items"]] == [filed[2]["number"]]


@pytest.mark.parametrize("who", ["operator", "volunteer", "admin", "commander"])
def test_no_key_files_under_a_channel_of_ours(api: Api, problem: Check, who: str) -> None:
    assert {"web", "file", "whistle"} <= set(CHANNELS)
    for channel in ("web", "file", "whistle", "nowhere", ""):
        sent = {"body": "求助", "channel": channel}
        body = problem(api.post("/appeals", who, json=sent), 422, "invalid")
        assert [(e["field"], e["code"]) for e in body["errors"]] == [("channel", "unknown_channel")]
    assert not Appeal.objects.exists()
