"""Every verb as POST /appeals/{number}/{verb} or /legs/{id}/{verb}: its row gives schema and
permission.
"""

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
from yinghu.appeals.models import Event
from yinghu.appeals.numbers import id_of
from yinghu.appeals.verb import FieldKind, Subject, Verb
from yinghu.people.access import Actor
from yinghu.verbs import ERRANDS, VERBS

router = Router(tags=["verbs"], auth=KNOWN)


class Done(Schema):
    """What a verb did: its event, and the appeal now (null where one no longer sees it)."""

    event: shapes.EventOut
    appeal: shapes.Whole | None


def schema_of(verb: Verb) -> type[BaseModel]:
    """The request of one verb, from its row."""
    fields: dict[str, Any] = {}
    for field in verb.fields:
        if field.kind is FieldKind.PHOTOS:
            # A JSON document carries none; they come by the pages.
            continue
        kind = type_of(field.kind, required=field.required)
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


def case_view(verb: Verb) -> Callable[..., dict[str, Any]]:
    """The view of a verb that is done to a case."""

    def view(request: HttpRequest, number: str, payload: Any) -> dict[str, Any]:
        actor = _gated(request)
        given = payload.model_dump(exclude_none=True)
        expect = given.pop("version", None)
        for field in verb.fields:
            if field.kind is FieldKind.APPEAL and field.name in given:
                # No appeal has the id 0; the loop says so in its own words.
                given[field.name] = id_of(given[field.name]) or 0
        appeal_id = id_of(number)
        event = verb.perform(appeal_id or 0, actor, **given, expect=expect)
        return _done(event, actor)

    return view


def leg_view(verb: Verb) -> Callable[..., dict[str, Any]]:
    """The view of a verb that is done to a leg of an errand."""

    def view(request: HttpRequest, leg: int, payload: Any) -> dict[str, Any]:
        actor = _gated(request)
        given = payload.model_dump(exclude_none=True)
        # No leg has the id 0, and none a higher one than the database can hold.
        event = verb.perform(leg if 0 < leg < 2**63 else 0, actor, **given)
        return _done(event, actor)

    return view


def _gated(request: HttpRequest) -> Actor:
    """Who asks; a requester's acts are counted. Raises the 429 problem."""
    actor = asker(request)
    if actor.kind == "requester":
        gate("act", request.META.get("REMOTE_ADDR", ""))
        gate("act", f"appeal {actor.appeal_id}")
    return actor


def _done(event: Event, actor: Actor) -> dict[str, Any]:
    """What was done, and the case where the actor sees it; who only helps with a leg does not, and
    of the event has what a requester would have.
    """
    now = by_number(actor, event.appeal_id)
    # What one has just written oneself is no secret.
    inside = actor.kind != "requester" and (now is not None or event.verb not in ERRANDS)
    return {
        "event": shapes.event(event, inside=inside, notes=inside),
        "appeal": shapes.whole(full(now), actor, timezone.now()) if now else None,
    }


def _register(verb: Verb) -> None:
    """Serve a verb by the path of what it is done to."""
    of_case = verb.subject is Subject.CASE
    view = case_view(verb) if of_case else leg_view(verb)
    schema = schema_of(verb)
    needs_body = any(field.required for field in verb.fields)
    # ninja reads annotation and default; the schema is made here, from the row.
    view.__annotations__["payload"] = schema
    body: Any = Body(... if needs_body else schema())  # type: ignore[type-arg]  # ninja types it so
    view.__defaults__ = (body,)
    view.__name__ = f"do_{verb.name}"
    view.__doc__ = (
        f"{verb.label}：{'、'.join(status.label for status in verb.sources)}。"
        f"可由{'、'.join(who.label for who in verb.who)}办理。"
    )
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
