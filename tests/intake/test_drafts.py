"""What is checked of a message without asking the database, as in the API's event loop."""

from __future__ import annotations

import pytest

from yinghu.appeals.channels import Door
from yinghu.intake.drafts import City, Draft, check


@pytest.mark.parametrize("field", ["area", "place"])
def test_unknown_code_beside_an_address_is_judged_without_the_database(field: str) -> None:
    draft = Draft(Door.API, "api", body="停水了", address="佛堂镇老市基街")
    setattr(draft, field, "nope")
    report = check(draft, City({}, {}, areas=frozenset()))
    assert [(each.field, each.code) for each in report.faults] == [(field, f"unknown_{field}")]
