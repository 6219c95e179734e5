"""Photos as answers to a request whose permission was checked."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpResponse

from yinghu.appeals.models import Attachment


def photo_file(found: Attachment) -> HttpResponse:
    """The photo itself, for this one browser to keep and for nobody between."""
    path = Path(settings.MEDIA_ROOT) / found.file
    try:
        # Small, since we wrote it ourselves; under ASGI a stream would only cost threads.
        page = HttpResponse(path.read_bytes(), content_type="image/jpeg")
    except FileNotFoundError as gone:
        raise Http404 from gone
    page.headers["X-Content-Type-Options"] = "nosniff"
    page.headers["Cache-Control"] = "private, max-age=86400"
    page.headers["Content-Security-Policy"] = "default-src 'none'"
    return page
