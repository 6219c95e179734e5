"""What the pages of finders and families share: their boards, positions, and who is asking."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _

from yinghu.common import rate_limit, text_cleaning
from yinghu.common.language import is_english
from yinghu.guardian.models import Scan, ScanEntry
from yinghu.guardian.scans import MAX_WORDS
from yinghu.people.scan_disclosure import own_entry

_PREVIEWS = re.compile(
    r"bot\b|bot[/ ;]|spider|crawl|preview|facebookexternalhit|whatsapp|slack|telegram|embedly"
    r"|mpcrawler|wechatshare|curl/|wget/|python-|headless-fetch|okhttp|skypeuri|linkexpand",
    re.IGNORECASE,
)
"""User agents that open a link for somebody else: previews in chats, crawlers, programs."""


@dataclass(frozen=True, slots=True)
class BoardLine:
    """One line of a board: what happened, by which side, and what was written with it."""

    entry: ScanEntry
    content: dict[str, Any]
    own: bool

    @property
    def has_point(self) -> bool:
        return self.content.get("lon") is not None and self.content.get("lat") is not None


def opens_for_a_person(request: HttpRequest) -> bool:
    """Is the page opened to be read, not by a link preview, a crawler or ahead of time?"""
    purposes = (request.headers.get(name, "") for name in ("Purpose", "Sec-Purpose", "X-Purpose"))
    # The site shows HEAD to views as GET.
    asked = request.META.get("REQUEST_METHOD") == "GET"
    if not asked or any("prefetch" in p or "preview" in p for p in purposes):
        return False
    agent = request.headers.get("User-Agent", "")
    return bool(agent) and _PREVIEWS.search(agent) is None


def in_other_language(msgid: str) -> dict[str, str]:
    """Return a sentence for those who do not read the page's language: English, or Chinese."""
    other = "zh-hans" if is_english() else "en"
    with translation.override(other):
        return {"language": other, "said": _(msgid)}


def board_lines(scan: Scan, *, side: str, guardian_id: int | None = None) -> list[BoardLine]:
    """Return the lines of a scan as the finder or a guardian reads them, oldest first.

    A finder reads no report: the scan may be another finder's as well. Raises Wiped.
    """
    finder = side == ScanEntry.Side.FINDER
    lines = []
    for entry in scan.entries.exclude(kind=ScanEntry.Kind.SEEN).order_by("pk"):
        hidden = finder and entry.kind == ScanEntry.Kind.REPORT
        content = {} if hidden else own_entry(scan.key, entry)
        # The finder's phone is for the desk.
        content.pop("phone", None)
        own = entry.side == side and (finder or entry.guardian_id == guardian_id)
        lines.append(BoardLine(entry, content, own))
    return lines


def form_id_of(request: HttpRequest) -> UUID:
    """Return the sent form's own id, a new one if it has none."""
    try:
        return UUID(request.POST.get("form", ""))
    except ValueError:
        return uuid4()


def words_of(request: HttpRequest) -> str:
    """Return the typed words, cleaned."""
    typed = request.POST.get("words", "").replace("\x00", "")
    return text_cleaning.clean_words(typed[: MAX_WORDS * 2])[:MAX_WORDS]


def too_often(request: HttpRequest, name: str, *keys: str) -> HttpResponse | None:
    """Answer 429 if this address, or what the keys name, has sent too much."""
    wait = rate_limit.too_many(name, request.META.get("REMOTE_ADDR", ""))
    for key in keys:
        wait = wait or rate_limit.too_many(name, key)
    if not wait:
        return None
    said = _("按得太频繁，请 %d 秒后再试。急事请直接打电话。") % wait
    page = render(request, "guardian/too_often.html", {"said": said}, status=429)
    page.headers["Retry-After"] = str(wait)
    return page
