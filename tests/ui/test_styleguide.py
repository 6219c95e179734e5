"""The style guide page: complete, and for developers only."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from tests.cast import Cast
from yinghu.appeals.states import Status
from yinghu.common.icons import icon_names

pytestmark = pytest.mark.django_db


def test_styleguide_is_absent_in_production(client: Client, city: Cast) -> None:
    assert client.get("/styleguide").status_code == 404


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_styleguide_shows_every_component(
    client: Client, city: Cast, settings: Settings, language: str
) -> None:
    settings.DEBUG = True
    said = client.get("/styleguide?dir=rtl", headers={"accept-language": language}).content.decode()
    assert said.count("status-badge is-") == len(Status)
    assert all(f"<code>{name}</code>" in said for name in icon_names())
    for part in ("data-map=", "data-picker", "data-areas=", 'type="file"', "empty-state", "wrong"):
        assert part in said
