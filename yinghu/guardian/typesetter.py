"""Typesets the sheets of strips: JSON on standard input, PDF on standard output.

Run as a script by `strips.render_sheets`, so it imports nothing of ours.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import manimgx_fonts_cjk
import segno
import typst

QUIET: Final = 4
"""Modules of white around a QR code, by ISO/IEC 18004."""

_SOURCE: Final = Path(__file__).with_name("strips.typ")


def compile_sheets(given: dict[str, Any]) -> bytes:
    """Return the PDF of strips: each has an `address` and a `number`."""
    strips = [{"qr": _qr(one["address"]), "number": one["number"]} for one in given["strips"]]
    # Fonts of our own: those of the system differ from machine to machine.
    folder = Path(manimgx_fonts_cjk.__file__).parent
    pdf: bytes = typst.compile(
        _SOURCE,
        format="pdf",
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[folder]),
        sys_inputs={"given": json.dumps({**given, "strips": strips}, ensure_ascii=False)},
        # A sheet that only a printer and a cutter see needs no structure for screen readers.
        pdf_tags=False,
    )
    return pdf


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


if __name__ == "__main__":
    sys.stdout.buffer.write(compile_sheets(json.load(sys.stdin.buffer)))
