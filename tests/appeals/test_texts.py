"""A city's own words, where it has written some, and ours where it has not."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import translation

from tests.cast import Cast
from yinghu.appeals.models import Text
from yinghu.appeals.texts import TEXTS, text

pytestmark = pytest.mark.django_db


def test_ours_stand_where_the_city_has_none(city: Cast) -> None:
    assert text("motto") == "有呼必应"
    with translation.override("en"):
        assert text("motto") == "Every call is answered"
    assert text("hotline") == ""
    with pytest.raises(KeyError):
        text("nothing")


def test_the_citys_words_are_on_the_page_as_words(city: Cast, client: Client) -> None:
    Text.objects.create(key="welcome", words="<b>随时</b>找我们", words_en="")
    said = client.get("/").content.decode()
    assert "&lt;b&gt;随时&lt;/b&gt;找我们" in said
    # Whoever reads English reads our English rather than the city's Chinese.
    said = client.get("/", headers={"accept-language": "en"}).content.decode()
    assert "Choose a picture" in said


def test_every_place_has_room_for_what_stands_there() -> None:
    assert all(len(place.default) <= place.most for place in TEXTS.values())
