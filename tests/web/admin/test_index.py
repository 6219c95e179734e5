"""The set-up index and the history of all configuration types."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.web.admin.conftest import form_of, text_of, tiles_of
from yinghu.administration.registry import TYPES
from yinghu.places.models import Place, WorkDay

WITH_ONE_LIST = sorted(set(TYPES) - {"area", "rule"})
"""Areas are shown as a tree, and routing rules have a page of their own."""


def test_tile_count_equals_list_count(admin: Client) -> None:
    WorkDay.objects.create(key="2030-01-07", hours="")
    Place.objects.filter(code="xiuhu").update(active=False)
    tiles = tiles_of(admin.get("/setup/"))
    listed = {}
    for kind in WITH_ONE_LIST:
        title = re.search(
            r"<h1>.*?<small[^>]*>(\d+)</small>", text_of(admin.get(f"/setup/{kind}/"))
        )
        assert title, kind
        listed[f"/setup/{kind}/"] = int(title[1])
    assert listed == {where: tiles[where] for where in listed}


def test_history_names_removed_row_without_link(admin: Client) -> None:
    made = admin.post("/setup/workday/-/new", {"day": "2030-01-07", "hours": "9:00-10:00"})
    where = made["Location"]
    assert f'href="{where}"' in text_of(admin.get("/setup/history"))
    admin.post(where, form_of(admin.get(where)) | {"hours": ""})
    assert admin.get(where).status_code == 404
    said = text_of(admin.get("/setup/history"))
    assert said.count("2030-01-07") >= 2
    assert where not in said


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("area", {"code": "330782990", "name": "新街道", "level": "2"}),
        ("unit", {"code": "water", "name": "水务组", "kind": "group"}),
        ("user", {"username": "new-one", "display_name": "新人"}),
        ("post", {"user": "clerk", "unit": "milk", "role": "head", "area": "330782001"}),
        ("limit", {"category": "milk", "urgency": "1", "solve": "1 天"}),
        ("place", {"code": "gate", "name": "东大门", "area": "330782001"}),
        ("policy", {"rule": "most_returns", "value": "5"}),
    ],
)
def test_history_links_existing_row(admin: Client, kind: str, typed: dict[str, str]) -> None:
    creates = TYPES[kind].creates
    where = f"/setup/{kind}/-/new" if creates else f"/setup/{kind}/{typed['rule']}"
    if not creates:
        typed = form_of(admin.get(where)) | {"value": typed["value"]}
    made = admin.post(where, typed)
    assert made.status_code == 302, text_of(made)
    assert f'href="{made["Location"]}"' in text_of(admin.get("/setup/history"))
    assert made["Location"] != f"/setup/{kind}/"


def test_history_does_not_link_place_deleted_elsewhere(admin: Client) -> None:
    typed = {"code": "gate", "name": "东大门", "area": "330782001"}
    where = admin.post("/setup/place/-/new", typed)["Location"]
    Place.objects.filter(code="gate").delete()
    said = text_of(admin.get("/setup/history"))
    assert "东大门" in said
    assert f'href="{where}"' not in said
