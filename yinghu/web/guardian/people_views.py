"""Protected people: list with tasks, registration, page of one person, end of consent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yinghu.appeals.moving import NotFound, Refused
from yinghu.guardian import people_actions
from yinghu.guardian.models import ProtectedPerson, Tag
from yinghu.guardian.people_gaps import gaps_of, missing_something, notice_day, with_gaps
from yinghu.guardian.registration import Invalid, PersonDetails
from yinghu.people import protected_disclosure
from yinghu.people.access import Actor, protected_areas, protected_q
from yinghu.people.models import Change
from yinghu.ui.decorators import staff_action, staff_page
from yinghu.ui.photo_response import jpeg_response
from yinghu.ui.requests import sender_of, who
from yinghu.web.guardian.person_form import (
    SEXES,
    PersonForm,
    initial_of,
    initial_rows,
    today_initial,
)

State = ProtectedPerson.State
_MOST_TASKS: Final = 50

LOOKS: Final[dict[str, tuple[str, str]]] = {
    State.APPLIED: ("orange", "hourglass"),
    State.ACTIVE: ("green", "circle-check"),
    State.ENDED: ("secondary", "archive"),
}
"""Colour and icon of each state."""


def people_of(actor: Actor) -> QuerySet[ProtectedPerson]:
    """Return the protected people in the actor's areas."""
    people = ProtectedPerson.objects.filter(protected_q(actor))
    return people.select_related("key", "area").defer("area__outline", "photo")


def one_of(request: HttpRequest, pk: int) -> ProtectedPerson:
    """Return the person of a URL; 404 for people elsewhere."""
    return get_object_or_404(with_gaps(people_of(who(request))), pk=pk)


@staff_page("guardian")
def people_page(request: HttpRequest) -> HttpResponse:
    """List the people in the actor's areas: what to do first, then everybody of a state."""
    people = with_gaps(people_of(who(request)))
    counts = dict(people.values_list("state").annotate(n=Count("pk")))
    state = request.GET.get("state", State.ACTIVE.value)
    if state not in State.values:
        state = State.ACTIVE.value
    waiting = missing_something(people) | people.filter(state=State.APPLIED)
    tasks = list(waiting.order_by("-state", "review_on", "pk")[:_MOST_TASKS])
    pages = Paginator(people.filter(state=state).order_by("area", "pk"), 50)
    page = pages.get_page(request.GET.get("page"))
    context = {
        "desk": "guardian",
        "tasks": _lines(tasks) if state == State.ACTIVE else [],
        "more": waiting.count() - len(tasks),
        "lines": _lines(list(page.object_list)),
        "page": page,
        "state": state,
        "states": [
            (value, label, counts.get(value, 0), value == state) for value, label in State.choices
        ],
    }
    return render(request, "guardian/people.html", context)


def _lines(people: list[ProtectedPerson]) -> list[dict[str, Any]]:
    notice = notice_day()
    return [
        {
            "one": person,
            "name": protected_disclosure.masked_protected_name(person)
            if person.state != State.ENDED
            else "",
            "gaps": gaps_of(person, notice),
            "look": LOOKS[person.state],
        }
        for person in people
    ]


@staff_page("guardian", methods=("GET", "HEAD", "POST"))
def person_new(request: HttpRequest) -> HttpResponse:
    """Register a person."""
    actor = who(request)
    areas = protected_areas(actor)
    if request.method != "POST":
        form = PersonForm(initial=today_initial(areas[0] if len(areas) == 1 else ""))
        return _form_page(request, form)
    form = PersonForm(request.POST, request.FILES)

    def act() -> ProtectedPerson:
        return people_actions.register(actor, form.registration(), sender=sender_of(request))

    return _save(request, form, act, _("已登记。接下来请缝布条，扫一下启用"))


