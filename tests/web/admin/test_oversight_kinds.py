"""Working-time limits, chase steps, working days and policies: editing, errors and CSV."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.cast import Cast, file_one
from tests.history import new_changes
from tests.oversight.clock import pass_time, sweep_all
from tests.web.admin.conftest import Browse, form_of, hidden, last, text_of, upload
from yinghu.appeals.models import Category, ChaseStep, Clock, ClockLimit, Policy
from yinghu.appeals.policies import policy
from yinghu.oversight import sweep
from yinghu.people.models import Post, Unit
from yinghu.places.models import WorkDay, WorkSpan

STEP = {"kind": "solve", "percent": "100", "minutes": "超时 5 天", "act": "report"} | {
    "tell": "command"
}


def save(admin: Client, where: str, **typed: str) -> Any:
    return admin.post(where, form_of(admin.get(where)) | typed)


def put(admin: Client, kind: str, text: str) -> Any:
    """Upload a file and confirm its preview."""
    page = admin.post(f"/setup/{kind}/-/import", {"file": upload(text)})
    return admin.post(f"/setup/{kind}/-/import", hidden(page))


def waiting(task: str) -> int:
    return ProcrastinateJob.objects.filter(task_name=task, status="todo").count()


@pytest.mark.parametrize(
    ("typed", "minutes", "shown"),
    [
        ("3 个工作日", 1350, "3 个工作日"),
        ("３工作日", 1350, "3 个工作日"),
        ("4 个工作小时", 240, "4 个工作小时"),
        ("1 working day", 450, "1 个工作日"),
        ("0.5 个工作日", 225, "3 个工作小时 45 个工作分钟"),
    ],
)
def test_working_time_limit_is_stored(admin: Client, typed: str, minutes: int, shown: str) -> None:
    where = "/setup/limit/:1"
    assert save(admin, where, solve=typed).status_code == 302
    limit = ClockLimit.objects.get(kind="solve", urgency=1, category=None)
    assert (limit.minutes, limit.working) == (minutes, True)
    assert last("limit").after == {"solve": {"working": minutes}}
    assert form_of(admin.get(where))["solve"] == shown
    save(admin, where)
    assert new_changes().filter(kind="limit").count() == 1
    assert shown in text_of(admin.get(f"{where}/history"))
    save(admin, where, solve="3 天")
    limit.refresh_from_db()
    assert (limit.minutes, limit.working) == (3 * 24 * 60, False)


def test_progress_and_ruling_limits_are_stored(admin: Client) -> None:
    assert save(admin, "/setup/limit/:1", progress="2 个工作日", ruling="4小时").status_code == 302
    kept = ClockLimit.objects.filter(urgency=1, category=None, kind__in=("progress", "ruling"))
    assert dict(kept.values_list("kind", "minutes")) == {"progress": 900, "ruling": 240}


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("0 个工作日", "不能是零"),
        ("工作日", "看不懂；工作时间"),
        ("1 天 3 个工作日", "看不懂；工作时间"),
        ("9999 个工作日", "最多一年"),
        ("1 个工作日" * 9, "30"),
    ],
)
def test_invalid_working_time_limit_is_refused(admin: Client, typed: str, why: str) -> None:
    page = save(admin, "/setup/limit/:1", ruling=typed)
    assert page.status_code == 422
    assert why in text_of(page)
    assert form_of(page)["ruling"] == typed
    assert not new_changes().exists()


def test_chase_step_is_created_changed_and_retired(admin: Client) -> None:
    made = admin.post("/setup/chase/-/new", STEP)
    assert made.status_code == 302, text_of(made)
    step = ChaseStep.objects.latest("pk")
    assert (step.percent, step.minutes, step.active) == (100, 7200, True)
    said = text_of(admin.get("/setup/chase/"))
    assert "解决超时 5 天，报给指挥长" in said
    assert "5 天 2 小时" in said
    assert "12 天" in said
    where = made["Location"]
    assert form_of(admin.get(where))["minutes"] == "超时 5 天"
    save(admin, where, minutes="到期前 1 天", act="remind")
    step.refresh_from_db()
    assert step.minutes == -1440
    assert "一开始就过了，不催" in text_of(admin.get("/setup/chase/"))
    admin.post(f"{where}/retire")
    step.refresh_from_db()
    assert not step.active


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"percent": ""}, "请填写"),
        ({"percent": "-1"}, "0"),
        ({"percent": "0", "minutes": ""}, "不能在开始计时的时候"),
        ({"minutes": "提前 超时 1 天"}, "看不懂"),
        ({"minutes": "以后"}, "看不懂"),
        ({"minutes": "超时 999 天"}, "最多一年"),
        ({"kind": "army"}, "应是这几个之一"),
        ({"act": "shout"}, "应是这几个之一"),
        ({"tell": "mayor"}, "应是这几个之一"),
        ({"act": "remind"}, "到期以后就不再提醒"),
        ({"minutes": "", "act": "urge", "tell": "holder"}, "已经有一样的一步"),
    ],
)
def test_invalid_chase_step_is_refused(admin: Client, typed: dict[str, str], why: str) -> None:
    page = admin.post("/setup/chase/-/new", STEP | typed)
    assert page.status_code == 422
    assert why in text_of(page)
    assert not new_changes().exists()


def test_index_warns_if_nobody_learns_of_overdue_clocks(admin: Client) -> None:
    assert "超时以后谁也不会知道" not in text_of(admin.get("/setup/"))
    ChaseStep.objects.exclude(act="remind").update(active=False)
    assert "超时以后谁也不会知道" in text_of(admin.get("/setup/"))
    # A reminder after the limit is never sent, so such a step does not help.
    ChaseStep.objects.create(kind="", percent=120, act="remind", tell="holder")
    assert "超时以后谁也不会知道" in text_of(admin.get("/setup/"))
    ChaseStep.objects.all().delete()
    assert "超时以后谁也不会知道：所有计时" in text_of(admin.get("/setup/"))


def test_running_clocks_are_replanned_once_on_commit(
    admin: Client, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as asked:
        admin.post("/setup/chase/-/new", STEP)
        admin.post("/setup/chase/-/new", STEP | {"tell": "head"})
        assert waiting("yinghu.plan_chases") == 0
    for each in asked:
        each()
    assert waiting("yinghu.plan_chases") == 1
    with django_capture_on_commit_callbacks(execute=True):
        save(admin, "/setup/workday/1", hours="9:00-12:00")
        save(admin, "/setup/workday/2", hours="9:00-12:00")
    assert waiting("yinghu.lay_out") == 1


def test_replanning_leaves_due_chases_to_the_sweep(city: Cast) -> None:
    appeal = file_one()
    pass_time(3, appeal)  # past the two hours for receiving, with no sweep yet
    sweep.plan_anew()
    sweep_all()
    said = list(appeal.events.filter(verb="chase").values_list("facts__act", flat=True))
    assert "urge" in said


def test_replanning_moves_future_chases(city: Cast) -> None:
    appeal = file_one()
    clock = Clock.objects.get(appeal=appeal, kind="receive")
    ChaseStep.objects.create(kind="receive", percent=50, act="urge", tell="holder")
    sweep.plan_anew()
    clock.refresh_from_db()
    assert clock.next_at == clock.started_at + (clock.due_at - clock.started_at) / 2


def test_working_days_are_changed_and_shown(admin: Client) -> None:
    where = "/setup/workday/1"
    assert form_of(admin.get(where))["hours"] == "8:30-12:00 13:30-17:30"
    save(admin, where, hours="９：００至１２：００，14:00—18:00")
    assert WorkDay.objects.get(pk="1").hours == "9:00-12:00 14:00-18:00"
    save(admin, where, hours="休息")
    assert WorkDay.objects.get(pk="1").hours == ""
    made = admin.post("/setup/workday/-/new", {"day": "2030-01-07", "hours": "9:00-10:00"})
    assert made["Location"] == "/setup/workday/2030-01-07"
    assert last("workday").after == {"day": "2030-01-07", "hours": "9:00-10:00"}
    # An empty value removes the exception for that day.
    assert save(admin, made["Location"], hours="").status_code == 302
    assert not WorkDay.objects.filter(pk="2030-01-07").exists()
    save(admin, "/setup/workday/statutory", hours="否")
    assert WorkDay.objects.get(pk="statutory").hours == "no"
    assert "接下来三周" in text_of(admin.get("/setup/workday/"))
    sweep.recompute_spans()
    assert WorkSpan.objects.exists()


@pytest.mark.parametrize(
    ("where", "typed", "why"),
    [
        ("1", {"hours": "早上"}, "看不懂"),
        ("1", {"hours": "12:00-8:30"}, "看不懂，或者和前面的重叠"),
        ("1", {"hours": "8:30-12:00 11:00-13:00"}, "重叠"),
        ("1", {"hours": "8:30-25:00"}, "看不懂"),
        ("1", {"hours": "".join(f"{n}:00-{n}:30" for n in range(10, 17))}, "六段"),
        ("1", {"hours": "9:00-10:00 " * 20}, "80"),
        ("statutory", {"hours": "也许"}, "请写“是”或“否”"),
        ("-/new", {"day": "2026-02-30", "hours": "休息"}, "2026-02-17 这样的日期"),
        ("-/new", {"day": "20260217", "hours": "休息"}, "2026-02-17 这样的日期"),
        ("-/new", {"day": "1999-01-01", "hours": "休息"}, "2026-02-17 这样的日期"),
        ("-/new", {"day": "8", "hours": "休息"}, "2026-02-17 这样的日期"),
        ("-/new", {"day": "2026-02-17", "hours": ""}, "请写几点到几点"),
    ],
)
def test_invalid_working_day_is_refused(
    admin: Client, where: str, typed: dict[str, str], why: str
) -> None:
    page = admin.post(f"/setup/workday/{where}", typed)
    assert page.status_code == 422
    assert why in text_of(page)
    assert not new_changes().exists()


def test_week_without_working_days_shows_warning(admin: Client) -> None:
    WorkDay.objects.filter(pk__in=tuple("1234567")).update(hours="")
    assert "一周里没有一天上班" in text_of(admin.get("/setup/"))
    # In such a week, make-up workdays before the end of the holidays do not count, either.
    WorkDay.objects.filter(key=WorkDay.STATUTORY).update(hours="yes")
    said = text_of(admin.get("/setup/workday/"))
    assert "一周里没有一天上班" in said
    assert "接下来三周" in said
    assert "调休上班" not in said
    save(admin, "/setup/workday/1", hours="9:00-12:00")
    assert "一周里没有一天上班" not in text_of(admin.get("/setup/workday/"))


def test_policy_is_set_by_the_city_and_reset_to_default(admin: Client) -> None:
    where = "/setup/policy/most_returns"
    assert form_of(admin.get(where))["value"] == ""
    assert save(admin, where, value="５").status_code == 302
    assert policy("most_returns") == 5
    assert last("policy").after == {"value": 5}
    assert admin.post(where, form_of(admin.get(where)) | {"empty": "1"}).status_code == 302
    assert not Policy.objects.exists()
    assert policy("most_returns") == 3
    save(admin, "/setup/policy/raise_emergency", value="是")
    assert policy("raise_emergency") == 1
    assert form_of(admin.get("/setup/policy/raise_emergency"))["value"] == "是"
    save(admin, "/setup/policy/contest_minutes", value="3 小时")
    assert policy("contest_minutes") == 180
    assert "3 小时" in text_of(admin.get("/setup/policy/contest_minutes/history"))


@pytest.mark.parametrize(
    ("rule", "typed", "why"),
    [
        ("most_returns", "0", "应在 1 次 到 20 次 之间"),
        ("most_returns", "21", "应在 1 次 到 20 次 之间"),
        ("most_returns", "3.5", "不是整数"),
        ("most_returns", "很多", "不是整数"),
        ("most_returns", "9" * 30, "应在 1 次 到 20 次 之间"),
        ("raise_emergency", "2", "应在 否 到 是 之间"),
        ("contest_minutes", "5 分钟", "应在 10 分钟 到 30 天 之间"),
        ("contest_minutes", "0", "不能是零"),
        ("contest_minutes", "马上", "看不懂"),
    ],
)
def test_invalid_policy_value_is_refused(admin: Client, rule: str, typed: str, why: str) -> None:
    page = save(admin, f"/setup/policy/{rule}", value=typed)
    assert page.status_code == 422
    assert why in text_of(page)
    assert form_of(page)["value"] == typed
    assert not new_changes().exists()


def test_unknown_policy_is_not_created(admin: Client) -> None:
    assert admin.get("/setup/policy/-/new").status_code == 404
    assert admin.get("/setup/policy/no_such").status_code == 404
    page = admin.post(
        "/setup/policy/-/import", {"file": upload("rule,value\nno_such,1\nmost_returns,4\n")}
    )
    assert "没有叫这个的规则：no_such" in text_of(page)
    admin.post("/setup/policy/-/import", hidden(page))
    assert list(Policy.objects.values_list("key", "value")) == [("most_returns", 4)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("limit", "category,urgency,ruling\n,1,2 个工作日\n"),
        ("chase", "kind,percent,minutes,act,tell\nsolve,100,超时 5 天,report,command\n"),
        ("workday", "day,hours\n2030-01-07,休息\n3,9:00-12:00\n"),
        ("policy", "rule,value\nmeasures_minutes,2 天\nraise_emergency,是\n"),
        ("category", "code,department\nmilk,bureau-health\n"),
    ],
)
def test_imported_file_reimports_without_changes(admin: Client, kind: str, text: str) -> None:
    if kind == "category":
        code = Unit.objects.filter(kind="department").order_by("code").values_list("code")[1][0]
        text = text.replace("bureau-health", code)
    assert put(admin, kind, text).status_code == 302
    n = new_changes().filter(kind=kind).count()
    assert n == text.count("\n") - 1
    out = admin.get(f"/setup/{kind}/-/export").content.decode("utf-8-sig")
    page = admin.post(f"/setup/{kind}/-/import", {"file": upload(out)})
    assert "这个文件什么也不会改" in text_of(page)
    assert new_changes().filter(kind=kind).count() == n


@pytest.mark.parametrize("cell", ['=HYPERLINK("http://x")', "@SUM(1)", "<script>alert(1)</script>"])
@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("limit:category,urgency,solve", ",1,{}"),
        ("chase:kind,percent,minutes,act,tell", "{},100,{},{},{}"),
        ("workday:day,hours", "1,{}"),
        ("workday:day,hours", "{},休息"),
        ("policy:rule,value", "most_returns,{}"),
        ("policy:rule,value", "{},3"),
        ("category:code,department", "milk,{}"),
    ],
)
def test_hostile_cells_are_refused_and_shown_as_text(
    admin: Client, head: str, line: str, cell: str
) -> None:
    kind, _colon, columns = head.partition(":")
    quoted = '"' + cell.replace('"', '""') + '"'
    text = f"{columns}\n{line.replace('{}', quoted)}\n"
    page = admin.post(f"/setup/{kind}/-/import", {"file": upload(text)})
    assert page.status_code == 200
    assert hidden(page) == {}
    assert b"<script>alert" not in page.content
    assert not new_changes().exists()


@pytest.mark.parametrize(
    ("where", "field", "ours", "theirs"),
    [
        ("limit/:1", "ruling", "3 小时", "5 小时"),
        ("workday/1", "hours", "9:00-10:00", "9:00-11:00"),
        ("policy/most_returns", "value", "4", "5"),
    ],
)
def test_save_from_stale_form_shows_conflict(
    admin: Client, where: str, field: str, ours: str, theirs: str
) -> None:
    at = f"/setup/{where}"
    first, second = form_of(admin.get(at)), form_of(admin.get(at))
    assert admin.post(at, first | {field: theirs}).status_code == 302
    crossed = admin.post(at, second | {field: ours})
    assert crossed.status_code == 409
    assert "管理员小吴" in text_of(crossed)
    assert form_of(crossed)[field] == ours
    assert new_changes().count() == 1


@pytest.mark.parametrize("login", ["clerk", "dispatcher", "commander", "supervisor"])
def test_only_administrators_edit_oversight_settings(browse: Browse, login: str) -> None:
    client = browse(login)
    for kind in ("limit", "chase", "workday", "policy"):
        for path in ("", "-/export"):
            assert client.get(f"/setup/{kind}/{path}").status_code in (302, 403, 404)
    client.post("/setup/chase/-/new", STEP)
    client.post("/setup/workday/1", {"hours": "休息"})
    client.post("/setup/policy/most_returns", {"value": "4"})
    assert not new_changes().exists()


def test_index_warns_of_missing_departments_and_command(admin: Client) -> None:
    bureau = Unit.objects.filter(kind="department").order_by("code").first()
    assert bureau is not None
    Category.objects.update(department=None)
    assert "没有主管部门" in text_of(admin.get("/setup/"))
    assert save(admin, "/setup/category/milk", department=bureau.code).status_code == 302
    assert Category.objects.get(pk="milk").department == bureau
    assert last("category").after == {"department": bureau.code}
    page = admin.post(
        "/setup/category/milk",
        form_of(admin.get("/setup/category/milk")) | {"department": "no-such"},
    )
    assert "没有代码为 no-such 的在用单位" in text_of(page)
    assert "提级到头没有人接" not in text_of(admin.get("/setup/"))
    Post.objects.filter(unit__kind="command").update(active=False)
    assert "提级到头没有人接" in text_of(admin.get("/setup/"))


def test_guide_links_to_oversight_settings(admin: Client) -> None:
    said = text_of(admin.get("/setup/guide"))
    for href in ("/setup/workday/", "/setup/chase/", "/setup/policy/"):
        assert href in said


@pytest.mark.parametrize("kind", ["limit", "chase", "workday", "policy"])
def test_english_export_reimports_without_changes(browse: Browse, kind: str) -> None:
    ClockLimit.objects.filter(kind="solve", urgency=1).update(minutes=1300, working=True)
    ChaseStep.objects.filter(kind="solve", percent=80).update(percent=100, minutes=-1440)
    ChaseStep.objects.filter(kind="solve", percent=120).update(percent=100, minutes=7200)
    Policy.objects.create(key="grade_minutes", value=3000)
    Policy.objects.create(key="raise_emergency", value=1)
    english = browse("admin", headers={"accept-language": "en"})
    out = english.get(f"/setup/{kind}/-/export").content.decode("utf-8-sig")
    assert out.isascii()
    # With other spacing, every value is parsed again and must come to the same.
    other = out.replace(" ", "  ") if kind != "workday" else out.replace(" ", "; ").lower()
    page = english.post(f"/setup/{kind}/-/import", {"file": upload(other)})
    assert hidden(page) == {}
    assert 'class="wrong"' not in text_of(page)
    assert "This file would change nothing" in text_of(page)
