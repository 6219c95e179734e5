"""Filters of the list of cases find values that are only suggested, and say so."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.cast import Cast, file_one
from tests.web.cases.test_views import FUTIAN, listed
from tests.web.conftest import Browse, csv_of, text_of
from yinghu.appeals import actions
from yinghu.appeals.models import Appeal
from yinghu.triage.models import Suggestion
from yinghu.web.cases import suggested

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["few", "many"])
def cases(
    request: pytest.FixtureRequest, city: Cast, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Appeal]:
    """Cases with decided and with suggested values; found one by one, or by a subquery."""
    if request.param == "many":
        monkeypatch.setattr(suggested, "FEW", 0)
    made = {name: file_one(phone="") for name in ("sorted", "guessed", "other")}
    actions.sort(made["sorted"].pk, city.clerk, category="milk", area=FUTIAN, urgency=3)
    # A decision outranks what was suggested.
    rows = {"sorted": ("food", "opinion", 1), "guessed": ("milk", "need", 3)}
    rows["other"] = ("food", "need", 2)
    for name, (category, klass, urgency) in rows.items():
        Suggestion.objects.update_or_create(
            appeal=made[name],
            defaults={
                "category_id": category,
                "category_confidence": 0.7,
                "klass": klass,
                "area_id": f"{FUTIAN}001" if name == "guessed" else None,
                "area_confidence": 0.3,
                "urgency": urgency,
                "urgency_confidence": 0.7,
                "source": "lexicon",
            },
        )
    return made


def count(client: Client, query: str) -> str:
    page = text_of(client.get(f"/desk/cases?{query}"))
    found = re.search(r'<span role="status">共 (\d+) 件', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("query", "found", "decided"),
    [
        ("category=milk", {"sorted", "guessed"}, {"sorted"}),
        ("category=food", {"other"}, set()),
        ("klass=need", {"sorted", "guessed", "other"}, {"sorted"}),
        ("klass=opinion", set(), set()),
        (f"area={FUTIAN}", {"sorted", "guessed"}, {"sorted"}),
        ("urgency=3", {"sorted", "guessed"}, {"sorted"}),
        ("urgency=2", {"other"}, set()),
        ("urgency=1", set(), {"guessed", "other"}),
        ("urgency=3&category=milk&klass=need", {"sorted", "guessed"}, {"sorted"}),
        # Nobody has decided these yet, whatever is suggested.
        ("category=-", {"guessed", "other"}, {"guessed", "other"}),
        ("area=-", {"guessed", "other"}, {"guessed", "other"}),
    ],
)
def test_filter_finds_decided_and_suggested_values(
    browse: Browse, cases: dict[str, Appeal], query: str, found: set[str], decided: set[str]
) -> None:
    client = browse("commander")
    names = {appeal.number: name for name, appeal in cases.items()}
    assert {names[number] for number in listed(client, query)} == found
    assert count(client, query) == str(len(found))
    assert {names[number] for number in listed(client, f"{query}&decided=1")} == decided


def test_row_says_what_is_only_suggested(browse: Browse, cases: dict[str, Appeal]) -> None:
    client = browse("clerk")
    page = text_of(client.get(f"/desk/cases?category=milk&klass=need&area={FUTIAN}"))
    rows = dict(re.findall(r'id="row-([0-9-]+)"(.*?)</a>', page, re.S))
    assert "按系统建议：类别、性质、地点" in rows[cases["guessed"].number]
    assert "按系统建议" not in rows[cases["sorted"].number]
    # The guessed place is marked in every list.
    inbox = text_of(client.get("/desk/triage"))
    row = re.search(rf'id="row-{cases["guessed"].number}".*?</a>', inbox, re.S)
    assert row is not None
    assert re.search(r'class="guessed"\s+title="系统建议">[^<]*<svg[^>]*>.*?map-pin', row[0], re.S)


def test_counts_of_saved_filters_and_export_agree_with_the_list(
    browse: Browse, cases: dict[str, Appeal]
) -> None:
    client = browse("commander")
    chips = text_of(client.get("/desk/cases?part=views"))
    found = re.search(r'\?(status=[^"]*urgency=3)"[^>]*>危急的 <b>(\d+)</b>', chips)
    assert found is not None
    query, n = found[1].replace("&amp;", "&"), found[2]
    assert n == count(client, query) == "2"
    lines = csv_of(client.get("/desk/cases.csv?category=milk")).splitlines()
    assert len(lines) == 3
    assert sum("奶粉（系统建议）" in line for line in lines) == 1
