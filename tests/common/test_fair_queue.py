"""Slots for forms with photos are shared fairly between senders."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from tests.loops import result_of
from yinghu.common.concurrency_limit import has_photos
from yinghu.common.fair_queue import FairQueue, QueueFull


def test_free_slots_go_to_the_senders_in_rotation() -> None:
    async def play() -> list[str]:
        queue, served = FairQueue(1, most=20, most_of_one=10, patience=60), []

        async def form(sender: str, name: str) -> None:
            async with queue.turn(sender):
                served.append(name)
                await asyncio.sleep(0)

        flood = [form("flood", f"flood {number}") for number in range(5)]
        await asyncio.gather(*flood, form("a", "a 1"), form("b", "b 1"), form("a", "a 2"))
        return served

    assert result_of(play()) == [
        *("flood 0", "flood 1", "a 1", "b 1", "flood 2", "a 2", "flood 3", "flood 4")
    ]


def test_more_than_fit_are_refused_at_once_and_leave_nothing_behind() -> None:
    async def play() -> None:
        queue, over = FairQueue(2, most=5, most_of_one=3, patience=60), asyncio.Event()

        async def form(sender: str) -> None:
            async with queue.turn(sender):
                await over.wait()

        inside = [asyncio.create_task(form("flood")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await form("flood")
        inside += [asyncio.create_task(form("other")) for _ in range(2)]
        await asyncio.sleep(0)
        # The last of the sender who has the most makes room for one who has none.
        third = asyncio.create_task(form("third"))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await inside[2]
        with pytest.raises(QueueFull):
            await form("other")
        inside[2] = third
        # One that waits gives up; one that was just handed a slot passes it on.
        inside[2].cancel()
        inside[0].cancel()
        await asyncio.sleep(0)
        inside[3].cancel()
        over.set()
        await asyncio.gather(*inside, return_exceptions=True)
        async with asyncio.timeout(30), queue.turn("flood"), queue.turn("other"):
            assert queue._present == {"flood": 1, "other": 1}
        assert not queue._present
        assert not queue._waiting

    result_of(play())


def test_nobody_waits_longer_than_the_patience() -> None:
    async def play() -> None:
        queue = FairQueue(1, most=5, most_of_one=5, patience=0.05)
        async with queue.turn("first"):
            with pytest.raises(QueueFull):
                async with queue.turn("second"):
                    pytest.fail("there is no slot")
        async with asyncio.timeout(30), queue.turn("second"):
            assert queue._present == {"second": 1}

    result_of(play())


FORM = 'multipart/form-data; boundary="x"'


def part(disposition: str, content: str = "") -> str:
    return f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n"


@pytest.mark.parametrize(
    ("body", "path", "kind", "answer"),
    [
        (part('name="words"', "没有水"), "/file", FORM, False),
        (part('name="photos"; filename=""'), "/file", FORM, False),
        (part('name="photos"; filename="a.jpg"', "x"), "/file", FORM, True),
        # The parser takes these as names.
        (part('name="photos"; filename=""x.jpg', "x"), "/file", FORM, True),
        (part('name="photos"; filename="" .jpg', "x"), "/file", FORM, True),
        (part('name="photos"; filename=""a""', "x"), "/file", FORM, True),
        (part('name="photos"; FileName=a.jpg', "x"), "/p/xiuhu", FORM, True),
        (part("name=photos; filename=\"\"; filename*=utf-8''a.jpg", "x"), "/t/x", FORM, True),
        (part('name="words"', "x" * 2**20), "/desk/case/1/note", FORM, True),
        (part('name="file"; filename="a.csv"', "x"), "/setup/area/import", FORM, False),
        ("words=filename", "/file", "application/x-www-form-urlencoded", False),
    ],
)
def test_forms_with_photos_are_recognised(body: str, path: str, kind: str, answer: bool) -> None:
    scope: Any = {"method": "POST", "path": path, "headers": [(b"content-type", kind.encode())]}
    sent = io.BytesIO(body.encode())
    assert has_photos(scope, sent) is answer
    assert sent.tell() == 0
