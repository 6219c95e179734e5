"""Each configuration type: add, change, retire and restore on its pages, with history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast, file_one, taken_milk
from tests.history import new_changes
from tests.web.admin.conftest import form_of, last, text_of
from yinghu.appeals import city_texts, clocks
from yinghu.appeals.filing import FILE
from yinghu.appeals.models import Appeal, Category, Clock, ClockLimit, ReplyTemplate
from yinghu.people.models import Post, Role, Unit, User
from yinghu.places import locate
from yinghu.places.models import Area, Place

NEW: dict[str, dict[str, Any]] = {
    "area": {"code": "330782099", "name": "试验街道", "lon": "120.1", "lat": "29.2"},
    "unit": {"code": "water", "name": "水务组", "kind": "group", "area": "330782001 稠城街道"},
    "category": {"code": "water", "name": "停水", "klass": "need", "icon": "bolt", "order": "5"},
    "place": {"code": "gate", "name": "东大门", "area": "330782001", "lon": "", "lat": ""},
    "reply": {
        "verb": "resolve",
        "name": "已送达",
        "words": "您好，{编号} 已由{单位}办结。",
        "category": "",
        "unit": "",
        "order": "100",
    },
}


def is_in_use(kind: str, key: str) -> bool:
    found: Any = {
        "area": lambda: Area.objects.get(pk=key).retired_at is None,
        "unit": lambda: Unit.objects.get(code=key).active,
        "category": lambda: Category.objects.get(pk=key).active,
        "place": lambda: Place.objects.get(code=key).active,
        "reply": lambda: ReplyTemplate.objects.get(pk=key).active,
    }
    return bool(found[kind]())


@pytest.mark.parametrize("kind", NEW)
def test_row_is_added_changed_retired_and_restored(admin: Client, kind: str) -> None:
    made = admin.post(f"/setup/{kind}/-/new", NEW[kind])
    assert made.status_code == 302, text_of(made)
    where = made["Location"]
    key = where.rpartition("/")[2]
    added = last(kind)
    assert (added.user and added.user.username, added.key, added.before) == ("admin", key, {})
    assert added.after["name"] == NEW[kind]["name"]

    typed = form_of(admin.get(where)) | {"name": "改过的名称"}
    assert admin.post(where, typed)["Location"] == where
    changed = last(kind)
    assert changed.before == {"name": NEW[kind]["name"]}
    assert changed.after == {"name": "改过的名称"}
    # Saving again without changes adds nothing to the history.
    admin.post(where, form_of(admin.get(where)))
    assert last(kind) == changed

    assert "不是删除" in text_of(admin.get(f"{where}/retire"))
    admin.post(f"{where}/retire", follow=True)
    assert not is_in_use(kind, key)
    assert last(kind).after == {"active": False}
    assert "改过的名称" not in text_of(admin.get(f"/setup/{kind}/?q=改过的"))
    assert "改过的名称" in text_of(admin.get(f"/setup/{kind}/?q=改过的&which=retired"))
    admin.post(f"{where}/restore")
    assert is_in_use(kind, key)
    assert last(kind).before == {"active": False}

    told = text_of(admin.get(f"{where}/history"))
    for said in ("新增", "修改", "停用", "恢复", "管理员小吴", NEW[kind]["name"], "改过的名称"):
        assert said in told
    assert text_of(admin.get(f"/setup/history?kind={kind}&who=admin")).count("改过的名称") >= 1
    assert "改过的名称" not in text_of(admin.get(f"/setup/history?kind={kind}&who=clerk"))


def test_changed_limit_applies_only_to_new_clocks(admin: Client, city: Cast) -> None:
    before = file_one(category="milk")
    due = Clock.objects.get(appeal=before, kind="receive").due_at
    where = "/setup/limit/:1"
    typed = form_of(admin.get(where))
    assert typed["receive"] == "2 小时"
    typed |= {"receive": "1天 2小时", "running": "keep"}
    assert admin.post(where, typed).status_code == 302
    assert last("limit").before == {"receive": 120}
    assert last("limit").after == {"receive": 26 * 60}
    assert Clock.objects.get(appeal=before, kind="receive").due_at == due
    after = Clock.objects.get(appeal=file_one(category="milk"), kind="receive")
    # One time is from the database's clock, the other slightly earlier from the server's.
    assert after.due_at - after.started_at == pytest.approx(
        timedelta(hours=26), abs=timedelta(minutes=1)
    )
    assert "2 小时 → " not in text_of(admin.get(f"{where}/history"))

    # Add an exception for a category and remove it.
    exception = {"category": "milk", "urgency": "1", "solve": "3 hours", "running": "keep"}
    made = admin.post("/setup/limit/-/new", exception)
    assert made["Location"] == "/setup/limit/milk:1"
    appeal = Appeal.objects.get(pk=before.pk)
    appeal.category_id = "milk"
    kinds = FILE.clocks.start
    limits = {limit.kind: limit.minutes for limit in clocks.limits_for(appeal, kinds)}
    assert limits["solve"] == 3 * 60
    said = text_of(admin.get("/setup/limit/"))
    assert "奶粉 · 一般" in said
    assert "同通用（1 天 2 小时）" in said
    typed = form_of(admin.get("/setup/limit/milk:1")) | {"empty": "1", "running": "keep"}
    assert admin.post("/setup/limit/milk:1", typed)["Location"] == "/setup/limit/"
    assert not ClockLimit.objects.filter(category="milk").exists()
    assert last("limit").after == {"solve": None}


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("0", "不能是零"),
        ("0 小时", "不能是零"),
        ("马上", "看不懂"),
        ("2 3", "看不懂"),
        ("9999天", "最多一年"),
    ],
)
def test_invalid_limit_is_refused(admin: Client, typed: str, why: str) -> None:
    page = admin.post("/setup/limit/:1", form_of(admin.get("/setup/limit/:1")) | {"solve": typed})
    assert page.status_code == 422
    assert why in text_of(page)
    assert form_of(page)["solve"] == typed
    assert not new_changes().exists()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("0.7 天", "16 小时 48 分钟"), ("1.1 小时", "1 小时 6 分钟"), ("0.3天", "7 小时 12 分钟")],
)
def test_fractional_limit_is_shown_in_whole_units(admin: Client, typed: str, kept: str) -> None:
    fields = form_of(admin.get("/setup/limit/:1")) | {"feedback": typed}
    assert admin.post("/setup/limit/:1", fields).status_code == 302
    assert form_of(admin.get("/setup/limit/:1"))["feedback"] == kept


def test_city_text_is_changed_and_reset(admin: Client, browse: Any) -> None:
    citizen = browse(headers={"accept-language": "zh-CN"})
    where = "/setup/text/ask"
    page = admin.get(where)
    assert "您需要什么帮助？" in text_of(page)
    assert "What help do you need?" in text_of(page)
    typed = form_of(page) | {"words": "<b>您要什么</b>", "words_en": "What do you want?"}
    admin.post(where, typed)
    # The refresh is sent on commit, which a test's transaction never reaches.
    city_texts.refresh_texts()
    assert b"&lt;b&gt;" in citizen.get("/").content
    assert city_texts.text("ask") == "<b>您要什么</b>"
    english = browse(headers={"accept-language": "en"})
    assert "What do you want?" in text_of(english.get("/"))
    admin.post(where, form_of(admin.get(where)) | {"empty": "1"})
    city_texts.refresh_texts()
    assert "您需要什么帮助？" in text_of(citizen.get("/"))
    assert last("text").after == {"words": "", "words_en": ""}
    long = form_of(admin.get(where)) | {"words": "很" * 60}
    assert "最多 40 个字" in text_of(admin.post(where, long))


@pytest.mark.parametrize(
    ("kind", "typed", "why"),
    [
        ("area", {"code": "330782"}, "已经有了"),
        ("area", {"code": "330782 99"}, "代码只用"),
        ("area", {"code": "999999001", "name": "无主"}, "没有上级"),
        ("area", {"code": "330783001", "under": "330782"}, "上级区域的代码 330782 开头"),
        ("area", {"lon": "200"}, "-180 到 180"),
        ("area", {"lon": "nan", "lat": "1"}, "-180 到 180"),
        ("area", {"lat": ""}, "要么都填"),
        ("area", {"level": "1"}, "要再低一级"),
        ("area", {"name": "稠城街道"}, "已经有“稠城街道”"),
        ("unit", {"code": "a b"}, "代码只用"),
        ("unit", {"code": "milk"}, "已经有了"),
        ("unit", {"name": "奶粉组"}, "已经有了"),
        ("unit", {"name": "\u200b"}, "请填写"),
        ("unit", {"area": "330782999999"}, "没有代码为"),
        ("unit", {"kind": "army"}, "种类应是"),
        ("category", {"code": "medicine..x"}, "代码用小写"),
        ("category", {"code": "nothing.x"}, "上级类别 nothing 还没有"),
        ("category", {"icon": "../../x"}, "没有叫"),
        ("place", {"area": ""}, "请选一个区域，或者"),
        ("place", {"area": "", "lon": "2.35", "lat": "48.85"}, "这个位置不在任何一个区域里"),
        ("place", {"code": "东"}, "代码只用"),
        ("reply", {"words": "{电话}"}, "“{电话}”不认识"),
        ("reply", {"words": "{编号"}, "不认识"),
        ("reply", {"verb": "file"}, "动作应是"),
    ],
)
def test_invalid_field_is_refused_with_reason(
    admin: Client, kind: str, typed: dict[str, str], why: str
) -> None:
    page = admin.post(f"/setup/{kind}/-/new", NEW[kind] | typed)
    assert page.status_code == 422
    assert why in text_of(page)
    kept = form_of(page)
    for name, text in typed.items():
        assert name in ("kind", "icon", "verb", "level") or kept[name] == text
    assert not new_changes().exists()


def test_retiring_a_town_retires_its_subareas(admin: Client, city: Cast) -> None:
    file_one(area="330782001004001")
    said = text_of(admin.get("/setup/area/330782001/retire"))
    below = Area.objects.filter(code__startswith="330782001").count() - 1
    assert f"下面 {below} 个区域也一起停用" in said
    assert "1 件没办完的诉求在这里" in said
    admin.post("/setup/area/330782001/retire")
    assert not Area.objects.filter(code__startswith="330782001", retired_at=None).exists()
    assert new_changes().filter(kind="area").count() == below + 1
    # A sub-area cannot be restored before its parent.
    page = admin.post("/setup/area/330782001004/restore", follow=True)
    assert "请先恢复上级" in text_of(page)
    assert Area.objects.get(pk="330782001004").retired_at is not None
    locate.refresh_areas()


def test_retire_page_shows_open_work_and_keeps_administrator(admin: Client, city: Cast) -> None:
    taken_milk(city)
    said = text_of(admin.get("/setup/unit/milk/retire"))
    assert "1 件没办完的诉求在它手里" in said
    assert "条派单规则派给它" in said
    page = admin.post("/setup/unit/platform/retire")
    assert page.status_code == 409
    assert "没有人能进设置" in text_of(page)
    assert Unit.objects.get(code="platform").active
    other = Unit.objects.get(code="milk")
    Post.objects.create(user=User.objects.get(username="admin"), unit=other, role=Role.ADMIN)
    assert admin.post("/setup/unit/platform/retire").status_code == 302
    assert not Unit.objects.get(code="platform").active


def test_circular_unit_hierarchy_is_refused(admin: Client) -> None:
    where = "/setup/unit/milk"
    admin.post(where, form_of(admin.get(where)) | {"parent": "food"})
    page = admin.get("/setup/unit/food")
    page = admin.post("/setup/unit/food", form_of(page) | {"parent": "milk"})
    assert "绕成了圈" in text_of(page)


def test_areas_are_shown_as_a_tree_and_found_by_initials(admin: Client) -> None:
    towns = text_of(admin.get("/setup/area/"))
    assert "稠城街道" in towns
    assert "绣湖社区" not in towns
    assert "绣湖社区" in text_of(admin.get("/setup/area/?under=330782001"))
    assert "福田街道" in text_of(admin.get("/setup/area/?q=ftjd"))
    assert "330782001" in text_of(admin.get("/setup/area/?q=330782001"))
    for wrong in (
        "?page=99999",
        "?page=x",
        "?under=%00",
        "?q=%00",
        "?which=x",
        "?under=" + "9" * 500,
    ):
        assert admin.get(f"/setup/area/{wrong}").status_code == 200


def test_index_warns_of_missing_configuration(admin: Client) -> None:
    said = text_of(admin.get("/setup/"))
    assert "还没有写热线电话" in said
    Category.objects.create(code="nobody", name="没人管的事", klass="need")
    Post.objects.filter(unit__code="food").update(active=False)
    ClockLimit.objects.filter(category=None).delete()
    said = text_of(admin.get("/setup/"))
    assert "没人管的事" in said
    assert "这些单位还没有人：食品组" in said
    assert "还没有通用时限" in said


def test_volunteers_are_hidden_from_staff_lists_by_default(admin: Client) -> None:
    for kind in ("user", "post"):
        assert "volunteer-2" not in text_of(admin.get(f"/setup/{kind}/"))
        assert "volunteer-2" in text_of(admin.get(f"/setup/{kind}/?q=volunteer-2"))
    page = admin.get("/setup/post/-/new").content.decode()
    assert 'value="clerk"' in page
    assert 'value="volunteer-2"' not in page
    odd = {"user": "volunteer-2\x00", "unit": "milk", "role": "handler", "area": ""}
    assert admin.post("/setup/post/-/new", odd).status_code == 422
    # A volunteer with another post counts as staff.
    assert 'value="volunteer-2"' in admin.get("/setup/post/-/new?user=volunteer-2").content.decode()
    typed = {"user": "volunteer-2", "unit": "milk", "role": "handler", "area": ""}
    assert admin.post("/setup/post/-/new", typed).status_code == 302
    for kind in ("user", "post"):
        assert "volunteer-2" in text_of(admin.get(f"/setup/{kind}/"))


def test_row_with_long_key_has_history(admin: Client) -> None:
    login, unit = "l" * 40, "u" * 40
    User.objects.create(username=login, display_name="长名")
    Unit.objects.create(code=unit, name="长单位", kind="group")
    typed = {"user": login, "unit": unit, "role": "grid_worker", "area": "330782001"}
    where = admin.post("/setup/post/-/new", typed)["Location"]
    admin.post(f"{where}/retire")
    assert last("post").key == f"{login}:{unit}:grid_worker:330782001"
    told = text_of(admin.get(f"{where}/history"))
    assert "新增" in told
    assert "停用" in told


def test_most_held_per_volunteer_is_set_per_unit(admin: Client) -> None:
    where = "/setup/unit/milk"
    typed = form_of(admin.get(where))
    assert typed["most_held"] == "5"
    assert admin.post(where, typed | {"most_held": "0"}).status_code == 302
    assert Unit.objects.get(code="milk").most_held == 0
    told = text_of(admin.get(f"{where}/history"))
    assert "每位志愿者手上最多几件" in told
    assert "不限" in told
    assert admin.post(where, typed | {"most_held": "-1"}).status_code == 422
    typed = form_of(admin.get(where))
    assert admin.post(where, typed | {"most_held": ""}).status_code == 302
    assert Unit.objects.get(code="milk").most_held == 5
