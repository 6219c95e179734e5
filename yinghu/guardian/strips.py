"""Print-ready sheets of a batch's strips (PDF), and the table for the maker.

Addresses are secrets: `batches.record_download` checks and notes who takes them.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

import manimgx_fonts_cjk
import segno
import typst
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from yinghu.appeals import city_texts
from yinghu.guardian.models import TagBatch
from yinghu.guardian.tag_codes import format_number, tag_code

SECTION: Final = 1_000
"""Strips of one PDF of 2 MB, which takes some seconds and 100 to 200 MB of memory to make."""
QUIET: Final = 4
"""Modules of white around a QR code, by ISO/IEC 18004."""

_SOURCE: Final = Path(__file__).with_name("strips.typ")
_one_at_a_time: Final = Lock()


def tag_address(tag_id: int) -> str:
    """Return the full address that the QR code of a tag opens."""
    return f"{settings.SITE_URL}/g/{tag_code(tag_id)}"


def sections(batch: TagBatch) -> list[tuple[int, int]]:
    """Return the first and last strip, from 1, of each PDF of a batch."""
    starts = range(1, batch.count + 1, SECTION)
    return [(first, min(first + SECTION - 1, batch.count)) for first in starts]


def render_sheets(batch: TagBatch, section: int = 1) -> bytes:
    """Render one section (from 1) of a batch as a PDF with cut marks. A process renders one at a
    time, so that its memory stays small.
    """
    first, last = sections(batch)[section - 1]
    rows = batch.tags.order_by("pk").values_list("pk", "number")[first - 1 : last]
    with _one_at_a_time:
        given = {
            "title": batch.name,
            "note": _("第 %(first)d–%(last)d 条，共 %(all)d 条；沿虚线裁")
            % {"first": first, "last": last, "all": batch.count},
            "pleas": list(dict.fromkeys(map(_plea, (settings.LANGUAGE_CODE, "en")))),
            "office": batch.office,
            "hotline": batch.hotline,
            "strips": [
                {"qr": _qr(tag_address(pk)), "number": format_number(number)} for pk, number in rows
            ],
        }
        pdf: bytes = typst.compile(
            _SOURCE,
            format="pdf",
            font_paths=_fonts(),
            sys_inputs={"given": json.dumps(given, ensure_ascii=False)},
            # A sheet that only a printer and a cutter see needs no structure for screen readers.
            pdf_tags=False,
        )
    return pdf


@cache
def _fonts() -> typst.Fonts:
    """Chinese fonts of our own: those of the system differ from machine to machine."""
    folder = Path(manimgx_fonts_cjk.__file__).parent
    return typst.Fonts(include_system_fonts=False, font_paths=[folder])


def maker_rows(batch: TagBatch) -> Iterable[dict[str, str]]:
    """Yield the row of each strip for the maker: number as printed, and full address."""
    for pk, number in batch.tags.order_by("pk").values_list("pk", "number"):
        yield {"number": format_number(number), "address": tag_address(pk)}


def _plea(language: str) -> str:
    """Return what the strip asks of a finder; it is printed in two languages, whoever prints it."""
    with override(language):
        return city_texts.text("strip")


def _qr(text: str) -> str:
    """Draw a QR code that bears a quarter of damage, as cloth is washed, as one path of an SVG."""
    matrix = segno.make(text, error="q", micro=False).matrix
    size = len(matrix) + 2 * QUIET
    runs = []
    for y, row in enumerate(matrix, QUIET):
        dark = bytes(row) + b"\0"
        at = dark.find(1)
        while at >= 0:
            end = dark.index(0, at)
            runs.append(f"M{at + QUIET} {y}h{end - at}v1h-{end - at}z")
            at = dark.find(1, end)
    box = f"0 0 {size} {size}"
    path = "".join(runs)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><path d="{path}"/></svg>'
