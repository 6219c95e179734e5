"""Routing rules: access, preview, order, CSV and the dispatcher's view of them."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from tests.cast import Cast, file_one
from tests.history import new_changes
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions
from yinghu.appeals.models import Appeal, Category, Event
from yinghu.people.models import Post, Role, Unit, User
from yinghu.routing.models import RoutingRule
from yinghu.triage.models import Suggestion

RULES = "/setup/rule/"
NEW = {"category": "urban", "area": "330782008", "unit": "town-futian", "order": "105"}


def sorted_one(city: Cast, category: str = "urban", **given: Any) -> Appeal:
    """A sorted case that waits for assignment, as the reaction to its sorting has not run."""
    appeal = file_one("小区路灯坏了", **{"phone": "", **given})
    actions.sort(appeal.pk, city.clerk, category=category, area=given.get("area", ""))
    return Appeal.objects.get(pk=appeal.pk)


def orders() -> list[int]:
    return list(RoutingRule.objects.order_by("pk").values_list("order", flat=True))


def test_administrators_edit_rules_and_dispatchers_read_them(browse: Browse, city: Cast) -> None:
    rule = RoutingRule.objects.get(order=20)
    dispatcher, admin = browse("dispatcher"), browse("admin")
    assert "药品 且 在哪家医院配药 = 中心医院" in text_of(admin.get(RULES))
    said = text_of(dispatcher.get(RULES))
    assert "药品 且 在哪家医院配药 = 中心医院" in said
    assert "新建规则" not in said
    assert f"{RULES}{rule.pk}" not in said
    for address in (
        *(f"{RULES}{path}" for path in ("-/new", "-/preview", "-/import", "-/export")),
        *(f"{RULES}{rule.pk}{path}" for path in ("", "/preview", "/move", "/retire", "/restore")),
    ):
        assert dispatcher.post(address, NEW).status_code in (403, 405), address
        assert dispatcher.get(address).status_code in (403, 405), address
    for username in ("clerk", "milk-handler", "volunteer"):
        assert browse(username).get(RULES).status_code == 403
        assert browse(username).get("/desk/try").status_code == 403
        assert browse(username).post(f"{RULES}-/send").status_code == 403
    assert admin.post(f"{RULES}-/send").status_code == 403
    assert browse().get(RULES).status_code == 302
    assert not new_changes().filter(kind="rule").exists()


def test_preview_shows_effect_and_saves_nothing(browse: Browse, city: Cast) -> None:
    unit = Unit.objects.get(code="milk")
    there = sorted_one(city, area="330782008")
    actions.assign(there.pk, city.dispatcher, unit="bureau-urban")
    RoutingRule.objects.filter(category="environment").delete()
    waits = sorted_one(city, category="environment")
    admin = browse("admin")
    given = {"category": "urban", "area": "330782008", "unit": "milk", "order": "105"}
    said = text_of(admin.post(f"{RULES}-/preview", given))
    assert "改去别的单位" in said
    assert f"<span>{there.number}</span>" in said  # no link: administrators have no desk
    assert f"→ <b>{unit.name}</b>" in said
    assert waits.number not in said
    assert not RoutingRule.objects.filter(order=105).exists()
    given = {"category": "environment", "unit": "milk", "order": "500"}
    said = text_of(admin.post(f"{RULES}-/preview", given))
    assert "现在等派单、以后合得上的" in said
    assert waits.number in said
    # A narrower rule after the general one never matches.
    given = {"category": "urban", "area": "330782008", "unit": "milk", "order": "500"}
    assert "永远轮不到：前面的规则 110 已全包了" in text_of(admin.post(f"{RULES}-/preview", given))
    # An unconditional rule in first position shadows all others.
    said = text_of(admin.post(f"{RULES}-/preview", {"unit": "milk", "order": "1"}))
    assert "规则 110 以后轮不到了" in said
    retire = text_of(admin.get(f"{RULES}{RoutingRule.objects.get(order=110).pk}/retire"))
    assert "像最近 1 件这样的，以后要派单员来派" in retire


def test_rule_to_unit_without_handlers_shows_warning(browse: Browse, city: Cast) -> None:
    unit = Unit.objects.create(code="empty", name="空单位", kind="department")
    clerk = User.objects.get(username="clerk")
    # A clerk of the unit cannot accept its cases.
    Post.objects.create(user=clerk, unit=unit, role=Role.CLERK)
    said = "“空单位”还没有能接单的人"
    admin, given = browse("admin"), {"category": "environment", "unit": "empty", "order": "500"}
    assert said in text_of(admin.post(f"{RULES}-/preview", given))
    admin.post(f"{RULES}-/new", given)
    assert text_of(admin.get(RULES)).count("还没有能接单的人") == 1
    assert said in text_of(admin.get(RULES))
    assert "1 条规则派给还没有人能接单的单位" in text_of(admin.get("/setup/"))
    Post.objects.create(user=clerk, unit=unit, role=Role.HANDLER)
    assert said not in text_of(admin.get(RULES))
    assert said not in text_of(admin.post(f"{RULES}-/preview", given | {"order": "510"}))
    assert "还没有人能接单的单位" not in text_of(admin.get("/setup/"))


def test_rule_is_created_changed_and_retired_with_history(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    given = {"category": "urban", "area": "330782008", "unit": "milk", "order": "105"}
    assert admin.post(f"{RULES}-/new", given).headers["Location"] == RULES
    assert admin.post(f"{RULES}-/new", given).status_code == 422  # pressed twice
    rule = RoutingRule.objects.get(order=105)
    assert (rule.category, rule.area, rule.unit.code) == ("urban", "330782008", "milk")
    page = text_of(admin.get(f"{RULES}{rule.pk}"))
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found
    changed = given | {"unit": "food", "seen": found[1]}
    previewed = text_of(admin.post(f"{RULES}{rule.pk}/preview", changed))
    assert f'name="seen" value="{found[1]}"' in previewed
    admin.post(f"{RULES}{rule.pk}", changed)
    rule.refresh_from_db()
    assert rule.unit.code == "food"
    # A form opened before that change conflicts.
    crossed = admin.post(f"{RULES}{rule.pk}", changed | {"unit": "daily"})
    assert crossed.status_code == 409
    assert "有人改过它" in text_of(crossed)
    rule.refresh_from_db()
    assert rule.unit.code == "food"
    told = text_of(admin.get("/setup/history?kind=rule"))
    assert "规则 105" in told
    assert "派单规则" in told
    admin.post(f"{RULES}{rule.pk}/retire")
    rule.refresh_from_db()
    assert not rule.active
    admin.post(f"{RULES}{rule.pk}/restore")
    rule.refresh_from_db()
    assert rule.active


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"category": "nonsense"}, "没有代码为 nonsense"),
        ({"area": "990000"}, "没有代码为 990000"),
        ({"unit": "nobody"}, "没有代码为 nobody"),
        ({"unit": ""}, "请填写"),
        ({"klass": "x"}, "性质应是"),
        ({"channel": "x"}, "没有叫 x 的来源"),
        ({"order": "20"}, "已经有规则 20 了"),
        ({"order": "0"}, "没有保存"),
        ({"order": "9" * 30}, "小于或等于"),
        ({"field": "x", "value": "y"}, "没有一个类别问 x"),
        ({"field": "hospital"}, "请写合得上的回答"),
        ({"value": "中心医院"}, "请选这是哪个问题的回答"),
        ({"field": "hospital", "value": "中心医院", "category": "milk"}, "不问这个问题"),
        (
            {"field": "hospital", "value": "<b>x</b>", "category": "medicine"},
            "能选的回答是：中心医院",
        ),
    ],
)
def test_invalid_rule_field_is_refused_with_reason(
    browse: Browse, city: Cast, given: dict[str, str], wrong: str
) -> None:
    before = RoutingRule.objects.count()
    page = browse("admin").post(f"{RULES}-/new", {"unit": "milk", "order": "7"} | given)
    assert page.status_code == 422
    assert wrong in text_of(page)
    assert "<b>x</b>" not in text_of(page)
    assert RoutingRule.objects.count() == before


def test_repeated_move_of_a_rule_is_done_once(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    rule = RoutingRule.objects.get(order=20)
    other = RoutingRule.objects.get(order=30)
    before = orders()
    for _press in range(2):
        admin.post(f"{RULES}{rule.pk}/move", {"way": "down", "order": "20"})
    rule.refresh_from_db()
    other.refresh_from_db()
    assert (rule.order, other.order) == (30, 20)
    assert sorted(orders()) == sorted(before)
    assert new_changes().filter(kind="rule").count() == 2
    # Moving a rule past an overlapping one shows the effect.
    there = sorted_one(city, "medicine", answers={"hospital": "妇幼保健院"})
    actions.assign(there.pk, city.dispatcher, unit="medicine-maternal")
    fifty = RoutingRule.objects.get(order=50)
    moved = admin.post(f"{RULES}{fifty.pk}/move", {"way": "up", "order": "50"}, follow=True)
    assert "像最近 1 件这样的，以后改去别的单位" in text_of(moved)
    first = RoutingRule.objects.order_by("order").first()
    assert first is not None
    admin.post(f"{RULES}{first.pk}/move", {"way": "up", "order": str(first.order)})
    assert sorted(orders()) == sorted(before)
    for key in ("0", "nonsense", "9" * 20):
        assert admin.post(f"{RULES}{key}/move", {"way": "up"}).status_code == 404


def test_only_one_of_two_concurrent_moves_applies(live_city: Cast) -> None:
    rule = RoutingRule.objects.get(order=30)
    before = orders()
    codes: list[int] = []
    ready = threading.Barrier(2)

    def move(way: str) -> None:
        client = Client()
        client.force_login(User.objects.get(username="admin"))
        ready.wait()
        said = client.post(f"{RULES}{rule.pk}/move", {"way": way, "order": "30"})
        codes.append(said.status_code)
        connection.close()

    both = [threading.Thread(target=move, args=(way,)) for way in ("up", "down")]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert codes == [302, 302]
    assert sorted(orders()) == sorted(before)
    rule.refresh_from_db()
    assert rule.order in (20, 40)
    assert new_changes().filter(kind="rule").count() == 2


def test_list_warns_of_ineffective_rules(browse: Browse, city: Cast) -> None:
    Unit.objects.filter(code="food").update(active=False)
    Category.objects.filter(pk="milk").update(active=False)
    unit = Unit.objects.get(code="daily")
    RoutingRule.objects.create(order=999, category="medicine", area="330782", unit=unit)
    said = text_of(browse("admin").get(RULES))
    assert "永远轮不到：前面的规则 50 已全包了" in said
    assert "这条规则不起作用" in said
    assert "以后不会再有诉求合上" in said
    assert "1 条规则永远轮不到" in text_of(browse("admin").get("/setup/"))


def test_rules_are_exported_and_imported_with_preview(browse: Browse, city: Cast) -> None:
    admin = browse("admin")
    out = admin.get(f"{RULES}-/export").content.decode("utf-8-sig")
    head, *rows = out.splitlines()
    assert head == "order,category,klass,area,channel,field,value,unit,active"
    assert "20,medicine,,,,hospital,中心医院,medicine-central,1" in rows
    text = "\n".join(
        (
            head,
            "20,medicine,,,,hospital,中心医院,medicine-tcm,1",
            "700,urban,,330782008,,,,milk,1",
            "700,urban,,330782009,,,,milk,1",
            "710,nonsense,,,,,,milk,1",
        )
    )
    page = admin.post(f"{RULES}-/import", {"file": SimpleUploadedFile("a.csv", text.encode())})
    said = text_of(page)
    assert "没有代码为 nonsense" in said
    assert RoutingRule.objects.get(order=20).unit.code == "medicine-central"
    given = {
        name: re.search(rf'name="{name}" value="([^"]+)"', said)[1]  # type: ignore[index]  # found
        for name in ("sealed", "digest")
    }
    admin.post(f"{RULES}-/import", given)
    assert RoutingRule.objects.get(order=20).unit.code == "medicine-tcm"
    assert RoutingRule.objects.get(order=700).area == "330782008"
    assert new_changes().filter(kind="rule").count() == 2


def test_dispatcher_sees_why_unrouted_and_assigns_by_rules(browse: Browse, city: Cast) -> None:
    RoutingRule.objects.filter(category="medicine", field="").delete()
    waits = sorted_one(city, category="medicine")
    back = sorted_one(city)
    actions.assign(back.pk, city.dispatcher, unit="bureau-urban")
    actions.return_(back.pk, city.urban, why="不归<b>我们</b>管")
    dispatcher = browse("dispatcher")
    said = text_of(dispatcher.get(f"/desk/case/{waits.number}"))
    assert "规则 20 差一点：" in said
    assert "“在哪家医院配药”没有填" in said
    assert "照这件新建规则" not in said
    said = text_of(dispatcher.get(f"/desk/case/{back.number}"))
    assert "退回过 1 次" in said
    assert "不归&lt;b&gt;我们&lt;/b&gt;管" in said
    # The rule is not offered if its unit has just returned the case.
    mine = RoutingRule(order=5, category=back.category_id or "")
    for code, offered in (("bureau-urban", False), ("milk", True)):
        mine.unit = Unit.objects.get(code=code)
        mine.save()
        said = text_of(dispatcher.get(f"/desk/case/{back.number}"))
        assert ("照规则派给" in said) is offered
    mine.delete()
    assert "为什么没有自动派" not in text_of(browse("clerk").get(f"/desk/case/{waits.number}"))
    # A dispatcher who is also an administrator can create a rule from the case.
    user = User.objects.get(username="dispatcher")
    Post.objects.create(user=user, unit=Unit.objects.get(code="milk"), role=Role.ADMIN)
    said = text_of(dispatcher.get(f"/desk/case/{waits.number}"))
    assert "照这件新建规则" in said
    assert f"{RULES}-/new?category=medicine" in said
    unit = Unit.objects.get(code="medicine")
    RoutingRule.objects.create(order=50, category="medicine", unit=unit)
    assert "有 1 件在等派单" in text_of(dispatcher.get(RULES))
    for _press in range(2):
        dispatcher.post(f"{RULES}-/send")
    waits.refresh_from_db()
    back.refresh_from_db()
    assert (waits.status, waits.unit) == ("assigned", unit)
    assert back.status == "sorted"
    event = Event.objects.filter(appeal=waits, verb="assign").get()
    assert (event.user_id, event.why) == (user.pk, "规则 50")


def test_trial_message_is_routed_and_leaves_no_records(browse: Browse, city: Cast) -> None:
    dispatcher = browse("dispatcher")
    before = (Appeal.objects.count(), Suggestion.objects.count())
    said = text_of(dispatcher.post("/desk/try", {"words": "家里婴儿没有奶粉了"}))
    assert "规则 10 派给" in said
    said = text_of(dispatcher.post("/desk/try", {"words": "<i>配药</i>", "category": "medicine"}))
    assert "规则 50 派给" in said
    assert "“在哪家医院配药”没有填" in said
    assert "<i>配药</i>" not in said
    given = {"words": "配药", "category": "medicine", "q-hospital": "中心医院"}
    assert "规则 20 派给" in text_of(dispatcher.post("/desk/try", given))
    given = {"words": "", "category": "nonsense", "area": "火星上"}
    wrong = dispatcher.post("/desk/try", given)
    assert wrong.status_code == 422
    assert "请写一段话" in text_of(wrong)
    assert (Appeal.objects.count(), Suggestion.objects.count()) == before


def test_english_rule_answers_are_stored_in_canonical_form(browse: Browse, city: Cast) -> None:
    admin = browse("admin", headers={"Accept-Language": "en"})
    rule = RoutingRule.objects.get(order=20)
    assert "Which hospital = Central Hospital" in text_of(admin.get(RULES))
    assert 'value="Central Hospital"' in text_of(admin.get(f"{RULES}{rule.pk}"))
    given = {"category": "medicine", "unit": "milk", "order": "15"}
    for order, field, value in (
        ("15", "hospital", "Central Hospital"),
        ("16", "hospital", "中心医院"),
        ("17", "prescription", "yes"),
    ):
        typed = given | {"order": order, "field": field, "value": value}
        assert admin.post(f"{RULES}-/new", typed).status_code == 302
    found = RoutingRule.objects.filter(order__in=(15, 16, 17)).values_list("value", flat=True)
    assert list(found) == ["中心医院", "中心医院", "True"]
