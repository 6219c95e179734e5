"""`yinghu import --past`: what was said and ended before starts nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.channels.files.test_import import rejects_of, summary, write_csv
from tests.cities import City
from yinghu.appeals import inboxes
from yinghu.appeals.filing import Filing, file_many
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.states import Status
from yinghu.insight import tally
from yinghu.insight.board import board
from yinghu.notifications.models import Notification
from yinghu.oversight import alarms, worklists
from yinghu.oversight.rates import rates
from yinghu.people.access import SYSTEM, actor_of
from yinghu.people.models import User
from yinghu.reactions import look_for_danger, react
from yinghu.triage.models import Duplicate, Words

FIRE = "三楼着火了，有人被困没出来"
LIGHT = "北门街的路灯坏了三天，老人晚上不敢出门"
HEADER = ["工单编号", "诉求内容", "时间", "联系电话"]
ROWS = [
    ["A1", FIRE, "2016-12-30 08:00", "13812345678"],
    ["A2", LIGHT, "2016-12-31 09:00", "13812345678"],
    ["A3", "没有时间的", "", ""],
]


def run_reactions() -> None:
    """Run what was queued, as the worker does."""
    tasks = {"yinghu.react": react, "yinghu.look_for_danger": look_for_danger}
    for job in ProcrastinateJob.objects.filter(task_name__in=tasks, status="todo").order_by("id"):
        tasks[job.task_name](**job.args)


def test_past_messages_count_then_and_wait_for_nobody(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", ROWS, HEADER)
    before = board("all").received
    ran = own_city.run("import", path, "--channel", "hotline", "--past")
    assert ran.out.startswith(summary(3, 2, 0, 1))
    assert rejects_of(path) == [["4", "没有说的时间；以前的诉求要知道是哪一天的"]]
    run_reactions()
    fire, light = Appeal.objects.filter(channel="hotline").order_by("pk")
    assert (fire.status, fire.filed_at) == (
        Status.CLOSED.value,
        datetime(2016, 12, 30, 0, 0, tzinfo=UTC),
    )
    assert list(Event.objects.filter(appeal=light).values_list("verb", "to_status")) == [
        ("record", "closed")
    ]
    # It counts on its day, and not today.
    tally.fold_all()
    assert (board("all").received, board("today").received) == (before + 2, 0)
    assert rates(since=date(2016, 12, 1), until=timezone.localdate()).whole.counts == {}
    # It starts no clock, no alarm, no notice, and stands in nobody's list.
    assert not Clock.objects.filter(appeal__in=(fire, light)).exists()
    assert not Notification.objects.filter(event__appeal__in=(fire, light)).exists()
    for user in User.objects.filter(is_active=True):
        actor = actor_of(user)
        lists = inboxes.desks_with(actor) | worklists.own(actor) | worklists.overseen(actor)
        for found in [*lists.values(), alarms.alarmed_cases(actor)]:
            assert not found.filter(pk__in=(fire.pk, light.pk)).exists()
    # It can be searched.
    assert Words.objects.filter(appeal=fire).exists()


def test_option_is_offered_for_old_messages(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", ROWS, HEADER)
    hint = "多是 30 天以前说的；只是存档、不用再办的，请加 --past"
    assert hint in own_city.run("import", path, "--preview").out.splitlines()
    assert hint not in own_city.run("import", path, "--preview", "--past").out
    now = timezone.localtime().strftime("%Y-%m-%d 00:00")
    new = write_csv(tmp_path / "n.csv", [["A1", FIRE, now, ""]], HEADER)
    assert hint not in own_city.run("import", new, "--preview").out


def test_past_message_is_no_duplicate_of_todays(own_city: City, tmp_path: Path) -> None:
    today = timezone.localtime().strftime("%Y-%m-%d 00:00")
    rows = [["A2", LIGHT, "2016-12-31 09:00", "13812345678"], ["A4", LIGHT, today, "13812345678"]]
    file_many([Filing(LIGHT, "hotline", phone="+8613812345678")], SYSTEM)
    path = write_csv(tmp_path / "m.csv", rows, HEADER)
    own_city.run("import", path, "--channel", "hotline", "--past")
    file_many([Filing(LIGHT, "hotline", phone="+8613812345678")], SYSTEM)
    run_reactions()
    recorded = Event.objects.filter(verb="record").values("appeal")
    assert recorded.count() == 2
    assert not Duplicate.objects.filter(appeal__in=recorded).exists()
    assert not Duplicate.objects.filter(other__in=recorded).exists()
    assert Duplicate.objects.count() == 1
