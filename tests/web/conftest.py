"""Fixtures and helpers for browsing as the cast with Django's client."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast
from tests.sessions import log_client_in
from yinghu.common.rate_limit import buckets
from yinghu.people.models import User

Browse = Callable[..., Client]


@pytest.fixture(autouse=True)
def _fresh(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path
    buckets.clear()
    yield
    buckets.clear()


@pytest.fixture
def browse(city: Cast) -> Browse:
    """`browse("clerk")`: a client logged in as the clerk; `browse()`: an anonymous one."""

    def start(username: str = "", **options: Any) -> Client:
        client = Client(**options)
        if username:
            log_client_in(client, User.objects.get(username=username))
        return client

    return start


def form_of(client: Client, address: str = "/file") -> dict[str, str]:
    """The hidden fields of the filing form as the page gives them."""
    page = client.get(address).content.decode()
    return {
        name: found[1]
        for name in ("form_id", "csrfmiddlewaretoken", "category")
        if (found := re.search(rf'name="{name}" value="([^"]*)"', page))
    }


def text_of(page: Any) -> str:
    """The decoded content of a response."""
    said: str = page.content.decode()
    return said


def csv_of(answer: Any) -> str:
    """The text of a table that is downloaded in parts."""
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode("utf-8-sig")
