"""Fixture for a logged-in administrator, and helpers for the set-up tests."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.history import new_changes
from yinghu.people.models import Change

Browse = Callable[..., Client]


@pytest.fixture
def admin(browse: Browse) -> Client:
    """A browser logged in as the demo's administrator, in Chinese."""
    client: Client = browse("admin", headers={"accept-language": "zh-CN"})
    return client


def text_of(page: Any) -> str:
    """The page's HTML with entities decoded."""
    return html.unescape(page.content.decode())


def tiles_of(page: Any) -> dict[str, int]:
    """The counts on the tiles of the set-up index, by the address of their list."""
    tile = r'<a href="(/setup/\w+/)">(?:(?!</a>).)*?setup-count">(\d+)<'
    return {where: int(count) for where, count in re.findall(tile, text_of(page), re.S)}


def form_of(page: Any) -> dict[str, str]:
    """The fields of the row form on a page, with their values."""
    said = page.content.decode()
    body = re.search(r'id="setup-form".*?</form>', said, re.S)
    assert body is not None
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", body[0]):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        ticks = 'type="radio"' in tag or 'type="checkbox"' in tag
        if name and (not ticks or "checked" in tag):
            fields[name[1]] = html.unescape(value[1]) if value else ""
    areas = r'<textarea[^>]*name="([^"]*)"[^>]*>\n?(.*?)</textarea>'
    for field, words in re.findall(areas, body[0], re.S):
        fields[field] = html.unescape(words)
    selects = r'<select[^>]*name="([^"]*)".*?>(.*?)</select>'
    for field, options in re.findall(selects, body[0], re.S):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        chosen = chosen or re.search(r'<option value="([^"]*)"', options)
        fields[field] = chosen[1] if chosen else ""
    return fields


def upload(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("table.csv", text.encode("utf-8-sig"), "text/csv")


def hidden(page: Any) -> dict[str, str]:
    """The hidden fields that confirm an import preview."""
    said = page.content.decode()
    return {
        name: html.unescape(found[1])
        for name in ("sealed", "digest")
        if (found := re.search(rf'name="{name}" value="([^"]*)"', said))
    }


def last(kind: str) -> Change:
    """The newest change in the history of a configuration type."""
    change = new_changes().filter(kind=kind).order_by("-id").first()
    assert change is not None
    return change
