"""The demo city behind a real server, and API clients for its users."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.live import Live
from yinghu.people.models import User
from yinghu.people.tokens import new_key

_once = itertools.count(1)


@dataclass
class Api:
    """API client with keys of the demo city's users."""

    url: str
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30, trust_env=False)

    def key(self, username: str) -> str:
        """An API key of a demo user."""
        if username not in self.keys:
            self.keys[username] = new_key(User.objects.get(username=username), "test")
        return self.keys[username]

    def call(self, method: str, path: str, who: str = "", **options: Any) -> httpx.Response:
        """Send a request as a demo user, with a tracking token (`12-…`), or without a key."""
        headers = dict(options.pop("headers", {}))
        if who:
            key = who if who[0].isdigit() else self.key(who)
            headers["Authorization"] = f"Bearer {key}"
        return self.http.request(method, path, headers=headers, **options)

    def get(self, path: str, who: str = "", **options: Any) -> httpx.Response:
        return self.call("GET", path, who, **options)

    def post(self, path: str, who: str = "", **options: Any) -> httpx.Response:
        return self.call("POST", path, who, **options)

    def file(self, who: str = "operator", **fields: Any) -> dict[str, Any]:
        """File an appeal and return the response body."""
        filing = {
            "body": "家里婴儿没有奶粉了，需要一段两罐",
            "name": "王小明",
            "phone": "13812345678",
            "external_id": f"t{next(_once)}",
        }
        answer = self.post("/appeals", who, json=filing | fields)
        assert answer.status_code == 201, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def do(self, who: str, number: str, verb: str, **fields: Any) -> httpx.Response:
        """Perform a verb on a case."""
        return self.post(f"/appeals/{number}/{verb}", who, json=fields)

    def reach(self, status: str) -> dict[str, Any]:
        """File an appeal and bring it to this status; its unit, if any, is the milk group."""
        filed = self.file()
        steps = {
            "filed": [],
            "sorted": ["sort"],
            "assigned": ["sort", "assign"],
            "handling": ["sort", "assign", "accept"],
            "waiting": ["sort", "assign", "accept", "ask"],
            "resolved": ["sort", "assign", "accept", "resolve"],
        }[status]
        for verb in steps:
            who, fields = STEPS[verb]
            answer = self.do(who, filed["number"], verb, **fields)
            assert answer.status_code == 200, answer.text
        return filed


STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    # No rule routes this category, so the worker leaves the appeal to the dispatcher.
    "sort": ("clerk", {"category": "other"}),
    "assign": ("dispatcher", {"unit": "milk"}),
    "accept": ("milk-handler", {}),
    "ask": ("milk-handler", {"words": "请问宝宝几个月了？"}),
    "resolve": ("milk-handler", {"words": "两罐奶粉已送到楼下"}),
}


@pytest.fixture
def api(live: Live) -> Iterator[Api]:
    """The API of the demo city."""
    made = Api(live.url)
    yield made
    made.http.close()


@pytest.fixture
def problem() -> Callable[..., dict[str, Any]]:
    """`problem(answer, status, code)` asserts that RFC 9457 problem and returns its body."""

    def check(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        body: dict[str, Any] = answer.json()
        assert (answer.status_code, body["status"], body["code"]) == (status, status, code), body
        assert body["type"] == f"urn:yinghu:problem:{code}"
        assert body["title"]
        assert body["detail"]
        return body

    return check


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)
