"""The export of cases by the real server, which sends it in parts while it reads them."""

from __future__ import annotations

import httpx
import pytest

from tests.cast import Cast, file_one
from tests.live import Live
from tests.web.test_busy_database import PATIENCE, browser_of

pytestmark = pytest.mark.process


def test_export_is_streamed(live: Live, live_city: Cast) -> None:
    cases = [file_one(f"第{number}件：路灯不亮") for number in range(3)]
    live.drain()
    with browser_of(live, "clerk") as http:
        with http.stream("GET", "/desk/cases.csv") as answer:
            assert answer.status_code == 200
            assert "content-length" not in answer.headers
            lines = answer.read().decode("utf-8-sig").splitlines()
        listed = [line.split(",")[0] for line in lines[1:]]
        assert listed == [each.number for each in reversed(cases)]


def test_export_needs_a_desk(live: Live, live_city: Cast) -> None:
    with browser_of(live, "milk-handler") as http:
        assert http.get("/desk/cases.csv").status_code == 403
    with httpx.Client(base_url=live.url, timeout=PATIENCE) as http:
        assert http.get("/desk/cases.csv").status_code == 302
