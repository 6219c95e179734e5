"""`yinghu doctor` checks the site's URL and its proxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from yinghu.commands import doctor
from yinghu.config.environment import Environment
from yinghu.demo.cast import close_demo_logins

SITE = "https://help.example.org"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, []),
        ({"YINGHU_SITE_URL": SITE}, ["YINGHU_TRUSTED_PROXIES names none"]),
        ({"YINGHU_SITE_URL": SITE, "YINGHU_TRUSTED_PROXIES": "127.0.0.1/32"}, []),
        (
            {
                "YINGHU_SITE_URL": "http://help.example.org",
                "YINGHU_TRUSTED_PROXIES": "127.0.0.1/32",
            },
            ["open to others without HTTPS"],
        ),
    ],
)
def test_missing_proxy_or_https_is_reported(
    tmp_path: Path, given: dict[str, str], wrong: list[str]
) -> None:
    read = Environment({"YINGHU_HOME": str(tmp_path), **given})
    https = read.site_url.startswith("https:")
    with override_settings(ENV=read, SITE_URL=read.site_url, HTTPS=https, DEMO=read.demo):
        said = list(doctor.site())
    assert any(read.site_url in words for _ok, words in said)
    found = [words for ok, words in said if not ok]
    assert len(found) == len(wrong)
    assert all(part in words for part, words in zip(wrong, found, strict=True))


@pytest.mark.django_db
def test_logins_of_the_demo_that_are_left_are_named() -> None:
    with override_settings(DEMO=False):
        ((ok, words),) = doctor.demo()
        assert not ok
        assert "clerk" in words
        close_demo_logins()
        assert list(doctor.demo()) == [(True, "no login of it is active")]
    with override_settings(DEMO=True):
        assert list(doctor.demo()) == []
