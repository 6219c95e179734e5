"""Response schemas for appeals and their conversion, for requesters and for staff.

Internal fields (`why`, `user`, `facts`) and private ones (masked name and phone) are left out for
readers without permission, never sent empty. Only the reveal returns the exact point.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import Field, WithJsonSchema

from yinghu.appeals.labels import headline_of, status_label
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.numbers import number_of
from yinghu.appeals.states import ClockKind, Status
from yinghu.common.language import is_english
from yinghu.common.privacy.masking import without_numbers
from yinghu.errands.receipts import shown_to_requester
from yinghu.people import disclosure
from yinghu.people.access import Actor, may_read_why, may_reveal
from yinghu.verbs import ERRANDS, INSIDE, PRIVATE, VERBS, available, verb_of

VerbName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(VERBS)})]
"""The name of a verb."""


class ProblemOut(Schema):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] = Field(
        default=[], description="Each field at fault: field, code, detail."
    )


class Named(Schema):
    """A code with its name in the language asked for."""

    code: str
    name: str


class Requester(Schema):
    """Who asked, masked; not for volunteers before they take it.

    POST …/reveal shows it whole, and is logged.
    """

    name: str
    phone: str
    language: str


class EventOut(Schema):
    """One thing that happened. `why`, `user` and `facts` are there for those inside only."""

    seq: int
    verb: VerbName
    label: str
    status: Status
    at: datetime
    by: str
    words: str
    unit: Named | None = None
    why: str | None = None
    user: str | None = None
    facts: dict[str, Any] | None = None


class ClockOut(Schema):
    """One of the six first-times."""

    kind: ClockKind
    label: str
    started_at: datetime
    due_at: datetime
    paused_at: datetime | None
    stopped_at: datetime | None
    overdue: bool


class PhotoOut(Schema):
    """A photo and where to get it."""

    url: str
    width: int
    height: int


class Place(Schema):
    """A place with a sticker; its name and address are on a wall for everybody to read."""

    code: str
    name: str
    address: str


class Brief(Schema):
    """An appeal in a list."""

    number: str
    status: Status
    status_label: str
    version: int
    urgency: int
    channel: str
    klass: str | None
    category: Named | None
    area: Named | None
    unit: Named | None
    headline: str
    filed_at: datetime
    moved_at: datetime


class Whole(Brief):
    """One appeal: the public part, and for those inside the rest."""

    title: str
    body: str
    answers: dict[str, Any]
    place: Place | None = Field(description="Where it was filed from, if at a sticker.")
    said_at: datetime | None
    closed_at: datetime | None
    result: str
    solved: bool | None
    satisfaction: str | None
    level: int
    master: str | None
    events: list[EventOut]
    photos: list[PhotoOut]
    can: list[VerbName] = Field(description="What the asker may do to it now.")
    clocks: list[ClockOut] | None = None
    requester: Requester | None = None
    holder: str | None = None


def code_and_name(row: Any) -> Named | None:
    """Convert a category, area or unit, in the current language."""
    if row is None:
        return None
    english = is_english() and row.name_en
    return Named(code=row.code, name=english or row.name)


def masking_for(actor: Actor, appeal: Appeal) -> Callable[[Any], Any]:
    """Return the function that masks people's words for this actor."""
    if may_reveal(actor, appeal):
        return lambda words: words
    return _masked


def _masked(said: Any) -> Any:
    """Mask possible phone numbers in a text, number or list."""
    if said is None or isinstance(said, bool):
        return said
    if isinstance(said, list):
        return [_masked(each) for each in said]
    text = str(said)
    masked = without_numbers(text)
    return said if masked == text else masked


