"""The reader's language, and names kept in two languages."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.translation import get_language, get_language_from_request
from django.utils.translation.trans_real import parse_accept_lang_header


def language_of(request: HttpRequest) -> str:
    """Return the language of the reader's choice, else the one their browser asks for.

    English if they ask for languages that we do not have, and not for Chinese.
    """
    found = get_language_from_request(request)
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        return found
    header = request.headers.get("Accept-Language", "")
    asked = [code for code, _weight in parse_accept_lang_header(header) if code != "*"]
    if asked and not any(code.startswith(("zh", "en")) for code in asked):
        return "en"
    return found


class LanguageMiddleware(LocaleMiddleware):
    """Django's middleware, with the language of `language_of`."""

    def process_request(self, request: HttpRequest) -> None:
        translation.activate(language_of(request))
        request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE


def is_english() -> bool:
    """Does the reader use English? All others read the city's Chinese texts."""
    return (get_language() or "").startswith("en")


def title_of(row: Any) -> str:
    """Return the row's title in the reader's language."""
    return str((is_english() and row.title_en) or row.title)


def name_of(row: Any) -> str:
    """Return the row's name in the reader's language; places have one name."""
    english = getattr(row, "name_en", "") if is_english() else ""
    return str(english or row.name)
