"""A city's own texts, and the defaults where it has none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.utils import translation
from pytest_django import Settings

from tests.cast import Cast
from tests.live import until
from yinghu.appeals import city_texts
from yinghu.appeals.city_texts import TEXTS, text
from yinghu.appeals.models import Text


@pytest.mark.django_db
def test_defaults_apply_without_city_texts(city: Cast) -> None:
    assert text("motto") == "有呼必应"
    with translation.override("en"):
        assert text("motto") == "Every call is answered"
    assert text("hotline") == ""
    with pytest.raises(KeyError):
        text("nothing")


@pytest.mark.django_db
def test_city_text_is_escaped_on_the_page(city: Cast, client: Client) -> None:
    Text.objects.create(key="welcome", words="<b>随时</b>找我们", words_en="")
    said = client.get("/").content.decode()
    assert "&lt;b&gt;随时&lt;/b&gt;找我们" in said
    # English pages show our English default rather than the city's Chinese.
    said = client.get("/", headers={"accept-language": "en"}).content.decode()
    assert "Choose a picture" in said


def test_defaults_fit_their_maximum_length() -> None:
    assert all(len(place.default) <= place.most for place in TEXTS.values())


def test_reload_does_not_block_other_readers(live_city: Cast, settings: Settings) -> None:
    Text.objects.create(key="motto", words="原来的话")
    city_texts.refresh_texts()
    assert text("motto") == "原来的话"
    Text.objects.update(words="新的话")
    settings.TEXTS_POLL_SECONDS = 0.0

    def read() -> str:
        try:
            return text("motto")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE appeals_text IN ACCESS EXCLUSIVE MODE")
            first = pool.submit(read)
            until(lambda: waits_for_a_lock(cursor), "the first reader to wait")
            # Only the first reader waits for the database.
            assert pool.submit(read).result(timeout=10) == "原来的话"
        assert first.result(timeout=10) == "新的话"


def waits_for_a_lock(cursor: CursorWrapper) -> bool:
    cursor.execute(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'appeals_text'::regclass"
    )
    return cursor.fetchone() is not None


@pytest.mark.django_db
def test_failed_reload_is_logged_and_keeps_cached_texts(city: Cast) -> None:
    Text.objects.create(key="motto", words="本地的话")
    city_texts.refresh_texts()
    assert text("motto") == "本地的话"
    city_texts.refresh_texts()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE appeals_text RENAME TO elsewhere")
        with structlog.testing.capture_logs() as logs:
            assert text("motto") == "本地的话"
        transaction.set_rollback(True)
    assert [each["event"] for each in logs] == ["the city's own words could not be read"]
    assert "appeals_text" in logs[0]["error"]
