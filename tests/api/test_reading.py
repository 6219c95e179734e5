"""Reading by API: masking, scopes, lists, the logged reveal, photos and the catalogue."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.api.conftest import Api
from yinghu.appeals.models import Appeal, Attachment
from yinghu.people.models import Reveal
from yinghu.places.models import Place

Check = Callable[..., dict[str, Any]]


def test_requester_unit_and_volunteer_see_different_fields(api: Api) -> None:
    filed = api.reach("handling")
    path = f"/appeals/{filed['number']}"
    api.do("clerk", filed["number"], "note", why="内部：同一人第三次")
    Appeal.objects.filter(pk=filed["id"]).update(lon=120.07, lat=29.3)

    mine = api.get(path, filed["token"]).json()
    assert mine["requester"] == {"name": "王**", "phone": "138****5678", "language": "zh-hans"}
    assert [event["verb"] for event in mine["events"]] == ["file", "sort", "assign", "accept"]
    for event in mine["events"]:
        assert not {"why", "user", "facts"} & set(event)
    assert not {"clocks", "holder", "lon", "lat"} & set(mine)
    assert "奶粉组小李" not in str(mine)

    inside = api.get(path, "milk-handler").json()
    assert [event["verb"] for event in inside["events"]][-1] == "note"
    assert inside["events"][-1]["why"] == "内部：同一人第三次"
    assert inside["holder"] == "奶粉组小李"
    assert not {"lon", "lat"} & set(inside)
    assert {clock["kind"] for clock in inside["clocks"]} == {
        "receive",
        "solve",
        "dispatch",
        "respond",
        "arrive",
    }
    assert "13812345678" not in str(inside)

    Appeal.objects.filter(pk=filed["id"]).update(body="请打 138 1234 5678 找我")
    assert api.get(path, "milk-handler").json()["body"] == "请打 138 1234 5678 找我"
    assert api.get(path, filed["token"]).json()["body"] == "请打 138 1234 5678 找我"
    volunteer = api.get(path, "volunteer").json()
    assert volunteer["body"] == volunteer["headline"] == "请打 138****78 找我"
    assert not {"lon", "lat"} & set(volunteer)
    assert volunteer["unit"] == {"code": "milk", "name": "奶粉组"}
    english = api.get(path, "milk-handler", headers={"Accept-Language": "en"}).json()
    assert english["unit"]["name"] == "Milk powder group"


def test_case_of_another_unit_is_not_found(api: Api, problem: Check) -> None:
    filed = api.reach("assigned")
    for number in (filed["number"], "0000-9999-1", "nonsense", "1" * 40, "0000-0001-0"):
        problem(api.get(f"/appeals/{number}", "food-handler"), 404, "not_found")
    problem(
        api.post(f"/appeals/{filed['number']}/reveal", "food-handler", json={"why": "x"}),
        404,
        "not_found",
    )


def test_reveal_needs_a_reason_and_is_logged(api: Api, problem: Check) -> None:
    filed = api.reach("handling")
    path = f"/appeals/{filed['number']}/reveal"
    problem(api.post(path, "milk-handler", json={}), 422, "invalid")
    problem(api.post(path, "volunteer", json={"why": "好奇"}), 403, "may_not_reveal")
    problem(api.post(path, filed["token"], json={"why": "我自己"}), 403, "may_not_reveal")
    assert Reveal.objects.count() == 0
    answer = api.post(path, "milk-handler", json={"why": "送货前打电话"})
    assert answer.status_code == 200
    assert answer.json()["phone"] == "+8613812345678"
    assert answer.json()["name"] == "王小明"
    log = Reveal.objects.get()
    assert (log.user.username, log.appeal_number, log.why) == (
        "milk-handler",
        filed["number"],
        "送货前打电话",
    )


def test_lists_are_scoped_filtered_and_paged(api: Api, problem: Check) -> None:
    numbers = [api.file(area="330782001", category="milk")["number"] for _ in range(3)]
    other = api.file(area="330782008", category="urban", phone="13900000000", body="路灯不亮了")
    taken = api.reach("assigned")["number"]

    def listed(who: str, **query: Any) -> list[str]:
        answer = api.get("/appeals", who, params=query)
        assert answer.status_code == 200, answer.text
        return [item["number"] for item in answer.json()["items"]]

    assert listed("clerk") == [taken, other["number"], *reversed(numbers)]
    assert listed("milk-handler") == [taken]
    assert listed("food-handler") == []
    assert listed("town-head") == []
    assert listed(other["token"]) == [other["number"]]
    assert listed("clerk", area="330782008") == [other["number"]]
    assert listed("clerk", category="milk") == list(reversed(numbers))
    assert listed("clerk", status=["assigned", "closed"]) == [taken]
    assert listed("clerk", unit="milk") == [taken]
    assert listed("clerk", channel="hotline") == []
    assert listed("clerk", phone="139 0000 0000") == [other["number"]]
    first = api.get("/appeals", "clerk", params={"limit": 2}).json()
    second = api.get("/appeals", "clerk", params={"limit": 3, "before": first["next"]}).json()
    assert [i["number"] for i in first["items"] + second["items"]] == listed("clerk")
    assert second["next"] is None

    problem(api.get("/appeals"), 401, "no_key")
    problem(api.get("/appeals", "volunteer", params={"phone": "13900000000"}), 403, "phone_search")
    for query, field in (
        ({"phone": "x"}, "phone"),
        ({"before": "zzz"}, "before"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1" * 30}, "limit"),
        ({"status": "lost"}, "status.0"),
        ({"q": "a\x00b"}, "q"),
        ({"area": "x" * 99}, "area"),
    ):
        answer = api.get("/appeals", "clerk", params=query)
        body = answer.json()
        assert answer.status_code == 422, (query, body)
        assert [error["field"] for error in body["errors"]] == [field]


def test_search_finds_words_of_the_body(api: Api, live: Any) -> None:
    wanted = api.file(body="小区门口的路灯坏了，晚上很黑")["number"]
    api.file(body="想问一下核酸检测点在哪里")
    live.drain()
    answer = api.get("/appeals", "clerk", params={"q": "路灯"})
    assert [item["number"] for item in answer.json()["items"]] == [wanted]
    assert api.get("/appeals", "clerk", params={"q": "%_';"}).json()["items"] == []


def test_volunteer_search_does_not_match_masked_digits(api: Api, live: Any) -> None:
    number = api.file(body="没有奶粉了，3号楼，电话 138 2746 9153 或①③⑨②⑧④⑦⑤")["number"]
    api.do("clerk", number, "sort", category="other")
    api.do("dispatcher", number, "assign", unit="milk")
    live.drain()

    def found(who: str, query: str) -> list[str]:
        answer = api.get("/appeals", who, params={"q": query})
        assert answer.status_code == 200
        return [item["number"] for item in answer.json()["items"]]

    for query in ("2746", "9153", "①③⑨②⑧④⑦⑤", "²⁷⁴⁶", "奶粉 2746"):
        assert found("volunteer", query) == []
    for query in ("奶粉", "3", "138"):
        assert found("volunteer", query) == [number]
    for who in ("milk-handler", "clerk"):
        assert found(who, "2746") == [number]


def test_place_is_shown_separately_from_the_address(api: Api) -> None:
    place = Place.objects.get(code="xiuhu")
    filed = api.file(place="xiuhu", address="3 幢 502")
    for who in ("clerk", filed["token"]):
        whole = api.get(f"/appeals/{filed['number']}", who).json()
        assert whole["place"] == {"code": "xiuhu", "name": place.name, "address": place.address}
        assert "3 幢" not in str(whole)
    shown = api.post(f"/appeals/{filed['number']}/reveal", "clerk", json={"why": "上门"}).json()
    assert shown["address"] == "3 幢 502"
    assert api.get(f"/appeals/{api.file()['number']}", "clerk").json()["place"] is None


def test_photos_are_served_only_to_permitted_readers(api: Api, problem: Check, live: Any) -> None:
    filed = api.file()
    picture = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(picture, "JPEG")
    path = Path(live.home) / "media" / "ab" / "cd.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture.getvalue())
    row = Attachment.objects.create(
        appeal_id=filed["id"], file="ab/cd.jpg", width=8, height=6, bytes=len(picture.getvalue())
    )
    whole = api.get(f"/appeals/{filed['number']}", "clerk").json()
    url = whole["photos"][0]["url"].partition("/api/v1")[2]
    assert url == f"/appeals/{filed['number']}/photos/{row.pk}"
    for verb, who, given in (
        ("sort", "clerk", {"category": "milk"}),
        ("assign", "dispatcher", {"unit": "milk"}),
    ):
        assert api.post(f"/appeals/{filed['number']}/{verb}", who, json=given).status_code == 200
    # Before accepting the case, a volunteer sees no photos.
    assert api.get(f"/appeals/{filed['number']}", "volunteer").json()["photos"] == []
    problem(api.get(url, "volunteer"), 404, "not_found")
    assert api.post(f"/appeals/{filed['number']}/accept", "volunteer", json={}).status_code == 200
    for who in ("clerk", "volunteer", filed["token"]):
        answer = api.get(url, who)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.content == picture.getvalue()
    problem(api.get(url, "food-handler"), 404, "not_found")
    problem(api.get(url, api.file()["token"]), 404, "not_found")
    problem(api.get(url), 401, "no_key")
    problem(api.get(url + "9" * 30, "clerk"), 404, "not_found")


def test_catalogue_lists_categories_areas_and_units(api: Api, problem: Check) -> None:
    categories = api.get("/categories").json()
    assert categories[0]["code"] == "milk"
    assert categories[0]["questions"][0]["key"] == "brand"
    found = api.get("/areas", params={"q": "佛堂"}).json()
    assert [area["code"] for area in found] == ["330782100"]
    towns = api.get("/areas", params={"under": "330782", "level": 2}).json()
    assert len(towns) == 14
    here = api.get("/areas", params={"lon": 120.0722, "lat": 29.3076}).json()
    assert here[0]["code"].startswith("330782001004")
    problem(api.get("/areas", params={"lon": "x", "lat": 1}), 422, "invalid")
    assert "milk" in {unit["code"] for unit in api.get("/units", "clerk").json()}
    problem(api.get("/units"), 401, "no_key")
    problem(api.get("/units", api.file()["token"]), 403, "staff_only")


def test_answers_are_kept_by_nobody_between(api: Api) -> None:
    number = api.file()["number"]
    for path, who in ((f"/appeals/{number}", "clerk"), ("/appeals", "clerk"), ("/nope", "clerk")):
        assert api.get(path, who).headers["Cache-Control"] == "no-store", path
