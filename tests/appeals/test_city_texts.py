"""A city's own words, where it has written some, and ours where it has not."""

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
def test_ours_stand_where_the_city_has_none(city: Cast) -> None:
    assert text("motto") == "有呼必应"
    with translation.override("en"):
        assert text("motto") == "Every call is answered"
    assert text("hotline") == ""
    with pytest.raises(KeyError):
        text("nothing")


@pytest.mark.django_db
def test_the_citys_words_are_on_the_page_as_words(city: Cast, client: Client) -> None:
    Text.objects.create(key="welcome", words="<b>随时</b>找我们", words_en="")
    said = client.get("/").content.decode()
    assert "&lt;b&gt;随时&lt;/b&gt;找我们" in said
    # Whoever reads English reads our English rather than the city's Chinese.
    said = client.get("/", headers={"accept-language": "en"}).content.decode()
    assert "Choose a picture" in said


def test_every_place_has_room_for_what_stands_there() -> None:
    assert all(len(place.default) <= place.most for place in TEXTS.values())


def test_while_one_reads_anew_the_others_go_on_with_what_they_have(
    live_city: Cast, settings: Settings
) -> None:
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
            # The first is held up by the database; nobody else is.
            assert pool.submit(read).result(timeout=10) == "原来的话"
        assert first.result(timeout=10) == "新的话"


def waits_for_a_lock(cursor: CursorWrapper) -> bool:
    cursor.execute(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'appeals_text'::regclass"
    )
    return cursor.fetchone() is not None


@pytest.mark.django_db
def test_where_the_database_fails_it_is_logged_and_what_was_read_stands(city: Cast) -> None:
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