@staff_page("guardian", methods=("GET", "HEAD", "POST"))
def person_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what is stored of a person; the form shows everything, which is a look."""
    actor, person = who(request), one_of(request, pk)
    if person.state == State.ENDED:
        return redirect("guardian_person", pk)
    if request.method != "POST":
        guardians = list(person.guardians.filter(active=True))
        shown = protected_disclosure.show_protected(actor, person, guardians)
        form = PersonForm(
            initial=initial_of(person, shown), guardians=initial_rows(guardians, shown)
        )
        return _form_page(request, form, person)
    form = PersonForm(request.POST, request.FILES)

    def act() -> ProtectedPerson:
        return people_actions.update(pk, actor, form.registration(), sender=sender_of(request))

    return _save(request, form, act, _("已保存"), person)


def _save(
    request: HttpRequest,
    form: PersonForm,
    act: Callable[[], ProtectedPerson],
    said: str,
    person: ProtectedPerson | None = None,
) -> HttpResponse:
    status = 422
    if form.is_valid():
        try:
            saved = act()
        except NotFound as gone:
            raise Http404 from gone
        except Invalid as wrong:
            form.add_faults(wrong.faults)
        except Refused as refused:
            status = refused.status
            form.add_error(refused.field if refused.field in form.fields else None, refused.message)
        else:
            messages.success(request, said)
            return redirect("guardian_person", saved.pk)
    return _form_page(request, form, person, status=status)


def _form_page(
    request: HttpRequest,
    form: PersonForm,
    person: ProtectedPerson | None = None,
    status: int = 200,
) -> HttpResponse:
    wrong = form.is_bound and bool(form.errors or any(row.errors for row in form.rows))
    context = {"desk": "guardian", "form": form, "one": person, "wrong": wrong}
    return render(request, "guardian/person_form.html", context, status=status)


@staff_page("guardian")
def person_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a person in full, which is a look; of a wiped one, the proof."""
    return _show(request, one_of(request, pk))


def _show(
    request: HttpRequest, person: ProtectedPerson, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "desk": "guardian",
        "one": person,
        "look": LOOKS[person.state],
        "problem": problem,
        "told": _told(person),
        "seen": protected_disclosure.looks_at(person.pk),
    }
    if person.state == State.ENDED:
        context["check"] = people_actions.check_wiped(person.pk)
        return render(request, "guardian/person_wiped.html", context, status=status)
    guardians = list(person.guardians.filter(active=True))
    shown = protected_disclosure.show_protected(who(request), person, guardians)
    details = PersonDetails.of(shown.details)
    context |= {
        "details": details,
        "sex": SEXES.get(details.sex, ""),
        "age": timezone.localdate().year - details.birth_year if details.birth_year else 0,
        "consent": shown.consent,
        "guardians": list(zip(guardians, shown.guardians, strict=True)),
        "gaps": gaps_of(person, notice_day()),
        "tags": Tag.objects.filter(person=person).aggregate(
            active=Count("pk", filter=Q(state=Tag.State.ACTIVE)), all=Count("pk")
        ),
        # The look of this very page counts.
        "seen": protected_disclosure.looks_at(person.pk),
        "has_photo": ProtectedPerson.objects.filter(pk=person.pk).exclude(photo=b"").exists(),
    }
    return render(request, "guardian/person.html", context, status=status)


def _told(person: ProtectedPerson) -> list[tuple[Any, Change]]:
    rows = Change.objects.filter(kind=people_actions.KIND, key=str(person.pk))
    rows = rows.select_related("user").order_by("-id")[:50]
    return [(people_actions.STEPS[change.after["step"]], change) for change in rows]


@staff_page("guardian")
def person_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the photo, as part of the same look; it is not cached."""
    person = one_of(request, pk)
    return jpeg_response(protected_disclosure.show_protected_photo(who(request), person))


@dataclass(frozen=True, slots=True)
class PersonAct:
    """A button of the page: what it says when done, its function, and whether it wipes."""

    done: Any
    act: Callable[[int, Actor], object]
    wipes: bool = False


ACTS: Final[dict[str, PersonAct]] = {
    "approve": PersonAct(
        gettext_lazy("已通过。接下来请缝布条，扫一下启用"), people_actions.approve
    ),
    "refuse": PersonAct(gettext_lazy("没有通过，资料已清除"), people_actions.refuse, wipes=True),
    "review": PersonAct(gettext_lazy("已记下复核"), people_actions.review),
    "end": PersonAct(gettext_lazy("资料已清除"), people_actions.end_consent, wipes=True),
}


@staff_action("guardian")
def person_act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Do one of `ACTS`. Wiping has to be confirmed by a tick."""
    row = ACTS.get(verb)
    if row is None:
        raise Http404
    person = one_of(request, pk)
    if row.wipes and not request.POST.get("sure"):
        return _show(request, person, _("清除以后找不回来，请先打勾确认"), status=422)
    try:
        row.act(pk, who(request))
    except NotFound as gone:
        raise Http404 from gone
    except Refused as refused:
        return _show(request, one_of(request, pk), refused.message, status=refused.status)
    messages.success(request, str(row.done))
    return redirect("guardian_person", pk)
