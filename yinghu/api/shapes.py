"""Response schemas for appeals and their conversion, for requesters and for staff.

Internal fields (`why`, `user`, `facts`) and private ones (masked name and phone) are left out for
readers without permission, never sent empty. Only the reveal returns the exact point.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import Field, WithJsonSchema

from yinghu.appeals.labels import headline_of, status_label
from yinghu.appeals.models import Appeal, Clock, Event
from yinghu.appeals.numbers import number_of
from yinghu.appeals.states import ClockKind, Status
from yinghu.common.language import name_of
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
    """A code with its name in the requested language."""

    code: str
    name: str

    @staticmethod
    def resolve_name(row: Any) -> str:
        return name_of(row)


class Requester(Schema):
    """The requester, masked; omitted for volunteers before they take the appeal.

    POST …/reveal shows it whole, and is logged.
    """

    name: str
    phone: str
    language: str


class EventOut(Schema):
    """An event of an appeal. `why`, `user` and `facts` are included for staff only."""

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
    """A clock of one of the six time limits (六个第一时间)."""

    kind: ClockKind
    label: str
    started_at: datetime
    due_at: datetime
    paused_at: datetime | None
    stopped_at: datetime | None
    overdue: bool

    @staticmethod
    def resolve_label(clock: Clock) -> str:
        return _(clock.get_kind_display())

    @staticmethod
    def resolve_overdue(clock: Clock) -> bool:
        running = clock.stopped_at is None and clock.paused_at is None
        return running and clock.due_at < timezone.now()


class PhotoOut(Schema):
    """A photo and its URL."""

    url: str
    width: int
    height: int


class Place(Schema):
    """A place with a sticker; its name and address are public."""

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
    """One appeal: public fields, and for staff the others."""

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


def _masked(said: Any) -> Any:
    """Mask possible phone numbers in a text, number or list."""
    if said is None or isinstance(said, bool):
        return said
    if isinstance(said, list):
        return [_masked(each) for each in said]
    text = str(said)
    masked = without_numbers(text)
    return said if masked == text else masked


def with_names(appeals: QuerySet[Appeal]) -> QuerySet[Appeal]:
    """Select the related rows that `Brief` and `Whole` name."""
    related = appeals.select_related("category", "area", "unit", "holder", "place")
    return related.defer("area__outline")


_BRIEF = (
    *("number", "status", "version", "urgency", "channel", "filed_at", "moved_at"),
    *("category", "area", "unit"),
)
_WHOLE = ("place", "said_at", "closed_at", "solved", "level")
"""Attributes of an appeal that are fields of `Brief`, and of `Whole` besides, as they are."""


def brief_fields(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """Return the fields of `Brief`; needs category, area and unit selected."""
    return {name: getattr(appeal, name) for name in _BRIEF} | {
        "status_label": status_label(appeal.state),
        "klass": appeal.klass or None,
        "headline": headline_of(appeal, reveal=may_reveal(actor, appeal)),
    }


def whole_fields(appeal: Appeal, actor: Actor) -> dict[str, Any]:
    """Return the fields of `Whole` that this actor may see; five statements."""
    appeal = with_names(Appeal.objects.filter(pk=appeal.pk)).get()
    inside = actor.kind != "requester"
    reveal = may_reveal(actor, appeal)
    own = appeal.attachments.all() if inside else shown_to_requester(appeal)
    photos = own.order_by("pk") if reveal else ()
    notes = may_read_why(actor, appeal)
    hidden = PRIVATE if not inside else frozenset() if notes else INSIDE
    read: Callable[[Any], Any] = (lambda said: said) if reveal else _masked
    shown = brief_fields(appeal, actor) | {name: getattr(appeal, name) for name in _WHOLE}
    shown |= {
        "title": read(appeal.title),
        "body": read(appeal.body),
        "answers": {key: read(answer) for key, answer in appeal.answers.items()},
        "result": read(appeal.result),
        "satisfaction": appeal.satisfaction or None,
        "master": number_of(appeal.master_id) if appeal.master_id is not None else None,
        "events": [
            event_fields(row, inside=inside, notes=notes, read=read)
            for row in appeal.events.select_related("unit", "user").order_by("seq")
            if row.verb not in hidden
        ],
        "photos": [
            {
                "url": f"{settings.SITE_URL}/api/v1/appeals/{appeal.number}/photos/{row.pk}",
                "width": row.width,
                "height": row.height,
            }
            for row in photos
        ],
        "can": [verb.name for verb in available(appeal, actor)],
    }
    if reveal:
        person = disclosure.masked(appeal)
        shown["requester"] = {
            "name": person.name,
            "phone": person.phone,
            "language": appeal.language,
        }
    if inside:
        shown["clocks"] = list(appeal.clocks.order_by("pk"))
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
        "unit": row.unit,
    }
    if inside:
        user = str(row.user) if row.user else None
        shown |= {"user": user, "facts": row.facts}
    if notes:
        shown["why"] = row.why
    return shown
