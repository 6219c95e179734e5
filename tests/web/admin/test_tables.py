"""CSV export and import: unchanged files, valid rows, and reasons for invalid ones."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client

from tests.history import new_changes
from tests.web.admin.conftest import Browse, hidden, last, text_of, upload
from yinghu.administration.registry import TYPES
from yinghu.appeals.models import Category, ReplyTemplate, Text
from yinghu.people.models import Post, Role, Unit, User
from yinghu.places import locate
from yinghu.places.models import Area, Place
from yinghu.ui.csv_download import MAX_BYTES


def preview(admin: Client, kind: str, text: str) -> Any:
    return admin.post(f"/setup/{kind}/-/import", {"file": upload(text)})


@pytest.mark.parametrize("kind", TYPES)
def test_reimporting_an_export_changes_nothing(admin: Client, kind: str) -> None:
    ReplyTemplate.objects.create(verb="resolve", name="甲", words="=1+1 {编号}")
    Text.objects.create(key="motto", words="-有求必应")
    Unit.objects.filter(code="food").update(active=False)
    text = admin.get(f"/setup/{kind}/-/export").content.decode("utf-8-sig")
    assert text.splitlines()[0] == ",".join(TYPES[kind].exported)
    page = preview(admin, kind, text)
    assert "这个文件什么也不会改" in text_of(page)
    assert hidden(page) == {}


def test_import_takes_valid_rows_and_explains_invalid_ones(admin: Client) -> None:
    text = (
        "code,name,kind,area,parent\n"
        "water,水务组,group,330782001,\n"
        "milk,奶粉大组,group,,\n"
        "food,食品组,group,,\n"
        "bad code,甲,group,,\n"
        "x1,乙,army,,\n"
        "x2,丙,group,999999,\n"
        "water,又一个,group,,\n"
        "x3,水务组,group,,\n"
    )
    page = preview(admin, "unit", text)
    said = text_of(page)
    for words in (
        "代码只用字母",
        "种类应是",
        "没有代码为 999999",
        "和第 2 行是同一个",
        "“水务组”已经有了",
    ):
        assert words in said
    assert "奶粉大组" in said
    assert not Unit.objects.filter(code="water").exists()
    strict = admin.post("/setup/unit/-/import", hidden(page) | {"strict": "1"})
    assert strict.status_code == 409
    assert not new_changes().exists()
    assert admin.post("/setup/unit/-/import", hidden(page)).status_code == 302
    assert Unit.objects.get(code="water").area_id == "330782001"
    assert Unit.objects.get(code="milk").name == "奶粉大组"
    assert Unit.objects.get(code="milk").name_en == "Milk powder group"  # a column not in the file
    assert new_changes().filter(kind="unit").count() == 2
    assert last("unit").before == {"name": "奶粉组"}


def test_stale_import_preview_is_shown_again(admin: Client, browse: Browse) -> None:
    page = preview(admin, "unit", "code,name\nmilk,奶粉大组\n")
    Unit.objects.filter(code="milk").update(name="奶粉一组")
    again = admin.post("/setup/unit/-/import", hidden(page))
    assert again.status_code == 409
    assert "请再看一遍" in text_of(again)
    assert "奶粉一组" in text_of(again)
    assert Unit.objects.get(code="milk").name == "奶粉一组"
    assert admin.post("/setup/unit/-/import", hidden(again)).status_code == 302
    assert Unit.objects.get(code="milk").name == "奶粉大组"


def test_foreign_or_forged_import_preview_is_refused(admin: Client) -> None:
    sealed = hidden(preview(admin, "unit", "code,name\nmilk,奶粉大组\n"))
    forged = signing.dumps([[2, {"code": "milk", "name": "坏"}]], salt="yinghu.setup:unit:999999")
    for kind, given in (
        ("category", sealed),
        ("unit", sealed | {"sealed": forged}),
        ("unit", sealed | {"sealed": "x"}),
    ):
        page = admin.post(f"/setup/{kind}/-/import", given)
        assert page.status_code == 422
        assert "已经过期" in text_of(page)
    assert not new_changes().exists()


def test_area_import_creates_parents_and_refuses_orphans(admin: Client) -> None:
    text = (
        "village_code,village_name,town_code,town_name,county_code,county_name\n"
        "330782098001,甲村,330782098,新街道,330782,义乌市\n"
        "330782098002,乙村,330782098,新街道,330782,义乌市\n"
    )
    page = preview(admin, "area", text)
    assert admin.post("/setup/area/-/import", hidden(page)).status_code == 302
    made = Area.objects.filter(code__startswith="330782098").order_by("code")
    assert [(area.name, area.level) for area in made] == [("新街道", 2), ("甲村", 3), ("乙村", 3)]
    assert new_changes().filter(kind="area").count() == 3
    locate.refresh_areas()
    bad = "code,name\n330999001,孤儿\n330782098003,甲村\n"
    said = text_of(preview(admin, "area", bad))
    assert "没有上级" in said
    assert "已经有“甲村”" in said


def test_import_retires_units_but_keeps_an_administrator(admin: Client) -> None:
    said = text_of(preview(admin, "unit", "code,active\nplatform,0\nmilk,停用\nfood,也许\n"))
    assert "没有人能进设置" in said
    assert "启用一栏应是 1 或 0" in said
    page = preview(admin, "unit", "code,active\nmilk,0\n")
    admin.post("/setup/unit/-/import", hidden(page))
    assert not Unit.objects.get(code="milk").active
    # Either of two units with an administrator may be retired, but not both in one file.
    other = Unit.objects.get(code="food")
    Post.objects.create(user=User.objects.get(username="admin"), unit=other, role=Role.ADMIN)
    page = preview(admin, "unit", "code,active\nfood,0\nplatform,0\n")
    both = admin.post("/setup/unit/-/import", hidden(page))
    assert both.status_code == 409
    assert "第 3 行：管理员都在这个单位" in text_of(both)
    assert Unit.objects.filter(code__in=("food", "platform"), active=True).count() == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name\nx\n", "缺少这些列：code"),
        ("code,name\n", "一行也没有"),
        ("code,name\n" + "a,b\n" * 20_001, "行数太多"),
        ("code,name\n" + "x" * MAX_BYTES, "文件太大"),
        ("code,name\nmilk,奶粉\nfood,食品,粮油\n", "第 3 行有 3 格，表头有 2 格"),
        ("code,name,kind\nmilk,奶粉\n", "第 2 行有 2 格，表头有 3 格"),
    ],
)
def test_malformed_table_is_refused(admin: Client, text: str, why: str) -> None:
    page = preview(admin, "unit", text)
    assert page.status_code == 422
    assert why in text_of(page)


def test_trailing_commas_are_ignored(admin: Client) -> None:
    page = preview(admin, "unit", "code,name,,\nmilk,奶粉大组,,\n,,,\n\nfood,食品大组,,,\n")
    assert "这些列不认识" not in text_of(page)
    assert admin.post("/setup/unit/-/import", hidden(page)).status_code == 302
    assert Unit.objects.get(code="food").name == "食品大组"


def test_hostile_cells_stay_text(admin: Client) -> None:
    text = 'code,name,area\nevil,"=HYPERLINK(""http://x"")",330782001\nscript,<script>alert(1)</script>,330782001\n'
    page = preview(admin, "place", text)
    assert b"<script>alert" not in page.content
    admin.post("/setup/place/-/import", hidden(page))
    assert Place.objects.get(code="evil").name.startswith("=HYPERLINK")
    assert b"'=HYPERLINK" in admin.get("/setup/place/-/export").content
    for where in (
        "/setup/place/",
        "/setup/place/script",
        "/setup/history",
        "/setup/place/-/sheet?all=1",
    ):
        assert b"<script>alert" not in admin.get(where).content
    deep = "[" * 3000
    said = text_of(preview(admin, "category", f"code,name,klass,questions\nq,问,need,{deep}\n"))
    assert "应是 JSON 列表" in said
    assert not Category.objects.filter(pk="q").exists()


def test_place_without_code_gets_one_when_saved(admin: Client) -> None:
    text = "code,name,area\n,东大门,330782001\n,西大门,330782001\n,东大门,330782001\n"
    page = preview(admin, "place", text)
    assert "这个区域里已经有叫“东大门”的点位了" in text_of(page)
    assert admin.post("/setup/place/-/import", hidden(page)).status_code == 302
    made = Place.objects.filter(name__in=("东大门", "西大门"))
    assert sorted(place.name for place in made) == ["东大门", "西大门"]
    assert {change.after["code"] for change in new_changes().filter(kind="place")} == {
        place.code for place in made
    }
    typed = {"code": "", "name": "南大门", "area": "330782001"}
    where = admin.post("/setup/place/-/new", typed)["Location"]
    assert where.endswith(f"/{Place.objects.get(name='南大门').code}")


def test_duplicate_post_in_file_is_created_once(admin: Client) -> None:
    text = (
        "user,unit,role,area\n"
        "clerk,milk,head,330782001\n"
        "clerk,milk,head,330782001\n"
        "clerk,milk,head,稠城街道\n"
        "dispatcher,food,head,稠城街道\n"
        "dispatcher,food,head,330782001\n"
    )
    page = preview(admin, "post", text)
    said = text_of(page)
    assert said.count("和第 2 行是同一个") == 1
    assert "这个人已经有这个岗位了" in said
    assert "和第 5 行是同一个" in said
    assert admin.post("/setup/post/-/import", hidden(page)).status_code == 302
    made = Post.objects.filter(role=Role.HEAD, area="330782001", unit__code__in=("milk", "food"))
    assert sorted(post.user.username for post in made) == ["clerk", "dispatcher"]
    # Codes are compared as stored, not as typed.
    page = preview(admin, "category", "code,name,klass,order\nSnow,雪,need,1\nsnow,大雪,need,1\n")
    assert "和第 2 行是同一个" in text_of(page)


def test_import_reports_row_created_meanwhile(admin: Client) -> None:
    page = preview(admin, "unit", "code,name,kind\nwater,水务组,group\n")
    with connection.cursor() as cursor:
        # Another process inserts the same unit between our check and our insert.
        cursor.execute(
            "CREATE FUNCTION first_there() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN IF pg_trigger_depth() = 1 THEN INSERT INTO people_unit "
            "(code, name, name_en, kind, active) VALUES (NEW.code, NEW.name, $$$$, NEW.kind, true);"
            " END IF; RETURN NEW; END'"
        )
        cursor.execute(
            "CREATE TRIGGER first_there BEFORE INSERT ON people_unit "
            "FOR EACH ROW EXECUTE FUNCTION first_there()"
        )
    told = admin.post("/setup/unit/-/import", hidden(page))
    assert told.status_code == 409
    assert "一行也没有导入：刚刚有人在别处建了同样的" in text_of(told)
    assert not new_changes().exists()


def test_retiring_and_restoring_by_file_follow_page_rules(admin: Client) -> None:
    town = "330782001"
    inside = Area.objects.filter(code__startswith=town)
    villages = inside.exclude(pk=town).count()
    page = preview(admin, "area", f"code,name,active\n{town},稠城街,0\n")
    assert f"下面 {villages} 个也一起停用" in text_of(page)
    assert admin.post("/setup/area/-/import", hidden(page)).status_code == 302
    assert villages > 0
    assert not inside.filter(retired_at=None).exists()
    changes = new_changes().filter(kind="area")
    assert changes.filter(after={"active": False}).count() == villages + 1
    assert changes.filter(after={"name": "稠城街"}).count() == 1

    # A village is restored after its town, not before.
    village = inside.exclude(pk=town).order_by("code").first()
    assert village is not None
    said = text_of(preview(admin, "area", f"code,active\n{village.pk},1\n"))
    assert f"它的上级 {town} 也停用了" in said
    page = preview(admin, "area", f"code,active\n{town},1\n{village.pk},1\n")
    assert admin.post("/setup/area/-/import", hidden(page)).status_code == 302
    assert inside.filter(retired_at=None).count() == 2

    User.objects.filter(username="milk-handler").update(is_active=False)
    Post.objects.filter(user__username="milk-handler").update(active=False)
    post = "user,unit,role,area,active\nmilk-handler,milk,handler,,1\n"
    page = preview(admin, "post", post)
    assert "这个人的账号停用了，请先恢复账号" in text_of(page)
    assert hidden(page) == {}


def test_village_stays_retired_when_file_retires_its_town(admin: Client) -> None:
    town = "330782001"
    village = Area.objects.filter(code__startswith=town).exclude(pk=town).order_by("code")[0]
    text = f"code,name,active\n{town},稠城街道,0\n{village.pk},另一个村,1\n"
    page = preview(admin, "area", text)
    assert admin.post("/setup/area/-/import", hidden(page)).status_code == 302
    village.refresh_from_db()
    assert (village.name, village.retired_at is None) == ("另一个村", False)


def test_duplicate_reply_template_in_file_is_created_once(admin: Client) -> None:
    text = (
        "order,verb,name,words,unit\n"
        "9,resolve,已送达,送到了。,milk\n"
        "9,resolve,已送达,放门口了。,milk\n"
        "9,resolve,已送达,送到了。,food\n"
        "9,resolve,又\u200b一个,甲。,\n"
        "9,resolve,又一个,乙。,\n"
    )
    page = preview(admin, "reply", text)
    said = text_of(page)
    assert said.count("和第 2 行是同一个") == 1
    # Invisible characters are removed when the line is read.
    assert "和第 5 行是同一个" in said
    admin.post("/setup/reply/-/import", hidden(page))
    made = ReplyTemplate.objects.filter(words__in=("送到了。", "放门口了。", "甲。", "乙。"))
    assert sorted((each.name, each.words) for each in made) == [
        ("又一个", "甲。"),
        ("已送达", "送到了。"),
        ("已送达", "送到了。"),
    ]
