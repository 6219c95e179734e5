"""The first page of the set-up and the history of everything: they say what there is."""

from __future__ import annotations

import pytest
from django.test import Client

from yinghu.places.models import Place, WorkDay
from yinghu.web.setup.registry import KINDS

WITH_ONE_LIST = sorted(set(KINDS) - {"area", "rule"})
"""Areas are a tree, and the rules of dispatching have a page of their own."""


@pytest.mark.parametrize("kind", WITH_ONE_LIST)
def test_a_tile_counts_what_its_list_shows(admin: Client, kind: str) -> None:
    WorkDay.objects.create(key="2030-01-07", hours="")
    Place.objects.filter(code="xiuhu").update(active=False)
    tiles = {card["href"]: card["count"] for card in admin.get("/setup/").context["cards"]}
    where = f"/setup/{kind}/"
    assert tiles[where] == admin.get(where).context["total"]
