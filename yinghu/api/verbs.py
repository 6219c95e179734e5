"""Every verb of MOVES as POST /appeals/{number}/{verb}: the table gives schema and permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Body, Router, Schema
from pydantic import BaseModel, ConfigDict, Field, create_model

from yinghu.api import shapes
from yinghu.api.auth import KNOWN, asker, gate
from yinghu.api.cases import REFUSALS, full
from yinghu.api.types import type_of
from yinghu.appeals.inboxes import by_number
from yinghu.appeals.moves import BY_ITSELF, MOVES, OF_LEGS, FieldKind, Move
from yinghu.appeals.numbers import id_of
from yinghu.appeals.states import Verb
from yinghu.oversight.verbs import VERBS

router = Router(tags=["verbs"], auth=KNOWN)


class Done(Schema):
    """What a verb did: its event, and the appeal now (null where one no longer sees it)."""

    event: shapes.EventOut
    appeal: shapes.Whole | None


def schema_of(move: Move) -> type[BaseModel]:
    """The request of one verb, from its row of MOVES."""
    fields: dict[str, Any] = {}
    for field in move.fields:
        if field.kind is FieldKind.PHOTOS:
            # A JSON document carries none; they come by the pages.
            continue
        kind = type_of(field.kind, required=field.required)
        label = field.label + ("（诉求人可见）" if field.public else "")
        if field.required:
            fields[field.name] = (kind, Field(description=label))
        else:
            fields[field.name] = (kind | None, Field(default=None, description=label))
    fields["version"] = (
        int | None,
        Field(
            default=None,
            ge=1,
            le=2**31 - 1,
            strict=True,
            description="The version that was read; 409 where the appeal has moved on since.",
        ),
    )
    return create_model(
        f"{move.verb.value.title()}In", __config__=ConfigDict(extra="forbid"), **fields
    )


def operation(move: Move) -> Callable[..., dict[str, Any]]:
    """The view of one verb."""
    schema = schema_of(move)
    needs_body = any(field.required for field in move.fields)
    body: Any = Body(... if needs_body else schema())  # type: ignore[type-arg]  # ninja types it so
    act = VERBS[move.verb]

    def view(request: HttpRequest, number: str, payload: Any = body) -> dict[str, Any]:
        actor = asker(request)
        if actor.kind == "requester":
            gate("act", request.META.get("REMOTE_ADDR", ""))
            gate("act", f"appeal {actor.appeal_id}")
        given = payload.model_dump(exclude_none=True)
        expect = given.pop("version", None)
        for field in move.fields:
            if field.kind is FieldKind.APPEAL and field.name in given:
                # No appeal has the id 0; the loop says so in its own words.
                given[field.name] = id_of(given[field.name]) or 0
        appeal_id = id_of(number)
        event = act(appeal_id or 0, actor, **given, expect=expect)
        now = by_number(actor, appeal_id)
        # What one has just written oneself is no secret.
        inside = actor.kind != "requester"
        return {
            "event": shapes.event(event, inside=inside, notes=inside),
            "appeal": shapes.whole(full(now), actor, timezone.now()) if now else None,
        }

    # ninja reads the annotation; the schema is made here, from the table.
    view.__annotations__["payload"] = schema
    view.__name__ = f"do_{move.verb.value}"
    view.__doc__ = (
        f"{move.verb.label}：{'、'.join(status.label for status in move.sources)}。"
        f"可由{'、'.join(who.label for who in move.who)}办理。"
    )
    return view


for _move in MOVES.values():
    if _move.verb not in {Verb.FILE} | BY_ITSELF | OF_LEGS:
        router.post(
            f"/appeals/{{number}}/{_move.verb.value}",
            response={200: Done} | REFUSALS,
            operation_id=_move.verb.value,
            summary=f"{_move.verb.value} · {_move.verb.label}",
            exclude_unset=True,
        )(operation(_move))
