"""Verb endpoints POST /appeals/{number}/{verb} and /legs/{id}/{verb}, made from the verbs' rows."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import BaseModel, ConfigDict, Field, create_model

from yinghu.api import shapes
from yinghu.api.auth import KNOWN, count_request, request_actor
from yinghu.api.cases import REFUSALS
from yinghu.api.types import field_type
from yinghu.appeals.inboxes import by_number
from yinghu.appeals.models import Event
from yinghu.appeals.numbers import id_of
from yinghu.appeals.states import Status, Who
from yinghu.appeals.verb import FieldKind, Subject, Verb
from yinghu.people.access import Actor
from yinghu.verbs import ERRANDS, VERBS

router = Router(tags=["verbs"], auth=KNOWN)


class Done(Schema):
    """Result of a verb: its event and the updated appeal (null if no longer visible)."""

    event: shapes.EventOut
    appeal: shapes.Whole | None


def _request_schema(verb: Verb) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for field in verb.fields:
        if field.kind is FieldKind.PHOTOS:
            # JSON carries no photos; only the pages take them.
            continue
        kind = field_type(field.kind, required=field.required)
        label = field.label + ("（诉求人可见）" if field.public else "")
        if field.required:
            fields[field.name] = (kind, Field(description=label))
        else:
            fields[field.name] = (kind | None, Field(default=None, description=label))
    if verb.subject is Subject.CASE:
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
    return create_model(f"{verb.name.title()}In", __config__=ConfigDict(extra="forbid"), **fields)


def _case_view(verb: Verb) -> Callable[..., dict[str, Any]]:

    def view(request: HttpRequest, number: str, payload: Any) -> dict[str, Any]:
        actor = _counted_actor(request)
        given = payload.model_dump(exclude_none=True)
        expect = given.pop("version", None)
        for field in verb.fields:
            if field.kind is FieldKind.APPEAL and field.name in given:
                # No appeal has the id 0, so the loop refuses it.
                given[field.name] = id_of(given[field.name]) or 0
        appeal_id = id_of(number)
        event = verb.perform(appeal_id or 0, actor, **given, expect=expect)
        return _outcome(event, actor)

    return view


def _leg_view(verb: Verb) -> Callable[..., dict[str, Any]]:

    def view(request: HttpRequest, leg: int, payload: Any) -> dict[str, Any]:
        actor = _counted_actor(request)
        given = payload.model_dump(exclude_none=True)
        # No leg has the id 0; larger ones would overflow the column.
        event = verb.perform(leg if 0 < leg < 2**63 else 0, actor, **given)
        return _outcome(event, actor)

    return view


def _counted_actor(request: HttpRequest) -> Actor:
    """Return the actor, counting a requester's acts. Raises the 429 problem."""
    actor = request_actor(request)
    if actor.kind == "requester":
        count_request("act", request.META.get("REMOTE_ADDR", ""))
        count_request("act", f"appeal {actor.appeal_id}")
    return actor


def _outcome(event: Event, actor: Actor) -> dict[str, Any]:
    """Return the event, and the case if visible to the actor; helpers get no internal fields."""
    now = by_number(actor, event.appeal_id)
    # Staff may read back what they have just written.
    inside = actor.kind != "requester" and (now is not None or event.verb not in ERRANDS)
    return {
        "event": shapes.event_fields(event, inside=inside, notes=inside),
        "appeal": shapes.whole_fields(now, actor) if now else None,
    }


def _register(verb: Verb) -> None:
    of_case = verb.subject is Subject.CASE
    view = _case_view(verb) if of_case else _leg_view(verb)
    schema = _request_schema(verb)
    needs_body = any(field.required for field in verb.fields)
    # Ninja reads the schema from annotation and default.
    view.__annotations__["payload"] = schema
    body: Any = Body(... if needs_body else schema())  # type: ignore[type-arg]  # ninja types it so
    view.__defaults__ = (body,)
    view.__name__ = f"do_{verb.name}"
    # In the order of their declaration: sets have another one in each process.
    sources = "、".join(status.label for status in Status if status in verb.sources)
    who = "、".join(each.label for each in Who if each in verb.who)
    view.__doc__ = f"{verb.label}：{sources}。可由{who}办理。"
    router.post(
        f"/appeals/{{number}}/{verb.name}" if of_case else f"/legs/{{leg}}/{verb.name}",
        response={200: Done} | REFUSALS,
        operation_id=verb.name,
        summary=f"{verb.name} · {verb.label}",
        exclude_unset=True,
    )(view)


for _verb in VERBS.values():
    if _verb.function is not None and not _verb.pages_only:
        _register(_verb)
