"""What a city may say in its own words: the places where it can, and what we say where it does not.

A city's words stand in the table `Text` and are edited in a page, with history.
"""

from __future__ import annotations

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
    """One place for a city's own words: where it is, what stands there otherwise (a msgid)."""

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

_HOLDS = 3.0
"""Seconds for which a process goes on with what it read."""

_log = structlog.get_logger(__name__)
_lock = threading.Lock()
_read: dict[str, tuple[str, str]] = {}
_read_of = ""
_read_at = 0.0
"""When, by the monotonic clock; 0 where what was read is known to be old."""
_asked = 0
"""How often it was asked to read anew: what was read meanwhile may be from before."""


def refresh() -> None:
    """Read the table again at the next question."""
    global _asked, _read_at
    _asked += 1
    _read_at = 0.0


def text(key: str) -> str:
    """The city's words for a place in the reader's language, else our own. KeyError for no place.

    English falls back to our own English, not to the city's Chinese.
    """
    words, words_en = _words().get(key, ("", ""))
    english = is_english()
    own = words_en if english else words
    default = TEXTS[key].default
    return own or (_(default) if default else "")


def _words() -> dict[str, tuple[str, str]]:
    name = str(connection.settings_dict["NAME"])
    if _is_fresh(name):
        return _read
    # What has only grown old is good enough until the one who reads it anew is done.
    if not _lock.acquire(blocking=not _read_at or _read_of != name):
        return _read
    try:
        if not _is_fresh(name):
            _renew(name)
        return _read
    finally:
        _lock.release()


def _is_fresh(name: str) -> bool:
    holds = getattr(settings, "TEXTS_POLL_SECONDS", _HOLDS)
    return bool(_read_of == name and _read_at and time.monotonic() - _read_at < holds)


def _renew(name: str) -> None:
    global _read, _read_at, _read_of
    asked = _asked
    try:
        rows = list(Text.objects.values_list("key", "words", "words_en"))
    except Error as error:
        # The page that says so has a header, too: it goes on with what was read before.
        _log.warning("the city's own words could not be read", error=str(error), again_in=_HOLDS)
    else:
        _read = {key: (words, words_en) for key, words, words_en in rows}
    _read_of, _read_at = name, time.monotonic() if asked == _asked else 0.0
