"""Answers with opened photos, which no cache may keep."""

from __future__ import annotations

from django.http import Http404, HttpResponse


def jpeg_answer(data: bytes) -> HttpResponse:
    """Answer with a JPEG; 404 without one."""
    if not data:
        raise Http404
    page = HttpResponse(data, content_type="image/jpeg")
    page.headers["X-Content-Type-Options"] = "nosniff"
    page.headers["Content-Security-Policy"] = "default-src 'none'"
    return page
