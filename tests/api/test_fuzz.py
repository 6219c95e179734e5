"""Fuzz every operation of the OpenAPI document: errors are problems, never a 500."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import Api

TEXT = st.text(max_size=40)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXT,
    st.sampled_from(["milk", "330782001"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def addresses(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of every operation."""
    return [
        (method.upper(), path.removeprefix("/api/v1"), operation)
        for path, operations in sorted(document["paths"].items())
        for method, operation in sorted(operations.items())
    ]


@pytest.mark.parametrize("who", ["clerk", "milk-handler"])
def test_random_input_never_causes_a_server_error(api: Api, who: str) -> None:
    filed = api.reach("assigned")
    document = api.get("/openapi.json").json()
    operations = addresses(document)
    schemas = document["components"]["schemas"]
    api.key(who)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def send(data: st.DataObject) -> None:
        method, path, operation = data.draw(st.sampled_from(operations))
        number = data.draw(
            st.sampled_from([filed["number"], "0000-0001-0", "x", "٣", "%00", "1" * 60])
        )
        path = path.replace("{number}", number).replace("{photo}", data.draw(st.sampled_from("1x")))
        content = None
        if method == "POST":
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            names = [*schema.get("properties", {}), "other"]
            body = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=5) | VALUES)
            content = json.dumps(body).encode()
        query = data.draw(
            st.dictionaries(
                st.sampled_from(
                    ["status", "category", "phone", "q", "before", "limit", "lon", "under"]
                ),
                TEXT.filter(lambda text: text.isprintable()),
                max_size=2,
            )
        )
        headers = {"Content-Type": "application/json"}
        answer = api.call(method, path, who, params=query, content=content, headers=headers)
        assert answer.status_code < 500, (method, path, content, query, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert set(answer.json()) >= {"type", "title", "status", "detail", "code"}

    send()
    assert httpx.get(f"{api.url}/healthz", trust_env=False).status_code == 200
