"""Sticker sheets: printing the chosen places, and the hint when none is chosen."""

from __future__ import annotations

from django.test import Client
from pytest_django import Settings

from tests.web.admin.conftest import text_of

SHEET = "/setup/place/-/sheet"


def test_sticker_shows_qr_code_and_typeable_address(admin: Client, settings: Settings) -> None:
    page = text_of(admin.get(f"{SHEET}?code=xiuhu&per=1"))
    assert page.count('class="cut"') == 1
    assert "<svg" in page
    # The address is printed for people whose camera fails.
    assert f"<b>{settings.SITE_URL}/p/xiuhu</b>" in page
    settings.SITE_URL = "https://help.example"
    assert "<b>help.example/p/xiuhu</b>" in text_of(admin.get(f"{SHEET}?code=xiuhu"))
    row = text_of(admin.get("/setup/place/xiuhu"))
    assert 'href="/p/xiuhu"' in row
    assert 'href="/p/xiuhu/qr.svg" download' in row


def test_sheet_without_selection_says_what_to_choose(admin: Client) -> None:
    first = text_of(admin.get(SHEET))
    assert "先选好要印哪些" in first
    assert "还没有选点位" not in first
    # What the list's form sends when nothing is ticked.
    assert 'name="per" value="4"' in text_of(admin.get("/setup/place/"))
    empty = text_of(admin.get(f"{SHEET}?area=&per=4"))
    assert "还没有选点位" in empty
    assert "先选好要印哪些" in empty
    assert "这里没有在用的点位" in text_of(admin.get(f"{SHEET}?code=nowhere"))
    assert "先选好要印哪些" not in text_of(admin.get(f"{SHEET}?all=1"))
