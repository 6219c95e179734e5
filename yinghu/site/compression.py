"""Compression of pages: on a slow phone most of the wait for a page is its transfer."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressionMiddleware(GZipMiddleware):
    """Compress pages for browsers that accept it.

    Only whole pages: streams are sent as they come, and photos and workbooks are compressed. Django
    adds random bytes to each, and masks CSRF tokens anew, so that no length tells of a secret.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress the page if it is one."""
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
