"""The filing door in the OpenAPI document, which Django's side of the API would not know of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from yinghu.api.draft import Draft

_REF = "#/components/schemas/{model}"


class Filed(BaseModel):
    """The appeal that was made, or was there already."""

    id: int
    number: str = Field(examples=["0000-0123-4"], description="What people tell each other.")
    new: bool = Field(description="False where this external id had come before.")
    url: str
    tracking: str = Field(description="The requester's secret link.")
    token: str = Field(description="The secret alone: a bearer token for this one appeal.")


def add_filing(schema: dict[str, Any]) -> None:
    """Put POST /api/v1/appeals into the document."""
    components = schema["components"]["schemas"]
    for model in (Draft, Filed):
        described = model.model_json_schema(ref_template=_REF)
        components.update(described.pop("$defs", {}))
        components[model.__name__] = described
    problem = {"schema": {"$ref": _REF.format(model="ProblemOut")}}
    refusals = {
        str(status): {"description": words, "content": {"application/problem+json": problem}}
        for status, words in (
            (400, "No JSON"),
            (401, "No key, or one that opens nothing"),
            (413, "Too large"),
            (415, "Another kind than JSON"),
            (422, "Fields that cannot be used"),
            (429, "Too many unknown keys from one address"),
            (503, "Busy, or no database: nothing was promised, send it again"),
        )
    }
    done = {"application/json": {"schema": {"$ref": _REF.format(model="Filed")}}}
    location = {"Location": {"description": "The appeal.", "schema": {"type": "string"}}}
    operation = {
        "operationId": "file",
        "summary": "file · 提交",
        "description": "File one appeal. 201 comes after it is durable and complete. Sent again "
        "with the same external id (by the same key's user) it is 200 and the same appeal, "
        "so after a 503 or a lost connection simply send it again.",
        "tags": ["appeals"],
        "parameters": [
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": False,
                "schema": {"type": "string", "maxLength": 100},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REF.format(model="Draft")}}},
        },
        "responses": {
            "201": {"description": "Filed", "content": done, "headers": location},
            "200": {"description": "Had come before", "content": done, "headers": location},
        }
        | refusals,
        "security": [{"Bearer": []}],
    }
    paths = schema["paths"]
    paths["/api/v1/appeals"] = {"post": operation, **paths.get("/api/v1/appeals", {})}
    _problems_are_problems(paths)


def _problems_are_problems(paths: dict[str, Any]) -> None:
    """Errors go out under their own media type; ninja writes application/json for every answer."""
    for operations in paths.values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if str(status) >= "400" and "application/json" in content:
                    content["application/problem+json"] = content.pop("application/json")
