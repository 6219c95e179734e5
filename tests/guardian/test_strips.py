"""The printed strips: read by a scanner as a finder's phone reads them."""

from __future__ import annotations

import pypdfium2
import pytest
import zxingcpp
from django.conf import settings

from tests.guardian.protected import batch_of, strips_of
from yinghu.guardian import strips
from yinghu.guardian.models import Tag
from yinghu.guardian.tag_codes import digest_of, format_number, read_number

pytestmark = pytest.mark.django_db


def test_each_printed_strip_opens_its_own_address_and_shows_its_number() -> None:
    # 35 strips need two pages; PDF and codes are the real ones, half a second.
    batch = batch_of(35)
    pdf = pypdfium2.PdfDocument(strips.render_sheets(batch))
    assert len(pdf) == 2
    scanned, words = [], ""
    for page in pdf:
        image = page.render(scale=3).to_pil()
        scanned += [found.text for found in zxingcpp.read_barcodes(image)]
        words += page.get_textpage().get_text_range()
    tags = strips_of(batch)
    assert sorted(scanned) == sorted(strips.tag_address(tag.pk) for tag in tags)
    for tag, address in zip(tags, map(strips.tag_address, (t.pk for t in tags)), strict=True):
        code = address.removeprefix(f"{settings.SITE_URL}/g/")
        assert len(code) == 24
        assert Tag.objects.get(digest=digest_of(code)) == tag
        assert words.count(format_number(tag.number)) == 1
    assert words.count("0579-85120000") == words.count("福田街道便民服务中心") == 35
    # Always in the same two languages; a city can have its own words.
    assert words.count("我可能迷路了") == words.count("Please scan or call") == 35


def test_a_strip_is_read_with_a_corner_of_its_code_worn_off() -> None:
    batch = batch_of(1)
    page = pypdfium2.PdfDocument(strips.render_sheets(batch))[0]
    image = page.render(scale=6).to_pil()
    image = image.crop((0, 0, image.width // 3, image.height // 5))
    found = zxingcpp.read_barcodes(image)[0]
    at = found.position
    side = at.top_right.x - at.top_left.x
    worn = side // 5
    image.paste(
        "white",
        (at.bottom_right.x - worn, at.bottom_right.y - worn, at.bottom_right.x, at.bottom_right.y),
    )
    assert [code.text for code in zxingcpp.read_barcodes(image)] == [found.text]


def test_long_offices_and_hotlines_stay_on_their_strip() -> None:
    batch = batch_of(1, office="义" * 60, hotline="0579-85120000 / 0579-85120001")
    page = pypdfium2.PdfDocument(strips.render_sheets(batch))[0]
    text = page.get_textpage()
    assert text.get_text_range().replace("\r\n", "").count("义") == 60
    bounds = [text.get_charbox(at) for at in range(text.count_chars())]
    # The strip is 24 mm high, below a margin of 15 mm, and 64 mm wide from 9 mm on.
    height = page.get_height()
    inside = [box for box in bounds if box[3] < height - 15 * 72 / 25.4]
    assert min(box[1] for box in inside) > height - 39 * 72 / 25.4
    assert max(box[2] for box in inside) < 73 * 72 / 25.4


def test_batches_are_printed_in_sections_of_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of(7)
    assert strips.sections(batch) == [(1, 7)]
    batch.count = 10_000
    assert strips.sections(batch)[-1] == (9_001, 10_000)
    batch.count = 1_001
    assert strips.sections(batch) == [(1, 1_000), (1_001, 1_001)]
    monkeypatch.setattr(strips, "SECTION", 3)
    batch.count = 7
    pages = [pypdfium2.PdfDocument(strips.render_sheets(batch, n))[0] for n in (1, 2, 3)]
    scanned = [
        found.text
        for page in pages
        for found in zxingcpp.read_barcodes(page.render(scale=3).to_pil())
    ]
    assert sorted(scanned) == sorted(strips.tag_address(tag.pk) for tag in strips_of(batch))


def test_the_table_for_the_maker_has_number_and_address_of_each_strip() -> None:
    batch = batch_of(3)
    rows = list(strips.maker_rows(batch))
    assert [read_number(row["number"]) for row in rows] == [t.number for t in strips_of(batch)]
    assert [row["address"] for row in rows] == [strips.tag_address(t.pk) for t in strips_of(batch)]
