"""Sewing on with a phone's camera. A browser, because scanning is done by a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser_logins import start_session
from tests.guardian.protected import batch_of, protected_person, strips_of
from yinghu.guardian.models import Tag
from yinghu.guardian.strips import tag_address
from yinghu.people.models import User

CAMERA = """
window.seen = "https://example.org/menu";
navigator.mediaDevices.getUserMedia = async () => {
  const film = document.createElement("canvas");
  const brush = film.getContext("2d");
  const draw = () => { brush.fillRect(0, 0, 9, 9); requestAnimationFrame(draw); };
  draw();
  return film.captureStream();
};
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code"]; }
  async detect() { return [{ rawValue: window.seen }]; }
};
"""
"""Stands for the camera and the reader of codes, which no headless browser has."""


@pytest.mark.browser
def test_a_strip_is_scanned_and_the_garment_is_typed(page: Page) -> None:
    person = protected_person()
    (tag,) = strips_of(batch_of(1))
    page.add_init_script(CAMERA)
    start_session(page, User.objects.get(username="grid-worker"))
    page.goto(f"/desk/guardian/activate?person={person.pk}")
    page.get_by_role("button", name="扫布条上的二维码").click()
    expect(page.get_by_text("这不是守护布条的二维码")).to_be_visible()
    page.evaluate("address => { window.seen = address; }", tag_address(tag.pk))
    expect(page.get_by_label("布条编号")).to_have_value(tag_address(tag.pk))
    expect(page.get_by_label("缝在哪件衣服上")).to_be_focused()
    expect(page.locator("video")).to_be_hidden()
    page.keyboard.type("外套")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="第 1 条：外套")).to_be_visible()
    tag.refresh_from_db()
    assert (tag.state, tag.person_id, tag.garment) == (Tag.State.ACTIVE, person.pk, "外套")
