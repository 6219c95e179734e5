"""Photos made to cost much: pages and other forms are served, and each sender has a budget."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from pytest_django import Settings

from tests.cast import Cast, taken_milk
from tests.common.test_photos import jpeg_of_scans, picture
from tests.live import Live, until
from tests.web.conftest import Browse, form_of, text_of
from yinghu.appeals.models import Appeal, Attachment, Event
from yinghu.common.concurrency_limit import MOST_WITH_PHOTOS_OF_ONE

WORDS = "路灯坏了三天"


def small_photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(out, "PNG")
    return out.getvalue()


def decoder_of(live: Live) -> int:
    """Process id of the photo decoder of the web server."""
    parents, found = {}, []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = int(stat[1])
                if b"photo_decoder.py" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    web = live.processes["web"].pid
    (ours,) = [pid for pid in found if parents.get(parents[pid]) == web]
    return ours


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Sender:
    """A browser at an address of its own, so that no limit counts other tests."""

    def __init__(self, live: Live, address: str) -> None:
        transport = httpx.HTTPTransport(local_address=address)
        self.http = httpx.Client(base_url=live.url, transport=transport, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def form(self) -> dict[str, str]:
        page = self.http.get("/file").text
        hidden = re.findall(r'name="(csrfmiddlewaretoken|form_id)" value="([^"]+)"', page)
        return {**dict(hidden), "words": WORDS}

    def send(self, form: dict[str, str], photo: bytes = b"") -> httpx.Response:
        # As a browser sends a field for photos without one.
        file = ("门口.png", photo) if photo else ("", b"")
        referer = {"Referer": str(self.http.base_url)}
        return self.http.post("/file", data=form, files={"photos": file}, headers=referer)


@pytest.mark.process
def test_flood_of_photos_delays_no_page_and_no_other_form(live: Live, live_city: Cast) -> None:
    """The decoder is stopped, so no photo is judged before the pages have been answered."""
    with Sender(live, "127.0.0.2") as flood, Sender(live, "127.0.0.3") as other:
        flood_and_look(live, flood, other)


def flood_and_look(live: Live, flood: Sender, other: Sender) -> None:
    assert flood.send(flood.form(), small_photo()).status_code == 302
    forms = [flood.form() for _ in range(MOST_WITH_PHOTOS_OF_ONE + 8)]
    answers: list[httpx.Response] = []

    def send(form: dict[str, str]) -> None:
        answers.append(flood.send(form, small_photo()))

    threads = [threading.Thread(target=send, args=[form]) for form in forms]
    with stopped(decoder_of(live)):
        for thread in threads:
            thread.start()
        until(lambda: len(answers) == 8, "more than may wait to be refused")
        # What they wrote is filed at once; only their photo has to be sent later.
        assert [page.status_code for page in answers] == [302] * 8
        assert "现在送照片的人太多" in flood.http.get(answers[0].headers["location"]).text
        assert flood.http.get("/accounts/login/").status_code == 200
        assert flood.send(flood.form()).status_code == 302
        assert other.send(other.form()).status_code == 302
        assert len(answers) == 8
    for thread in threads:
        thread.join()
    taken = answers[8:]
    assert [page.status_code for page in taken] == [302] * MOST_WITH_PHOTOS_OF_ONE
    # What was acknowledged is filed, with its photo or a note that it was left out.
    filed = Appeal.objects.filter(body=WORDS)
    assert filed.count() == len(answers) + 3
    without = Event.objects.filter(appeal__in=filed, facts__left_out=["bad_photo"]).count()
    assert without >= 8
    assert Attachment.objects.filter(appeal__in=filed).count() == len(answers) + 1 - without


def upload(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("x.jpg", data, content_type="image/jpeg")


def test_photo_of_very_many_scans_is_left_out_in_words(browse: Browse) -> None:
    client = browse()
    form = {**form_of(client), "words": WORDS}
    given = {**form, "photos": [upload(jpeg_of_scans(48, 4992)), upload(small_photo())]}
    page = client.post("/file", given, follow=True)
    assert "第 1 张照片（x.jpg）没有收下：这张照片的存法打开太费时" in text_of(page)
    assert Attachment.objects.get().appeal.body == WORDS


def test_each_address_and_each_login_has_a_budget_of_pixels(
    browse: Browse, city: Cast, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"pixels": (30, 60.0)}
    client = browse()
    large = picture((4000, 3000))

    def send(address: str) -> Any:
        form = {**form_of(client), "words": WORDS, "photos": [upload(large)]}
        return client.post("/file", form, follow=True, REMOTE_ADDR=address)

    told = "没有收下：您送的照片太多了"
    assert [told in text_of(send("192.0.2.1")) for _ in range(3)] == [False, False, True]
    assert told not in text_of(send("192.0.2.2"))
    # The words are filed all the same.
    assert (Appeal.objects.count(), Attachment.objects.count()) == (4, 3)
    # People at a desk share an address, not a budget.
    appeal = taken_milk(city)
    desk = browse("milk-handler")
    answers = []
    for number in range(3):
        given = {"words": f"现场照片 {number}", "photos": [upload(large)]}
        report = f"/desk/case/{appeal.number}/report"
        answers.append(desk.post(report, given, REMOTE_ADDR="192.0.2.1").status_code)
    assert answers == [302, 302, 422]
