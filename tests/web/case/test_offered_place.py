"""A place that is hardly more than a guess is offered on the form of sorting, not filled in."""

from __future__ import annotations

import re

import pytest

from tests.cast import Cast, file_one
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions
from yinghu.appeals.models import Appeal, Policy
from yinghu.places.locate import SHORT, SHORTEST
from yinghu.triage import suggest
from yinghu.triage.models import Suggestion

pytestmark = pytest.mark.django_db


def area_field(page: str) -> str:
    found = re.search(r'<input[^>]* name="area"[^>]*>', page)
    assert found is not None
    value = re.search(r' value="([^"]*)"', found[0])
    return value[1] if value else ""


def guessed(body: str, confidence: float) -> Appeal:
    """A case whose suggestion names a place with this confidence."""
    appeal = file_one(body, phone="")
    suggest.suggest([appeal])
    assert Suggestion.objects.get(pk=appeal.pk).area_confidence == confidence
    return appeal


def test_unlikely_place_is_offered_with_its_evidence(browse: Browse, city: Cast) -> None:
    appeal = guessed("江滨那边路灯坏了三天没有人修", SHORTEST)
    client, address = browse("clerk"), f"/desk/case/{appeal.number}"
    page = text_of(client.get(address))
    assert area_field(page) == ""
    offer = re.search(r'<p class="place-offer">.*?</p>', page, re.S)
    assert offer is not None
    assert "可能是（把握 30%）：" in offer[0]
    assert "<mark>江滨</mark>" in offer[0]
    assert "data-map=" not in page
    # Confirming the form as it is decides no place.
    version = appeal.version
    client.post(f"{address}/sort", {"category": "urban", "urgency": 1, "version": version})
    appeal.refresh_from_db()
    assert (appeal.status, appeal.area) == ("sorted", None)


def test_offered_place_is_taken_without_scripts(browse: Browse, city: Cast) -> None:
    appeal = guessed("江滨那边路灯坏了三天没有人修", SHORTEST)
    area = Suggestion.objects.get(pk=appeal.pk).area
    assert area is not None
    page = text_of(browse("clerk").get(f"/desk/case/{appeal.number}?take=area"))
    assert area_field(page) == f"{area.pk} {area.name}"
    assert 'class="place-offer"' not in page


def test_likely_place_is_filled_in_as_the_city_sets(browse: Browse, city: Cast) -> None:
    appeal = guessed("孝子祠那边路灯坏了三天没有人修", SHORT)
    client, address = browse("clerk"), f"/desk/case/{appeal.number}"
    assert area_field(text_of(client.get(address))) != ""
    Policy.objects.create(pk="prefill_area_percent", value=61)
    page = text_of(client.get(address))
    assert area_field(page) == ""
    assert "可能是（把握 60%）：" in page
    Policy.objects.filter(pk="prefill_area_percent").update(value=30)
    other = guessed("江滨那边路灯坏了三天没有人修", SHORTEST)
    assert area_field(text_of(client.get(f"/desk/case/{other.number}"))) != ""


def test_decided_place_is_not_questioned(browse: Browse, city: Cast) -> None:
    appeal = guessed("江滨那边路灯坏了三天没有人修", SHORTEST)
    actions.sort(appeal.pk, city.clerk, category="urban", area="330782008")
    page = text_of(browse("clerk").get(f"/desk/case/{appeal.number}"))
    assert 'class="place-offer"' not in page
