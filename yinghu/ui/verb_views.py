"""Doing a verb from a page: the photos of its form judged and kept, then the verb's function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from yinghu.appeals import moving
from yinghu.appeals.closing_actions import RATE
from yinghu.appeals.models import Event
from yinghu.common import photos, text_cleaning
from yinghu.oversight.whistle_actions import CONTEST, REPORT_IN
from yinghu.people.access import Actor
from yinghu.ui.forms import VerbForm

_SAID = {"words", "why", "photos", "arrived", "point"}


def perform(appeal_id: int, actor: Actor, form: VerbForm, expect: int | None = None) -> Event:
    """Do the verb of a valid form. Raises `moving.Refused`, and then nothing has changed and no
    photo is kept; a bad photo is refused at the field `photos`.
    """
    given = form.values()

    def act(kept: tuple[photos.StoredPhoto, ...]) -> Event:
        more = {"photos": kept} if kept else {}
        return form.verb.perform(appeal_id, actor, **given, **more, expect=expect)

    return keeping(act, given.pop("photos", ()))


def keeping(
    step: Callable[[tuple[photos.StoredPhoto, ...]], Event], uploads: Iterable[Any]
) -> Event:
    """Do a step with its photos judged and kept; where it is refused none is kept."""
    kept: tuple[photos.StoredPhoto, ...] = ()
    try:
        for upload in uploads:
            kept += (photos.store(upload.read()),)
        return step(kept)
    except moving.Refused:
        photos.discard(kept)
        raise
    except photos.BadPhoto as bad:
        photos.discard(kept)
        raise moving.Refused("bad_photo", str(bad), "photos") from bad


def arrived_before(own: QuerySet[Event], form: VerbForm, seen: int | None) -> bool:
    """Whether this very form came through already, and it was pressed twice or its answer was lost:
    since the version that it was made for, or within a minute where it has none, its sender has
    done the same in the same words. `own` are the sender's events on the appeal. False for verbs
    that say more than words: to sort into another category is no second press.
    """
    rating = {"solved", "satisfaction", "unreached"} if form.verb is RATE else set()
    speaker = {"unit"} if form.verb in (REPORT_IN, CONTEST) else set()
    if {field.name for field in form.verb.fields} - _SAID - rating - speaker:
        return False
    given: dict[str, Any] = form.cleaned_data
    same: dict[str, Any] = {
        name: text_cleaning.words(given.get(name) or "") for name in ("words", "why")
    }
    if speaker and given.get("unit"):
        same["facts__unit"] = given["unit"]
    if form.verb is RATE:
        same |= {f"facts__{name}": given.get(name) for name in rating}
        same["facts__unreached"] = bool(given.get("unreached"))
    lately = timezone.now() - timedelta(minutes=1)
    since = {"at__gte": lately} if seen is None else {"seq__gt": seen}
    return own.filter(verb=form.verb.name, **since, **same).exists()
