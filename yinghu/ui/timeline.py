"""Timeline of an appeal, paginated because its length is unbounded."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from django.http import HttpRequest

from yinghu.appeals.closing_actions import RATE, REOPEN
from yinghu.appeals.merged import RELAY
from yinghu.appeals.models import Appeal, Attachment, Event
from yinghu.common.privacy.masking import without_numbers
from yinghu.common.text import whole_number
from yinghu.verbs import ERRANDS

EVENTS_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Story:
    """One page of an appeal's events, oldest first.

    `older` is the ?before= of the previous page, "" on the first; `before` is that of this page, ""
    for the newest. `photos` are those that the reader may see, by event id.
    """

    events: list[Event]
    older: str
    before: str
    photos: dict[int, list[Attachment]] = field(default_factory=dict)


def with_photos(story: Story, photos: Iterable[Attachment]) -> Story:
    """Add the photos that came with the story's events, for a reader who may see them."""
    for photo in photos:
        if photo.event_id is not None:
            story.photos.setdefault(photo.event_id, []).append(photo)
    return story


def with_relayed_photos(story: Story) -> Story:
    """Add the photos that requesters of merged cases sent later, to the events that tell of it."""
    told = {event.facts["event"]: event.pk for event in story.events if event.verb == RELAY.name}
    for photo in Attachment.objects.filter(event__in=told).order_by("pk") if told else ():
        story.photos.setdefault(told[photo.event_id], []).append(photo)
    return story


def story_of(request: HttpRequest, appeal: Appeal, without: Collection[str] = ()) -> Story:
    """Fetch the newest events, or those before ?before=, except verbs named in `without`.

    Events newer than `appeal.version` are left out, to match the state that the page shows.
    """
    before = whole_number(request.GET.get("before", ""), 9)
    found = appeal.events.filter(seq__lte=appeal.version)
    found = found.select_related("user", "unit", "category", "area").order_by("-seq")
    found = found.exclude(verb__in=without)
    if before is not None:
        found = found.filter(seq__lt=before)
    events = list(found[: EVENTS_PER_PAGE + 1])
    older = str(events[EVENTS_PER_PAGE - 1].seq) if len(events) > EVENTS_PER_PAGE else ""
    shown = "" if before is None else str(before)
    return Story(events[:EVENTS_PER_PAGE][::-1], older, shown)


def without_echo(story: Story) -> Story:
    """Remove a rating's words where the automatic reopening repeats them."""
    for before, event in pairwise(story.events):
        itself = event.verb == REOPEN.name and event.actor_kind == "system"
        if itself and before.verb == RATE.name:
            event.words = ""
    return story


def without_helpers_numbers(story: Story) -> Story:
    """Mask possible phone numbers in the words of helpers."""
    for event in story.events:
        if event.verb in ERRANDS:
            event.words = without_numbers(event.words)
    return story
