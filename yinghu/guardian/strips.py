"""Print-ready sheets of a batch's strips (PDF), and the table for the maker.

Addresses are secrets: `batches.record_download` checks and notes who takes them.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from yinghu.appeals import city_texts
from yinghu.guardian.models import TagBatch
from yinghu.guardian.tag_codes import format_number, tag_code

SECTION: Final = 1_000
"""Strips of one PDF of 2 MB, which takes some five seconds to make."""

_TYPESETTER: Final = Path(__file__).with_name("typesetter.py")
_MOST_SECONDS: Final = 300
_one_at_a_time: Final = Lock()


def tag_address(tag_id: int) -> str:
    """Return the full address that the QR code of a tag opens."""
    return f"{settings.SITE_URL}/g/{tag_code(tag_id)}"


def sections(batch: TagBatch) -> list[tuple[int, int]]:
    """Return the first and last strip, from 1, of each PDF of a batch."""
    starts = range(1, batch.count + 1, SECTION)
    return [(first, min(first + SECTION - 1, batch.count)) for first in starts]


def render_sheets(batch: TagBatch, section: int = 1) -> bytes:
    """Render one section (from 1) of a batch as a PDF with cut marks.

    A process of its own does it, one at a time: the typesetter takes 200 MB, and keeps half of them
    for each different sheet.
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
                {"address": tag_address(pk), "number": format_number(number)} for pk, number in rows
            ],
        }
        done = subprocess.run(  # noqa: S603  # our own script, without a shell
            [sys.executable, "-I", _TYPESETTER],
            input=json.dumps(given).encode(),
            stdout=subprocess.PIPE,
            check=True,
            timeout=_MOST_SECONDS,
        )
    return done.stdout


def maker_rows(batch: TagBatch) -> Iterable[dict[str, str]]:
    """Yield the row of each strip for the maker: number as printed, and full address."""
    for pk, number in batch.tags.order_by("pk").values_list("pk", "number"):
        yield {"number": format_number(number), "address": tag_address(pk)}


def _plea(language: str) -> str:
    """Return what the strip asks of a finder; always printed in the same two languages."""
    with override(language):
        return city_texts.text("strip")