def brief_fields(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """Return the fields of `Brief`; needs category, area and unit selected."""
    return {
        "number": appeal.number,
        "status": appeal.status,
        "status_label": status_label(appeal.state),
        "version": appeal.version,
        "urgency": appeal.urgency,
        "channel": appeal.channel,
        "klass": appeal.klass or None,
        "category": code_and_name(appeal.category),
        "area": code_and_name(appeal.area),
        "unit": code_and_name(appeal.unit),
        "headline": headline_of(appeal, reveal=may_reveal(actor, appeal)),
        "filed_at": appeal.filed_at,
        "moved_at": appeal.moved_at,
    }


def whole_fields(appeal: Appeal, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return the fields of `Whole` that this actor may see; four statements."""
    inside = actor.kind != "requester"
    reveal = may_reveal(actor, appeal)
    own = appeal.attachments.all() if inside else shown_to_requester(appeal)
    photos = own.order_by("pk") if reveal else ()
    notes = may_read_why(actor, appeal)
    hidden = PRIVATE if not inside else frozenset() if notes else INSIDE
    read = masking_for(actor, appeal)
    shown = brief_fields(appeal, actor) | {
        "title": read(appeal.title),
        "body": read(appeal.body),
        "answers": {key: read(answer) for key, answer in appeal.answers.items()},
        "place": appeal.place and Place.model_validate(appeal.place, from_attributes=True),
        "said_at": appeal.said_at,
        "closed_at": appeal.closed_at,
        "result": read(appeal.result),
        "solved": appeal.solved,
        "satisfaction": appeal.satisfaction or None,
        "level": appeal.level,
        "master": number_of(appeal.master_id) if appeal.master_id is not None else None,
        "events": [
            event_fields(row, inside=inside, notes=notes, read=read)
            for row in appeal.events.select_related("unit", "user").order_by("seq")
            if row.verb not in hidden
        ],
        "photos": [
            {"url": photo_url(appeal, row.pk), "width": row.width, "height": row.height}
            for row in photos
        ],
        "can": [verb.name for verb in available(appeal, actor)],
    }
    if reveal:
        shown["requester"] = masked_requester(appeal)
    if inside:
        shown["clocks"] = [clock_fields(row, now) for row in appeal.clocks.order_by("pk")]
        shown["holder"] = str(appeal.holder) if appeal.holder else None
    return shown


def event_fields(
    row: Event, *, inside: bool, notes: bool, read: Callable[[Any], Any] = str
) -> dict[str, Any]:
    """Convert an event: without user, why and facts for requesters, without why for volunteers."""
    if not inside and row.verb in ERRANDS:
        # Requesters may not see a helper's phone.
        read = _masked
    shown = {
        "seq": row.seq,
        "verb": row.verb,
        "label": _(verb_of(row).label),
        "status": row.to_status,
        "at": row.at,
        "by": {"requester": "requester", "system": "system"}.get(row.actor_kind, "staff"),
        "words": read(row.words),
        "unit": code_and_name(row.unit),
    }
    if inside:
        user = str(row.user) if row.user else None
        shown |= {"user": user, "facts": row.facts}
    if notes:
        shown["why"] = row.why
    return shown


def clock_fields(row: Any, now: datetime) -> dict[str, Any]:
    """Convert a clock."""
    running = row.stopped_at is None and row.paused_at is None
    return {
        "kind": row.kind,
        "label": _(row.get_kind_display()),
        "started_at": row.started_at,
        "due_at": row.due_at,
        "paused_at": row.paused_at,
        "stopped_at": row.stopped_at,
        "overdue": running and row.due_at < now,
    }


def masked_requester(appeal: Appeal) -> Requester:
    """Return the requester, masked."""
    masked = disclosure.masked(appeal)
    return Requester(name=masked.name, phone=masked.phone, language=appeal.language)


def api_url(number: str) -> str:
    """Return the API's URL of an appeal."""
    return f"{settings.SITE_URL}/api/v1/appeals/{number}"


def photo_url(appeal: Appeal, photo_id: int) -> str:
    """Return the API's URL of a photo."""
    return f"{api_url(appeal.number)}/photos/{photo_id}"
