"""Texts that a city can replace with its own, kept in the table `Text`."""

import threading
import time
from dataclasses import dataclass, field, replace

import structlog
from django.conf import settings
from django.db import Error, connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from yinghu.appeals.models import Text
from yinghu.common.language import is_english


@dataclass(frozen=True, slots=True)
class CityText:
    """A replaceable text: where it appears and its default (a msgid).

    `pattern` is what it must look like, `example` such a text. One that is `same_everywhere` is not
    translated.
    """

    where: str
    default: str
    most: int = 300
    pattern: str = ""
    example: str = ""
    same_everywhere: bool = False


TEXTS = {
    "name": CityText(gettext_noop("平台名称（页眉、贴纸）"), gettext_noop("应呼"), 20),
    "motto": CityText(gettext_noop("名称下面的一句话"), gettext_noop("有呼必应"), 30),
    "ask": CityText(gettext_noop("首页标题"), gettext_noop("您需要什么帮助？"), 40),
    "welcome": CityText(
        gettext_noop("首页标题下面的话"),
        gettext_noop("点一个图，或直接写给我们。每一件都有人办，每一步都告诉您。"),
    ),
    "emergency": CityText(
        gettext_noop("急事提醒"),
        gettext_noop("危及生命的急事，请马上打 120、119 或 110。"),
    ),
    "emergency_numbers": CityText(
        gettext_noop("急救、火警、报警的电话（号码、空格、名称，用顿号隔开）"),
        gettext_noop("120 急救、119 火警、110 报警"),
        80,
    ),
    "hotline": CityText(gettext_noop("热线电话号码（留空就不显示）"), "", 30),
    "area_code": CityText(
        gettext_noop("电话区号（补在没写区号的座机号码前面；留空就不补）"),
        "",
        8,
        pattern=r"[0-9]{2,8}",
        example="0571",
        same_everywhere=True,
    ),
    "privacy": CityText(
        gettext_noop("电话一栏下面的话"),
        gettext_noop("只有为您办事的人能看到，每次查看都有记录。不留也可以提交。"),
    ),
    "sticker": CityText(gettext_noop("贴纸上的大字"), gettext_noop("有需要，扫一扫"), 20),
    "strip": CityText(
        gettext_noop("守护布条上的话"), gettext_noop("我可能迷路了，请扫码或来电"), 40
    ),
    "footer": CityText(gettext_noop("页脚"), gettext_noop("应呼 · 有呼必应"), 120),
}

_MAX_AGE = 3.0
"""Seconds for which cached rows are used without checking the database."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Cached:
    """The rows of a database, as of a monotonic time; 0 if they are known to be stale."""

    database: str = ""
    at: float = 0.0
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def is_fresh(self, database: str) -> bool:
        age = time.monotonic() - self.at
        holds = getattr(settings, "TEXTS_POLL_SECONDS", _MAX_AGE)
        return bool(self.at) and self.database == database and age < holds


_lock = threading.Lock()
_cached = _Cached()


def refresh_texts() -> None:
    """Drop the cache, so that the next look-up reads the table."""
    global _cached
    _cached = replace(_cached, at=0.0)


def text(key: str) -> str:
    """Return the city's text in the reader's language, or our default. KeyError for an unknown key.

    English falls back to our own English text, not to the city's Chinese.
    """
    words, words_en = _cached_texts().get(key, ("", ""))
    own = words_en if is_english() and not TEXTS[key].same_everywhere else words
    default = TEXTS[key].default
    return own or (_(default) if default else "")


def _cached_texts() -> dict[str, tuple[str, str]]:
    global _cached
    database, known = str(connection.settings_dict["NAME"]), _cached
    if known.is_fresh(database):
        return known.texts
    # An expired cache may be served while another thread reloads it.
    if not _lock.acquire(blocking=not known.at or known.database != database):
        return known.texts
    try:
        if not (before := _cached).is_fresh(database):
            found = _Cached(database, time.monotonic(), _read(before.texts))
            # A read that overlaps a refresh may be stale.
            _cached = found if _cached is before else replace(found, at=0.0)
        return _cached.texts
    finally:
        _lock.release()


def _read(before: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    try:
        rows = list(Text.objects.values_list("key", "words", "words_en"))
    except Error as error:
        # The error page has a header too, so keep serving the cached texts.
        _log.warning("the city's own words could not be read", error=str(error), again_in=_MAX_AGE)
        return before
    return {key: (words, words_en) for key, words, words_en in rows}
