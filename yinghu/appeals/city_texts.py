"""Texts that a city can replace with its own, kept in the table `Text`."""

import threading
import time
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import Error, connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from yinghu.appeals.models import Text
from yinghu.common.language import is_english


@dataclass(frozen=True, slots=True)
class Place:
    """A replaceable text: where it appears and its default (a msgid)."""

    key: str
    where: str
    default: str
    most: int = 300


TEXTS: dict[str, Place] = {
    place.key: place
    for place in (
        Place("name", gettext_noop("平台名称（页眉、贴纸）"), gettext_noop("应呼"), 20),
        Place("motto", gettext_noop("名称下面的一句话"), gettext_noop("有呼必应"), 30),
        Place("ask", gettext_noop("首页标题"), gettext_noop("您需要什么帮助？"), 40),
        Place(
            "welcome",
            gettext_noop("首页标题下面的话"),
            gettext_noop("点一个图，或直接写给我们。每一件都有人办，每一步都告诉您。"),
        ),
        Place(
            "emergency",
            gettext_noop("急事提醒"),
            gettext_noop("危及生命的急事，请马上打 120、119 或 110。"),
        ),
        Place("hotline", gettext_noop("热线电话号码（留空就不显示）"), "", 30),
        Place(
            "privacy",
            gettext_noop("电话一栏下面的话"),
            gettext_noop("只有为您办事的人能看到，每次查看都有记录。不留也可以提交。"),
        ),
        Place("sticker", gettext_noop("贴纸上的大字"), gettext_noop("有需要，扫一扫"), 20),
        Place("footer", gettext_noop("页脚"), gettext_noop("应呼 · 有呼必应"), 120),
    )
}

_MAX_AGE = 3.0
"""Seconds for which cached rows are used without checking the database."""

_log = structlog.get_logger(__name__)
_lock = threading.Lock()
_cache: dict[str, tuple[str, str]] = {}
_cached_database = ""
_cached_at = 0.0
"""Monotonic time of the last read; 0 if the cache is known to be stale."""
_refreshes = 0
"""Number of calls to `refresh`; a read that overlaps one may be stale."""


def refresh() -> None:
    """Drop the cache, so that the next look-up reads the table."""
    global _refreshes, _cached_at
    _refreshes += 1
    _cached_at = 0.0


def text(key: str) -> str:
    """Return the city's text in the reader's language, or our default. KeyError for an unknown key.

    English falls back to our own English text, not to the city's Chinese.
    """
    words, words_en = _cached_texts().get(key, ("", ""))
    english = is_english()
    own = words_en if english else words
    default = TEXTS[key].default
    return own or (_(default) if default else "")


def _cached_texts() -> dict[str, tuple[str, str]]:
    name = str(connection.settings_dict["NAME"])
    if _is_fresh(name):
        return _cache
    # An expired cache may be served while another thread reloads it.
    if not _lock.acquire(blocking=not _cached_at or _cached_database != name):
        return _cache
    try:
        if not _is_fresh(name):
            _reload(name)
        return _cache
    finally:
        _lock.release()


def _is_fresh(name: str) -> bool:
    holds = getattr(settings, "TEXTS_POLL_SECONDS", _MAX_AGE)
    return bool(_cached_database == name and _cached_at and time.monotonic() - _cached_at < holds)


def _reload(name: str) -> None:
    global _cache, _cached_at, _cached_database
    asked = _refreshes
    try:
        rows = list(Text.objects.values_list("key", "words", "words_en"))
    except Error as error:
        # The error page has a header too, so keep serving the cached texts.
        _log.warning("the city's own words could not be read", error=str(error), again_in=_MAX_AGE)
    else:
        _cache = {key: (words, words_en) for key, words, words_en in rows}
    _cached_database, _cached_at = name, time.monotonic() if asked == _refreshes else 0.0
