"""OpenAPI description of the filing endpoint, which Ninja does not serve."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from yinghu.api.draft import DraftIn
from yinghu.api.intake import MAX_REQUEST

_REF = "#/components/schemas/{model}"

REFUSALS: dict[int, dict[str, str]] = {
    400: {"bad_json": "the body is no JSON"},
    401: {"no_key": "no key was shown", "bad_key": "the key opens nothing"},
    409: {"id_reused": "this external id came before with other content; nothing of this was kept"},
    413: {"too_large": f"the body is longer than {MAX_REQUEST // 1024} KB"},
    415: {"not_json": "the body is of another kind than application/json, or is compressed"},
    422: {
        "invalid": "fields that cannot be used, each with its own code in `errors`",
        "bad_key": "an Idempotency-Key of more than 100 characters, or of invisible ones",
        "two_ids": "external_id and Idempotency-Key differ",
    }
    | {f"unknown_{name}": f"this {name} has just gone" for name in ("category", "area", "place")},
    429: {"flood": "too many unknown keys from one address"},
    500: {"server_error": "something failed here; nothing was promised"},
    503: {
        "busy": "more arrives than can be written just now; nothing was promised, send it again",
        "no_database": "the database is away; nothing was promised, send it again",
    },
}
"""Errors of the filing endpoint: status -> code -> when."""

_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
"""Header of each such error."""


class FilingReceipt(BaseModel):
    """The appeal that was made, or was there already."""

    model_config = ConfigDict(title="Filed")

    id: int
    number: str = Field(examples=["0000-0123-4"], description="What people tell each other.")
    new: bool = Field(description="False where this external id had come before.")
    url: str
    tracking: str = Field(description="The requester's secret link.")
    token: str = Field(description="The secret alone: a bearer token for this one appeal.")


def add_filing(schema: dict[str, Any]) -> None:
    """Add POST /api/v1/appeals to the document."""
    components = schema["components"]["schemas"]
    for name, model in (("Draft", DraftIn), ("Filed", FilingReceipt)):
        described = model.model_json_schema(ref_template=_REF)
        components.update(described.pop("$defs", {}))
        components[name] = described
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
        | {str(status): _refusal(status) for status in REFUSALS},
        "security": [{"Bearer": []}],
    }
    paths = schema["paths"]
    paths["/api/v1/appeals"] = {"post": operation, **paths.get("/api/v1/appeals", {})}
    _set_problem_media_type(paths)


def _refusal(status: int) -> dict[str, Any]:
    problem = {"schema": {"$ref": _REF.format(model="ProblemOut")}}
    refusal: dict[str, Any] = {
        "description": "\n\n".join(f"`{code}`: {when}" for code, when in REFUSALS[status].items()),
        "content": {"application/problem+json": problem},
    }
    if status in _HEADERS:
        refusal["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    return refusal


def _set_problem_media_type(paths: dict[str, Any]) -> None:
    """Describe errors as application/problem+json; Ninja writes application/json everywhere."""
    for operations in paths.values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if str(status) >= "400" and "application/json" in content:
                    content["application/problem+json"] = content.pop("application/json")
