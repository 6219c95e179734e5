"""The field pages as an installable app: manifest, icons, service worker and its cache."""

from __future__ import annotations

import json
import re
from io import BytesIO

import pytest
from django.test import Client
from PIL import Image

from tests.cast import Cast
from tests.errands.errands import Relay, begun_relay, legs_of
from tests.web.conftest import text_of
from tests.web.field.test_offline_sync import phone_of
from yinghu.appeals import city_texts
from yinghu.appeals.models import Text
from yinghu.web.field import pwa

_USED = re.compile(r'"/static/([^"#]+)')


@pytest.fixture
def task(city: Cast) -> Relay:
    return begun_relay(city)


def test_manifest_has_the_citys_name_and_icons(client: Client, db: None) -> None:
    Text.objects.update_or_create(key="name", defaults={"words": "义乌应呼"})
    city_texts.refresh_texts()
    page = client.get("/manifest.webmanifest")
    assert page["Content-Type"] == "application/manifest+json"
    found = page.json()
    assert (found["name"], found["start_url"], found["display"]) == (
        "义乌应呼",
        "/field",
        "standalone",
    )
    assert {icon["type"] for icon in found["icons"]} == {"image/svg+xml", "image/png"}
    for icon in found["icons"]:
        if icon["type"] != "image/png":
            continue
        answer = client.get(icon["src"])
        assert answer["Content-Type"] == "image/png"
        side = int(icon["sizes"].partition("x")[0])
        with Image.open(BytesIO(answer.content)) as picture:
            assert picture.size == (side, side)


def _is(picture: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = picture.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return all(abs(a - b) < 12 for a, b in zip(found, colour, strict=True))


@pytest.mark.parametrize("name", pwa.ICONS)
def test_icons_show_the_logo(name: str, client: Client) -> None:
    side, full = pwa.ICONS[name]
    teal = (0x0B, 0x6E, 0x69, 255)
    with Image.open(BytesIO(client.get(f"/app-icon/{name}.png").content)) as opened:
        assert opened.size == (side, side)
        # Scaled to the coordinates of the SVG, which is 64 wide.
        picture = opened.convert("RGBA").resize((64, 64), Image.Resampling.BOX)
    assert picture.getpixel((0, 0)) == (teal if full else (0, 0, 0, 0))
    assert picture.getpixel((6, 32)) == teal
    # The ring, the hook inside it, and the background outside.
    assert _is(picture, (32, 16), (255, 255, 255))
    assert _is(picture, (30, 36), (0xFF, 0xD2, 0x7A))
    assert picture.getpixel((32, 55)) == teal


def test_unknown_icon_is_not_found(client: Client, db: None) -> None:
    assert client.get("/app-icon/1000000.png").status_code == 404


def test_service_worker_lists_what_to_cache(client: Client, db: None) -> None:
    page = client.get("/sw.js")
    assert page["Content-Type"].startswith("text/javascript")
    assert page["Cache-Control"] == "no-cache"
    assert "'unsafe" not in page["Content-Security-Policy"]
    knows = json.loads(text_of(page).partition("= ")[2].partition(";\n")[0])
    assert knows["shell"][0].startswith("/static/")
    assert knows["pages"] == "/field"
    assert text_of(page).count("importScripts(") == 1


def test_shell_contains_every_file_the_field_pages_use(task: Relay) -> None:
    a = phone_of(task.a)
    used: set[str] = set()
    buy, gate, carry = legs_of(task.appeal)
    for path in (
        "/field",
        "/field/-/map",
        "/field/-/done",
        "/field/-/me",
        "/field/-/offline",
        "/field/-/shopping",
        *(f"/field/-/leg/{leg.pk}" for leg in (buy, gate, carry)),
    ):
        page = a.get(path)
        assert page.status_code == 200, path
        used |= set(_USED.findall(text_of(page)))
    assert used - set(pwa.SHELL) == set()
    # Files that scripts load by name do not appear in the pages.
    assert set(pwa.SHELL) - used <= {"live/live.js", "vendor/icons.svg"}


def test_offline_page_contains_no_user_data(task: Relay) -> None:
    page = text_of(phone_of(task.a).get("/field/-/offline"))
    assert "没有网络" in page
    assert "data-me" not in page
    assert "阿东" not in page


def test_only_field_pages_register_the_service_worker(task: Relay) -> None:
    a = phone_of(task.a)
    page = text_of(a.get("/field"))
    assert 'data-worker="/sw.js"' in page
    assert 'rel="manifest" href="/manifest.webmanifest"' in page
    other = text_of(a.get("/desk/notices"))
    assert "data-worker" not in other
    assert 'rel="manifest"' in other


def test_recordable_forms_are_marked(task: Relay) -> None:
    page = text_of(phone_of(task.a).get(f"/field/-/leg/{task.buy.pk}"))
    for verb in ("finish", "give_back", "touch", "say"):
        assert f'data-record="{verb}" data-leg="{task.buy.pk}"' in page
    # A step that is not ready yet can be recorded offline only.
    early = text_of(phone_of(task.b).get(f"/field/-/leg/{task.gate.pk}"))
    assert early.index("data-offline hidden") < early.index('data-record="hand_over"')
