"""Error pages beside those of Django; their texts are in templates 400.html to 500.html."""

from __future__ import annotations

import re
import sys

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.views.debug import SafeExceptionReporterFilter

from yinghu.common.database_errors import is_unavailable

RETRY_SECONDS = 5


def bad_request_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 if the request was too large."""
    too_large = isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent)
    status = 413 if too_large else 400
    return render(request, f"{status}.html", status=status)


def server_error_page(request: HttpRequest) -> HttpResponse:
    """Answer 503 where the database is busy or away, so that a second try may help; else 500.

    Rendered without the request: a login could not be read either.
    """
    if not is_unavailable(sys.exception()):
        return HttpResponse(get_template("500.html").render(), status=500)
    page = HttpResponse(get_template("503.html").render(), status=503)
    page.headers["Retry-After"] = str(RETRY_SECONDS)
    return page


class Discreet(SafeExceptionReporterFilter):
    """Filter for Django's debug page that also hides URLs which may contain a password."""

    hidden_settings = re.compile(
        rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|DATABASE_URL|SMS_URL",
        re.IGNORECASE,
    )
