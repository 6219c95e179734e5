"""Import and replay of seven thousand real messages; the board must agree with the files.

The files lie beside the project, under shared/data/messages. They carry no licence, so they are
not shipped with it.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.cities import City
from tests.live import until
from yinghu.appeals.models import Appeal, Clock, Event, Untallied
from yinghu.appeals.moving import MAX_WORDS
from yinghu.appeals.states import Status
from yinghu.common.privacy.opening import unseal
from yinghu.insight.board import Board, board
from yinghu.intake.models import Message

MESSAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "messages"
STREAM, REPLIED = MESSAGES / "stream_4326.csv", MESSAGES / "replied_2816.csv"

pytestmark = pytest.mark.skipif(
    not (STREAM.exists() and REPLIED.exists()),
    reason=f"the real messages are not there: {STREAM} and {REPLIED}",
)

MAPS = [
    "留言编号=external_id",
    "留言用户=caller",
    "留言主题=title",
    "留言详情=body",
    "留言时间=said_at",
]
ANSWERS = ["答复意见=answer", "答复时间=answered_at"]


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read the file with the standard library alone, independent of our own code."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def imported(own_city: City, path: Path, folder: Path) -> list[str]:
    ran = own_city.run(
        "import", path, "--channel", "feed", "--rejects", folder / "rejects.csv", "--map", *MAPS
    )
    assert ran.code == 0
    return ran.out.splitlines()


def some_of(path: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Write a twentieth of the rows, among them those with the longest answers, to a file."""
    longest = sorted(rows, key=lambda row: -len(row["答复意见"]))
    some = longest[: len(rows) // 40] + longest[len(rows) // 40 :: 40]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(some)
    return some


def assert_board(found: Board, received: int, closed: int) -> None:
    assert (found.received, found.closed, found.open) == (received, closed, received - closed)
    assert found.days[-1][1] == received
    assert found.late == 0
    for lines in (
        found.lines["klass"],
        found.lines["category"],
        found.lines["unit"],
        found.lines["town"],
    ):
        assert sum(line.received for line in lines) == received
        assert sum(line.closed for line in lines) == closed
    assert [(line.key, line.received, line.closed) for line in found.lines["channel"]] == [
        ("feed", received, closed)
    ]


def test_real_messages_are_imported_replayed_and_counted(own_city: City, tmp_path: Path) -> None:
    stream, replied = rows_of(STREAM), rows_of(REPLIED)
    # Each row becomes exactly one appeal; a second run adds nothing.
    assert imported(own_city, STREAM, tmp_path) == [
        f"读取 {len(stream)} 行：新建 {len(stream)}，已有 0，拒绝 0"
    ]
    assert imported(own_city, REPLIED, tmp_path) == [
        f"读取 {len(replied)} 行：新建 {len(replied)}，已有 0，拒绝 0"
    ]
    total = len(stream) + len(replied)
    again = imported(own_city, REPLIED, tmp_path)
    assert again == [f"读取 {len(replied)} 行：新建 0，已有 {len(replied)}，拒绝 0"]
    assert Appeal.objects.count() == Message.objects.count() == total
    assert Event.objects.count() == total
    assert Clock.objects.count() == 2 * total
    said = {row["留言编号"]: row["留言详情"].strip() for row in (*stream, *replied)}
    kept = Message.objects.select_related("appeal")
    assert {m.external_id: m.appeal.body for m in kept if m.appeal is not None} == said
    assert_board(board(), total, 0)
    for message in kept.order_by("pk")[::500]:
        assert said[message.external_id][:20] in unseal(message.raw).replace("\\n", "\n")

    # Replay a sample of the replied messages with the office's own answers. All of them would take
    # a minute longer and cover no other branch.
    some = some_of(tmp_path / "some.csv", replied)
    ran = own_city.run(
        "replay",
        tmp_path / "some.csv",
        *("--channel", "feed", "--unit", "squad-24h"),
        *("--rejects", str(tmp_path / "rejects.csv"), "--map", *MAPS, *ANSWERS),
    )
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            f"读取 {len(some)} 行：新建 0，已有 {len(some)}，拒绝 0",
            f"办到销号 {len(some)}，早已结束 0，没有答复 0，办不了 0",
        ],
    )
    answers = {row["留言编号"]: row["答复意见"].strip() for row in some}
    assert max(map(len, (row["答复意见"].strip() for row in replied))) <= MAX_WORDS
    closed = kept.filter(appeal__status=Status.CLOSED.value)
    assert {m.external_id: m.appeal.result for m in closed if m.appeal is not None} == answers
    assert not Clock.objects.filter(stopped_at=None, appeal__status=Status.CLOSED.value).exists()
    assert not Untallied.objects.exists()
    found = board()
    assert_board(found, total, len(some))
    assert found.closed_rate == len(some) / total
    # The others stay open, and every event of a user names that user.
    assert Appeal.objects.filter(status=Status.FILED.value).count() == total - len(some)
    done = Counter(Event.objects.values_list("verb", flat=True))
    assert done["sort"] == done["rate"] == done["close"] == len(some)
    assert done["resolve"] + done["answer"] == len(some)
    assert not Event.objects.filter(actor_kind="user", user=None).exists()


def test_killed_import_is_completed_by_the_next_run(own_city: City, tmp_path: Path) -> None:
    rows = rows_of(STREAM)
    process = own_city.start(
        "import", STREAM, "--channel", "feed", "--rejects", tmp_path / "r.csv", "--map", *MAPS
    )
    until(Appeal.objects.exists, "the first batch")
    process.kill()
    process.communicate()
    done = Appeal.objects.count()
    assert 0 < done <= len(rows)
    assert imported(own_city, STREAM, tmp_path) == [
        f"读取 {len(rows)} 行：新建 {len(rows) - done}，已有 {done}，拒绝 0"
    ]
    ids = list(Message.objects.values_list("external_id", flat=True))
    assert sorted(ids) == sorted(row["留言编号"] for row in rows)
    assert Appeal.objects.count() == len(rows)
    assert board().received == len(rows)
