"""The language of a page: the reader's choice, else what the browser asks for."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.cast import Cast


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "zh-hans"),
        ("*", "zh-hans"),
        ("zh-CN,zh;q=0.9", "zh-hans"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-hans"),
        ("zh-HK", "zh-hans"),
        ("zh-Hant-MO", "zh-hans"),
        ("yue,zh-HK;q=0.5", "zh-hans"),
        ("en-GB,en;q=0.9", "en"),
        ("fr,fr-FR;q=0.8", "en"),
        ("ar-EG,ar;q=0.9,*;q=0.5", "en"),
        ("ug-CN,ug;q=0.9", "en"),
        ("ug-CN,zh-CN;q=0.5", "zh-hans"),
        ("ja,zh-TW;q=0.7,en;q=0.3", "zh-hans"),
    ],
)
def test_chinese_of_all_kinds_gets_chinese_and_other_languages_english(
    city: Cast, asked: str, language: str
) -> None:
    headers = {"accept-language": asked} if asked else {}
    page = Client(headers=headers).get("/find").content.decode()
    assert re.findall(r'<html lang="([^"]*)" dir="([^"]*)"', page) == [(language, "ltr")]


def test_choice_of_language_counts_before_the_browser(city: Cast) -> None:
    client = Client(headers={"accept-language": "fr"})
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/find"})
    assert '<html lang="zh-hans"' in client.get("/find").content.decode()


def test_errors_of_the_api_follow_the_same_rule(city: Cast) -> None:
    answer = Client(headers={"accept-language": "ug-CN"}).get("/api/v1/nothing")
    assert answer.json()["title"].isascii()
