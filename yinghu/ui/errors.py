"""Error pages; their texts are in templates 400.html to 500.html."""

from __future__ import annotations

import re

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.debug import SafeExceptionReporterFilter

_TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def bad_request_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 if the request was too large."""
    status = 413 if isinstance(exception, _TOO_MUCH) else 400
    return render(request, f"{status}.html", status=status)


def forbidden_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return render(request, "403.html", status=403)


def not_found_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, the same for missing objects and for those that the visitor may not see."""
    return render(request, "404.html", status=404)


def server_error_page(request: HttpRequest) -> HttpResponse:
    """Answer 500 without using the request, so that it cannot fail again."""
    return render(None, "500.html", status=500)


class Discreet(SafeExceptionReporterFilter):
    """Filter for Django's debug page that also hides URLs which may contain a password."""

    hidden_settings = re.compile(
        rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|DATABASE_URL|SMS_URL",
        re.IGNORECASE,
    )
