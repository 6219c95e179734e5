"""What happened to one appeal, page by page: whoever may add to it can add without end."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from django.http import HttpRequest

from yinghu.appeals.closing_actions import RATE, REOPEN
from yinghu.appeals.models import Appeal, Attachment, Event
from yinghu.common.masking import without_numbers
from yinghu.verbs import ERRANDS

STORY = 100
"""Events on a page."""


@dataclass(frozen=True, slots=True)
class Story:
    """Some events in their order. `older` is to be given as ?before= for those that came before
    them, "" where none did; `before` is what was given for these, "" for the newest. `photos` are
    those that came with an event and that the reader may see, by the event's id.
    """

    events: list[Event]
    older: str
    before: str
    photos: dict[int, list[Attachment]] = field(default_factory=dict)


def with_photos(story: Story, photos: Iterable[Attachment]) -> Story:
    """The story with those of the appeal's photos that came with its events, for a reader who may
    see them.
    """
    for photo in photos:
        if photo.event_id is not None:
            story.photos.setdefault(photo.event_id, []).append(photo)
    return story


def story_of(request: HttpRequest, appeal: Appeal, without: Collection[str] = ()) -> Story:
    """The newest events, or those before ?before=, but for verbs of the names `without`. None that
    came since `appeal` was read: a page must not tell of a step and offer what was there before it.
    """
    given = request.GET.get("before", "")
    before = given if given.isascii() and given.isdigit() and len(given) < 10 else ""
    found = appeal.events.filter(seq__lte=appeal.version)
    found = found.select_related("user", "unit", "category", "area").order_by("-seq")
    if without:
        found = found.exclude(verb__in=without)
    if before:
        found = found.filter(seq__lt=int(before))
    events = list(found[: STORY + 1])
    older = str(events[STORY - 1].seq) if len(events) > STORY else ""
    return Story(events[:STORY][::-1], older, before)


def without_echo(story: Story) -> Story:
    """The story without a rating's words once more at the reopening that followed by itself."""
    for before, event in pairwise(story.events):
        itself = event.verb == REOPEN.name and event.actor_kind == "system"
        if itself and before.verb == RATE.name:
            event.words = ""
    return story


def without_helpers_numbers(story: Story) -> Story:
    """The story without what could be the phone of a helper, who wrote it into what is for a
    stranger to read.
    """
    for event in story.events:
        if event.verb in ERRANDS:
            event.words = without_numbers(event.words)
    return story
