"""Skills, zones, errand templates and fixed helpers in the set-up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.cast import Cast
from tests.errands.errands import helper, hospital, legs_of, medicine_case, react_to, relay
from tests.web.admin.conftest import form_of, hidden, last, text_of, upload
from yinghu.appeals import moving
from yinghu.appeals.models import Category
from yinghu.errands import leg_actions
from yinghu.errands.models import ErrandTemplate, FixedHelper
from yinghu.errands.rezoning import rezone
from yinghu.people.models import Post, Skill
from yinghu.places.models import Place, Zone
from yinghu.places.zones import zone_at

SQUARE = {
    "type": "Polygon",
    "coordinates": [
        [[120.0, 29.3], [120.01, 29.3], [120.01, 29.31], [120.0, 29.31], [120.0, 29.3]]
    ],
}


def test_skill_is_created_once_and_retired(admin: Client) -> None:
    typed = {"code": "cook", "name": "做饭", "order": "60"}
    where = admin.post("/setup/skill/-/new", typed)["Location"]
    assert last("skill").after["name"] == "做饭"
    assert "做饭" in text_of(admin.get("/setup/skill/"))
    assert "“开车”已经有了" in text_of(
        admin.post("/setup/skill/-/new", typed | {"code": "drive", "name": "开车"})
    )
    admin.post(f"{where}/retire")
    assert not Skill.objects.get(pk="cook").active


# --- zones ---

ZONE = {"code": "house", "name": "三号楼", "status": "sealed", "entry": "pass", "skill": ""}


def zone(admin: Client, **given: str) -> Any:
    return admin.post("/setup/zone/-/new", ZONE | given)


def test_zone_is_defined_by_areas_or_outline(admin: Client) -> None:
    made = zone(admin, areas="330782001\n鸡鸣山社区居委会", lon="120.1", lat="29.3", gate="北门")
    assert made.status_code == 302, text_of(made)
    one = Zone.objects.get(pk="house")
    assert one.areas == ["330782001", "330782002005"]
    assert (one.gate, one.gate_lon, one.gate_lat) == ("北门", 120.1, 29.3)
    assert "330782001 稠城街道" in text_of(admin.get("/setup/zone/house"))
    feature = {"type": "Feature", "properties": {}, "geometry": SQUARE}
    wholes = (SQUARE, feature, {"type": "FeatureCollection", "features": [feature]})
    for n, whole in enumerate(wholes):
        made = zone(admin, code=f"h{n}", name=f"{n} 号楼", outline=json.dumps(whole))
        assert made.status_code == 302, text_of(made)
    found = zone_at("", 120.005, 29.305)
    assert found is not None
    assert found.code == "h0"
    # Saving the unchanged form changes nothing.
    where = "/setup/zone/h0"
    assert "没有改动" in text_of(admin.post(where, form_of(admin.get(where)), follow=True))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "至少要有一样"),
        ({"areas": "没有这里"}, "没有找到这个地方"),
        ({"areas": "330999"}, "没有代码为 330999"),
        ({"outline": "{"}, "这不是 GeoJSON"),
        ({"outline": "[1, 2]"}, "不是可用的要素"),
        ({"outline": '{"type": "Point", "coordinates": [1, 2]}'}, "边界应为多边形"),
        (
            {"outline": '{"type": "Polygon", "coordinates": [[[500,1],[501,1],[501,2],[500,1]]]}'},
            "不是 WGS-84",
        ),
        ({"areas": "330782001", "lon": "120"}, "要么都填"),
        ({"areas": "330782001", "status": "burning"}, "应是这几个之一"),
        ({"areas": "330782001", "skill": "flying"}, "没有代码为 flying"),
        ({"areas": "330782001", "code": "a b"}, "代码只用字母"),
    ],
)
def test_invalid_zone_is_refused(admin: Client, given: dict[str, str], why: str) -> None:
    page = zone(admin, **given)
    assert page.status_code == 422
    assert why in text_of(page)
    assert not Zone.objects.filter(name="三号楼").exists()


def test_history_describes_opening_of_a_zone(admin: Client) -> None:
    where = "/setup/zone/futian"
    admin.post(where, form_of(admin.get(where)) | {"status": "open"})
    assert zone_at("330782008001", None, None) is None
    said = text_of(admin.get(f"{where}/history"))
    assert "封控" in said
    assert "正常" in said


# --- errand templates ---


def leg(**given: Any) -> dict[str, Any]:
    ours = {"kind": "carry", "title": "送到", "where": "home", "proof": "none", "beside": False}
    return ours | given


BUY = leg(kind="buy", title="排队买药", where="answer", field="hospital", proof="photo")
OVER = leg(kind="hand_over", title="门口交接", where="gate")
TEMPLATE = {"category": "medicine", "name": "新办法", "order": "5", "auto": "1", "words": ""}


def as_typed(legs: list[dict[str, Any]]) -> dict[str, str]:
    """Legs as the form fields that the page submits."""
    return {
        f"leg-{n}-{part}": "1" if value is True else str(value)
        for n, each in enumerate(legs)
        for part, value in each.items()
        if value is not False
    }


def template(admin: Client, legs: list[dict[str, Any]], **given: str) -> Any:
    return admin.post("/setup/errand/-/new", TEMPLATE | as_typed(legs) | given)


def test_errand_template_is_created_and_changed_with_history(admin: Client) -> None:
    made = template(admin, [BUY, OVER, leg(beside=True)])
    assert made.status_code == 302, text_of(made)
    one = ErrandTemplate.objects.get(name="新办法")
    assert one.legs == [BUY, OVER, leg(beside=True)]
    assert one.auto is True
    where = made["Location"]
    same = admin.post(where, form_of(admin.get(where)), follow=True)
    assert "没有改动" in text_of(same)
    typed = form_of(admin.get(where)) | {"auto": "0", "leg-2-title": "送上楼"}
    admin.post(where, typed)
    one = ErrandTemplate.objects.get(name="新办法")
    assert not one.auto
    assert one.legs[2]["title"] == "送上楼"
    told = text_of(admin.get(f"{where}/history"))
    assert "送上楼（送到，诉求人那里，可以和前一步同时做）" in told


@pytest.mark.parametrize(
    ("legs", "why"),
    [
        ([], "至少要有一步"),
        ([leg()] * 13, "最多 12 步"),
        ([leg(title=" ")], "第 1 步：还没有写叫什么"),
        ([leg(title="很" * 61)], "名称最多 60 个字"),
        ([leg(), leg(kind="fly")], "第 2 步：“做什么”应是这几个之一"),
        ([leg(where="moon")], "“在哪里”应是这几个之一"),
        ([leg(proof="oath")], "“要什么凭据”应是这几个之一"),
        ([leg(where="place")], "要写是哪一个点位"),
        ([leg(where="place", place="nowhere")], "第 1 步：没有代码为 nowhere 的在用点位"),
        ([leg(where="answer")], "要写是哪一个问题的回答"),
        ([leg(where="answer", field="brand")], "没有代号为 brand 的问题"),
        ([leg(skill="flying")], "没有代码为 flying 的技能"),
        ([OVER, leg()], "第 1 步：交接的前一步和后一步"),
        ([leg(), OVER], "第 2 步：交接的前一步和后一步"),
        ([OVER], "第 1 步：交接的前一步和后一步"),
        ([leg(), OVER, OVER, leg()], "第 3 步：交接的前一步和后一步"),
    ],
)
def test_invalid_leg_is_refused_with_position_and_reason(
    admin: Client, legs: list[dict[str, Any]], why: str
) -> None:
    page = template(admin, legs)
    assert page.status_code == 422
    assert why in text_of(page)
    assert not ErrandTemplate.objects.filter(name="新办法").exists()


def test_legs_are_added_moved_and_removed_without_saving(admin: Client) -> None:
    typed = TEMPLATE | as_typed([BUY, leg(title="乙")])
    for order, titles in (
        ("add", ["排队买药", "乙", ""]),
        ("up:1", ["乙", "排队买药"]),
        ("down:0", ["乙", "排队买药"]),
        ("remove:0", ["乙"]),
        ("up:9", ["排队买药", "乙"]),
        ("x", ["排队买药", "乙"]),
    ):
        page = admin.post("/setup/errand/-/new", typed | {"rearrange": order})
        assert page.status_code == 200
        sent = form_of(page)
        assert [sent[f"leg-{n}-title"] for n in range(len(titles))] == titles
        assert f"leg-{len(titles)}-title" not in sent
    part = admin.post(
        "/setup/errand/-/new", typed | {"rearrange": "add"}, headers={"HX-Request": "true"}
    )
    assert text_of(part).startswith('<div id="legs">')
    assert not ErrandTemplate.objects.filter(name="新办法").exists()


def test_errand_templates_reimport_and_errors_are_explained(admin: Client) -> None:
    text = admin.get("/setup/errand/-/export").content.decode("utf-8-sig")
    ErrandTemplate.objects.all().delete()
    page = admin.post("/setup/errand/-/import", {"file": upload(text)})
    assert admin.post("/setup/errand/-/import", hidden(page)).status_code == 302
    legs = ErrandTemplate.objects.get(category="medicine").legs
    assert [each["kind"] for each in legs] == ["buy", "hand_over", "carry"]
    lines = (
        "name,category,legs\n"
        '甲,medicine,"[{""kind"": ""fly""}]"\n'
        "乙,medicine,x\n"
        "丙,nothing,[]\n"
        '丁,milk,"[1]"\n'
    )
    said = text_of(admin.post("/setup/errand/-/import", {"file": upload(lines)}))
    for why in ("第 1 步", "JSON 列表", "没有代码为 nothing"):
        assert why in said


def test_list_warns_of_template_with_retired_place(admin: Client) -> None:
    assert "已经没有了" not in text_of(admin.get("/setup/errand/"))
    Place.objects.filter(code="supply").update(active=False)
    assert "代买食品" in text_of(admin.get("/setup/errand/")).split("已经没有了")[1][:60]


def test_demo_hospital_answers_match_place_names(admin: Client) -> None:
    asked = Category.objects.get(pk="medicine").questions
    choices = next(each["choices"] for each in asked if each["key"] == "hospital")
    assert Place.objects.filter(name__in=choices, active=True).count() == len(choices) == 3


# --- fixed helpers ---


def test_fixed_helper_is_added_and_retired(admin: Client) -> None:
    typed = {"unit": "care", "kind": "carry", "user": "volunteer-4", "place": "supply 保供超市"}
    made = admin.post("/setup/helper/-/new", typed)
    assert made.status_code == 302, text_of(made)
    one = FixedHelper.objects.get(unit__code="care")
    assert (one.user.username, one.kind, one.place and one.place.code) == (
        "volunteer-4",
        "carry",
        "supply",
    )
    assert "这个人已经是了" in text_of(
        admin.post("/setup/helper/-/new", typed | {"place": "保供超市"})
    )
    admin.post(f"{made['Location']}/retire")
    one.refresh_from_db()
    assert not one.active
    Post.objects.filter(user=one.user).update(active=False)
    assert "不在这个组里" in text_of(admin.post(f"{made['Location']}/restore", follow=True))
    for wrong, why in (
        ({"user": "volunteer-5"}, "这个人不在这个组里"),
        ({"user": "clerk"}, "没有登录名为 clerk"),
        ({"unit": "bureau-urban"}, "没有代码为 bureau-urban"),
        ({"kind": "hand_over"}, "应是这几个之一"),
        ({"place": "无处"}, "没有找到这个点位"),
    ):
        page = admin.post("/setup/helper/-/new", typed | wrong)
        assert page.status_code == 422
        assert why in text_of(page), wrong


def test_zone_sealed_later_restricts_planned_legs(
    admin: Client, city: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    relay()
    hospital()
    Zone.objects.update(active=False)
    a = helper("阿东")
    appeal = medicine_case(city, area="330782001004001")
    react_to(appeal)
    carry = legs_of(appeal)[1]
    assert carry.zone is None
    with django_capture_on_commit_callbacks(execute=True):
        zone(admin, areas="330782001004")
    assert ProcrastinateJob.objects.filter(task_name="yinghu.rezone", status="todo").count() == 1
    rezone()
    carry.refresh_from_db()
    assert carry.zone_id == "house"
    # The buyer would have to carry the goods into the zone as well.
    with pytest.raises(moving.Forbidden, match="通行证"):
        leg_actions.take(legs_of(appeal)[0].pk, a)
    admin.post("/setup/zone/house/retire")
    rezone()
    leg_actions.take(legs_of(appeal)[0].pk, a)
