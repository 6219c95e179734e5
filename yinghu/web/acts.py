"""Doing a verb from a page: the photos of its form judged and kept, then the loop's function."""

from __future__ import annotations

from yinghu.appeals import loop, photos
from yinghu.appeals.models import Event
from yinghu.people.access import Actor
from yinghu.web.forms import VerbForm


def perform(appeal_id: int, actor: Actor, form: VerbForm, expect: int | None = None) -> Event:
    """Do the verb of a valid form. Raises `loop.Refused`, and then nothing has changed and no
    photo is kept; a bad photo is refused at the field `photos`.
    """
    given = form.values()
    kept: tuple[photos.StoredPhoto, ...] = ()
    try:
        for upload in given.pop("photos", ()):
            kept += (photos.store(upload.read()),)
        if kept:
            given["photos"] = kept
        return loop.VERBS[form.move.verb](appeal_id, actor, **given, expect=expect)
    except loop.Refused:
        photos.discard(kept)
        raise
    except photos.BadPhoto as bad:
        photos.discard(kept)
        raise loop.Refused("bad_photo", str(bad), "photos") from bad
