"""QR codes as SVG responses and inline SVG."""

from __future__ import annotations

import io

import segno
from django.http import HttpResponse
from django.utils.safestring import SafeString, mark_safe


def qr_image(text: str) -> HttpResponse:
    """Answer with a QR code as an unstyled SVG image."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", border=2, scale=8, svgclass=None, lineclass=None, light="#fff"
    )
    return HttpResponse(out.getvalue(), content_type="image/svg+xml")


def qr_inline(text: str) -> SafeString:
    """Draw a QR code as inline SVG, for pages with hundreds of them."""
    code = segno.make(text, error="m")
    svg = code.svg_inline(border=2, svgclass=None, lineclass=None, light="#fff", omitsize=True)
    return mark_safe(svg)  # noqa: S308  # segno's own, of our own address
