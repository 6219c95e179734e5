"""Photos of a form in a browser: those that cannot be taken are told before anything is sent."""

from __future__ import annotations

import io
import re

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests import browser_checks
from tests.cast import Cast
from tests.live import Live
from tests.web.citizen.test_citizen_journey import WORDS, filed, photo
from yinghu.appeals.models import Attachment
from yinghu.common import photos

pytestmark = pytest.mark.browser


def picture(name: str, kind: str, size: tuple[int, int] = (320, 200)) -> FilePayload:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    # Phones and chat programs often name the wrong type.
    return {"name": name, "mimeType": "image/jpeg", "buffer": out.getvalue()}


def heic(name: str, padding: int = 0) -> FilePayload:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (320, 200), "teal")).save(out)
    return {"name": name, "mimeType": "image/heic", "buffer": out.getvalue() + bytes(padding)}


def test_photos_that_cannot_be_taken_are_told_and_the_others_stay(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.goto("/p/xiuhu")
    page.fill("[name=words]", WORDS)
    chosen: list[FilePayload] = [
        photo("好的.jpg", (400, 300)),
        heic("苹果手机.heic"),
        picture("位图.bmp", "BMP"),
        {"name": "合同.jpg", "mimeType": "image/jpeg", "buffer": b"%PDF-1.7 no photo"},
        {"name": "坏了.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff\xe0 torn"},
        heic("太大.heic", photos.MAX_UPLOAD_BYTES),
    ]
    page.set_input_files("[name=photos]", chosen)
    note = page.locator(".photo-field .wrong")
    expect(note).to_have_text(
        "“合同.jpg”不是照片，没有加进来。 “坏了.jpg”打不开，可能坏了，没有加进来。 "
        "“太大.heic”太大了（最多 12 MB），没有加进来。 别的照片和您写的都在。"
    )
    expect(page.locator(".strip li")).to_have_count(3)
    # Chromium does not open HEIC, the server does.
    expect(page.get_by_role("img", name="苹果手机.heic")).to_have_text("HEIC")
    expect(page.locator("[name=words]")).to_have_value(WORDS)
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    # The next choice takes the note away.
    page.set_input_files("[name=photos]", [photo("还有.jpg", (60, 40))])
    expect(page.locator(".strip li")).to_have_count(4)
    expect(note).to_have_count(0)
    page.click("button.send")
    appeal = filed(page)
    sizes = Attachment.objects.filter(appeal=appeal).order_by("id")
    assert list(sizes.values_list("width", "height")) == [
        (400, 300),
        (320, 200),
        (320, 200),
        (60, 40),
    ]


def test_place_far_from_the_city_is_told_before_sending(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"longitude": 116.4, "latitude": 39.9, "accuracy": 20})
    page.goto("/file")
    page.fill("[name=words]", WORDS)
    page.get_by_role("button", name="用我的位置").click()
    expect(page.locator(".where-found")).to_contain_text("离本市太远，提交时不会记下")
    page.click("button.send")
    assert filed(page).lon is None
    expect(page.locator("#messages")).to_contain_text(re.compile("离本市太远，没有记下"))


def test_phone_that_may_be_mistyped_is_asked_about_without_losing_photos(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.goto("/file")
    page.fill("[name=words]", WORDS)
    page.fill("[name=phone]", "1381234567")
    page.set_input_files("[name=photos]", [photo("药盒.jpg", (60, 40))])
    page.click("button.send")
    expect(page.locator("#f-phone-error")).to_contain_text("这个号码可能写错了")
    expect(page.locator(".strip li")).to_have_count(1)
    page.click("button.send")
    assert filed(page).attachments.count() == 1
