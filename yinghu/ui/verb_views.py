"""Doing verbs from pages: read the form, keep its photos, do the verb, go on or draw it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from yinghu.appeals import moving
from yinghu.appeals.closing_actions import RATE
from yinghu.appeals.models import Event
from yinghu.common import photos, text_cleaning
from yinghu.oversight.whistle_actions import CONTEST, REPORT_IN
from yinghu.people import volunteers
from yinghu.people.access import Actor
from yinghu.ui.forms import VerbForm

Done = TypeVar("Done")

_REPEATABLE = {"words", "why", "photos", "arrived", "point"}
"""Fields of verbs that only send a message; see `is_duplicate`."""
_SAME = {RATE: {"solved", "satisfaction", "unreached"}, REPORT_IN: {"unit"}, CONTEST: {"unit"}}
"""Further fields that `is_duplicate` compares, by verb."""


@dataclass(frozen=True, slots=True)
class VerbView:
    """Answers a POST that does one verb to a subject: a case, a leg, a volunteer.

    `show(request, subject, bound=form, problem=text, status=status)` draws the page. The subject
    is None where it was not read; then there is no form.
    """

    request: HttpRequest
    subject: Any
    form: forms.BaseForm | None
    show: Callable[..., HttpResponse]

    def answer(
        self,
        perform: Callable[[], str],
        reload: Callable[[], Any],
        follow: Callable[[], HttpResponse],
        on_refused: Callable[[moving.Refused], str | HttpResponse | None] = lambda refused: None,
    ) -> HttpResponse:
        """Do the verb and follow, or draw the page with the problem and the typed words.

        `perform` returns the success message or "". `reload` reads the subject again after a
        refusal. `on_refused` may answer otherwise: by the success message of a second press or by
        a response. NotFound is answered by 404.
        """
        if self.form is not None and not self.form.is_valid():
            return self.show(self.request, self.subject, bound=self.form, status=422)
        try:
            said = perform()
        except moving.NotFound as gone:
            raise Http404 from gone
        except volunteers.VolunteerRefused as refused:
            return self._redraw(reload(), moving.Conflict("refused", str(refused)))
        except moving.Refused as refused:
            other = on_refused(refused)
            if not isinstance(other, str):
                return other or self._redraw(reload(), refused)
            said = other
        if said:
            messages.success(self.request, said)
        return follow()

    def _redraw(self, fresh: Any, refused: moving.Refused) -> HttpResponse:
        given: dict[str, Any] = {"bound": self.form, "status": refused.status}
        if self.form is not None and refused.field in self.form.fields:
            self.form.add_error(refused.field, refused.message)
        else:
            given["problem"] = refused.message
        return self.show(self.request, fresh, **given)


def deny_forbidden(refused: moving.Refused) -> None:
    """Answer Forbidden by the 403 page; an `on_refused`."""
    if isinstance(refused, moving.Forbidden):
        raise PermissionDenied(refused.message) from refused


def typed_words(form: forms.BaseForm) -> str:
    """The words typed for a verb that is not possible any more, to be copied."""
    return "\n".join(str(form.data.get(name, "")) for name in ("words", "why")).strip()


def perform(
    appeal_id: int, actor: Actor, form: VerbForm, expect: int | None = None, *, sender: str
) -> Event:
    """Do the verb of a valid form. Raises `moving.Refused`, for a bad photo at field `photos`; then
    nothing has changed and no photo is kept. `sender` has the budget for photos (`sender_of`).
    """
    given = form.values()

    def act(kept: tuple[photos.StoredPhoto, ...]) -> Event:
        more = {"photos": kept} if kept else {}
        return form.verb.perform(appeal_id, actor, **given, **more, expect=expect)

    return run_with_photos(act, given.pop("photos", ()), sender)


def run_with_photos(
    step: Callable[[tuple[photos.StoredPhoto, ...]], Done], uploads: Iterable[Any], sender: str
) -> Done:
    """Do a step with its uploaded photos; a refusal discards them."""
    try:
        kept = store_photos(uploads, sender)
    except photos.BadPhoto as bad:
        later = isinstance(bad, photos.NoRoom | photos.BudgetSpent)
        raise moving.Refused("no_room" if later else "bad_photo", str(bad), "photos") from bad
    try:
        return step(kept)
    except moving.Refused:
        photos.discard(kept)
        raise


def store_photos(uploads: Iterable[Any], sender: str) -> tuple[photos.StoredPhoto, ...]:
    """Check and store uploaded photos. Raises `photos.BadPhoto`, and none is kept then."""
    kept: tuple[photos.StoredPhoto, ...] = ()
    try:
        for upload in uploads:
            kept += (photos.store(upload.read(), sender),)
    except photos.BadPhoto:
        photos.discard(kept)
        raise
    return kept


def is_duplicate(own: QuerySet[Event], form: VerbForm, seen: int | None) -> bool:
    """Is this a duplicate submission? One of the sender's events (`own`) has the same words since
    the version `seen` by the form, or within a minute where the form has none.

    False for verbs with other fields, such as a category: a second submission may be intended.
    """
    if {field.name for field in form.verb.fields} - _REPEATABLE - _SAME.get(form.verb, set()):
        return False
    given: dict[str, Any] = form.cleaned_data
    same: dict[str, Any] = {
        name: text_cleaning.clean_words(given.get(name) or "") for name in ("words", "why")
    }
    same |= {"facts__unit": given["unit"]} if given.get("unit") else {}
    if form.verb is RATE:
        same |= {f"facts__{name}": given.get(name) for name in ("solved", "satisfaction")}
        same["facts__unreached"] = bool(given.get("unreached"))
    lately = timezone.now() - timedelta(minutes=1)
    since = {"at__gte": lately} if seen is None else {"seq__gt": seen}
    return own.filter(verb=form.verb.name, **since, **same).exists()
