"""Error pages beside those of Django; their texts are in templates 400.html to 500.html."""

from __future__ import annotations

import re

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.debug import SafeExceptionReporterFilter


def bad_request_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 if the request was too large."""
    too_large = isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent)
    status = 413 if too_large else 400
    return render(request, f"{status}.html", status=status)


class Discreet(SafeExceptionReporterFilter):
    """Filter for Django's debug page that also hides URLs which may contain a password."""

    hidden_settings = re.compile(
        rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|DATABASE_URL|SMS_URL",
        re.IGNORECASE,
    )
