"""HTTP responses with photos; the caller checks permission."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpResponse

from yinghu.appeals.models import Attachment


def photo_response(found: Attachment | None) -> HttpResponse:
    """Answer with the photo, cacheable by the browser only; 404 without one."""
    if found is None:
        raise Http404
    path = Path(settings.MEDIA_ROOT) / found.file
    try:
        # Small files of our own making; streaming under ASGI would cost threads.
        page = jpeg_response(path.read_bytes())
    except FileNotFoundError as gone:
        raise Http404 from gone
    page.headers["Cache-Control"] = "private, max-age=86400"
    return page


def jpeg_response(data: bytes) -> HttpResponse:
    """Answer with a JPEG of our own making; 404 without one."""
    if not data:
        raise Http404
    page = HttpResponse(data, content_type="image/jpeg")
    page.headers["X-Content-Type-Options"] = "nosniff"
    page.headers["Content-Security-Policy"] = "default-src 'none'"
    return page
