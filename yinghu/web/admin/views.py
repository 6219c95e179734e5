"""Index, lists, forms, and out of use or back: the same views for every kind of the set-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from yinghu.appeals.models import Category
from yinghu.people import invitations
from yinghu.places import locate
from yinghu.places.models import Area, Place
from yinghu.ui.forms import FilingForm
from yinghu.ui.icons import icon_words
from yinghu.ui.requests import login_of
from yinghu.web.admin import errands, first_run, legs, questions, services
from yinghu.web.admin.decorators import door, kind_of, row_of
from yinghu.web.admin.kinds import Kind, SetupForm, State
from yinghu.web.admin.registry import KINDS
from yinghu.web.admin.services import Difference, Refused

PAGE = 50
WHICH = ("active", "retired", "all")


@door("GET")
def index(request: HttpRequest) -> HttpResponse:
    """What a city is made of, in the order in which it is set up, and what is missing."""
    first_run.take_up(request)
    cards: list[dict[str, Any]] = []
    for kind in KINDS.values():
        cards.append(
            {
                "href": reverse("setup_list", args=[kind.name]),
                "icon": kind.icon,
                "title": kind.title,
                "why": kind.why,
                "count": kind.count(),
                "warnings": kind.warnings(),
            }
        )
    context = {"cards": cards, "guide": reverse("guide"), "desk": "setup"}
    return render(request, "admin/index.html", context)


@door("GET")
def listing(request: HttpRequest, name: str) -> HttpResponse:
    """The rows of a kind, by what was typed, in use or not; areas as a tree."""
    kind = kind_of(name)
    query = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    which = request.GET.get("which", "active")
    which = which if which in WHICH and kind.retires else "active"
    under = request.GET.get("under", "").replace("\x00", "")[:24]
    found = kind.rows(query, which, under)
    if kind.name == "area" and not (query or under) and len(found) == 1:
        # A city's own county would be a list of one.
        under = found[0].code
        found = kind.rows(query, which, under)
    pages = Paginator(found, PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = {
        "kind": kind,
        "rows": kind.listed(list(page.object_list)),
        "page": page,
        "total": pages.count,
        "query": query,
        "which": which,
        "under": under,
        "trail": kind.trail(under) if under else [],
        "warnings": kind.warnings() if page.number == 1 and not query else [],
        "panels": kind.panels() if page.number == 1 and not query else [],
        "desk": "setup",
    }
    return render(request, "admin/list.html", context)


@door("GET", "POST")
def new(request: HttpRequest, name: str) -> HttpResponse:
    """A new row."""
    kind = kind_of(name)
    if not kind.creates:
        raise Http404
    if request.method == "GET":
        form = kind.form(kind.around(kind), initial=_first(request))
        return _page(request, kind, form)
    if "rearrange" in request.POST:
        return _rearranged(request, kind, kind.form(kind.around(kind), data=request.POST))
    try:
        with services.alone():
            form = kind.form(kind.around(kind), data=request.POST)
            if not form.is_valid():
                return _page(request, kind, form, status=422)
            thing = services.create(kind, login_of(request), form.cleaned_data)
    except IntegrityError:
        # Whoever writes by the command line does not wait for us.
        problem = _("刚刚有人建了同样的，请核对后换一个代码")
        return _page(request, kind, form, status=409, problem=problem)
    messages.success(request, _("已建好，马上生效"))
    return redirect("setup_row", name, kind.key(thing))


def _first(request: HttpRequest) -> dict[str, Any]:
    """What a new row begins with, where the link says so."""
    under = request.GET.get("under", "")[:24]
    category, user = request.GET.get("category", "")[:60], request.GET.get("user", "")[:40]
    return {"code": under, "area": under, "category": category, "user": user}


@door("GET", "POST")
def row(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """One row, to look at and to change."""
    kind = kind_of(name)
    thing = row_of(kind, key)
    if request.method == "GET":
        form = kind.form(kind.around(kind), key, initial=kind.cells(thing))
        return _page(request, kind, form, thing)
    if "rearrange" in request.POST:
        return _rearranged(request, kind, kind.form(kind.around(kind), key, request.POST), thing)
    with services.alone():
        thing = row_of(kind, key)
        data: Any = _emptied(kind, request.POST) if "empty" in request.POST else request.POST
        form = kind.form(kind.around(kind), key, data)
        if not form.is_valid():
            return _page(request, kind, form, thing, status=422)
        now = _without_active(kind.state(thing))
        seen = _seen(request, kind, key)
        if seen != now:
            return _crossed(request, kind, thing, form, seen, now)
        done = services.change(kind, login_of(request), thing, form.cleaned_data)
    if done:
        messages.success(request, _("已保存，马上生效"))
    else:
        messages.info(request, _("没有改动"))
    if kind.find(key) is None:
        return redirect("setup_list", name)
    return redirect("setup_row", name, key)


def _emptied(kind: Kind, typed: QueryDict) -> dict[str, str]:
    """The form with nothing in it, on purpose: back to what stands there by itself."""
    return {"seen": typed.get("seen", ""), "empty": "1", **dict.fromkeys(kind.labels, "")}


def _crossed(
    request: HttpRequest, kind: Kind, thing: Any, form: SetupForm, seen: State, now: State
) -> HttpResponse:
    """Somebody else saved meanwhile: who and what; what was typed stays, the rest is theirs."""
    data = request.POST.copy()
    for name in form.cleaned_data:
        if seen and form.cleaned_data[name] == seen.get(name):
            data[name] = kind.cells(thing)[name]
    key = kind.key(thing)
    again = kind.form(kind.around(kind), key, data)
    others = services.meanwhile(kind, key, seen, now)
    return _page(request, kind, again, thing, status=409, others=others, stale=True)


def _without_active(state: State) -> State:
    return {name: value for name, value in state.items() if name != "active"}


def _seen(request: HttpRequest, kind: Kind, key: str) -> State:
    """The values that the form was made from; {} where it does not say, or not truly."""
    try:
        found: State = signing.loads(request.POST.get("seen", ""), salt=f"{kind.name}:{key}")
    except signing.BadSignature:
        return {}
    return found


def _page(
    request: HttpRequest,
    kind: Kind,
    form: SetupForm,
    thing: Any = None,
    *,
    status: int = 200,
    problem: str = "",
    others: list[Difference] | None = None,
    stale: bool = False,
) -> HttpResponse:
    """The form of a row as a page."""
    state = kind.state(thing) if thing is not None else {}
    key = kind.key(thing) if thing is not None else ""
    context: dict[str, Any] = {
        "kind": kind,
        "form": form,
        "fields": [
            (bound, kind.hint(bound.name, thing), kind.marks.get(bound.name, "")) for bound in form
        ],
        "thing": thing,
        "key": key,
        "key_label": kind.labels[kind.form.fixed[0]] if len(kind.form.fixed) == 1 else _("代码"),
        "called": kind.label(thing) if thing is not None else "",
        "active": state.get("active", True),
        "seen": signing.dumps(_without_active(state), salt=f"{kind.name}:{key}", compress=True),
        "problem": problem,
        "others": others or [],
        "stale": stale,
        "under": request.POST.get("under", request.GET.get("under", ""))[:24],
        "desk": "setup",
    }
    if thing is not None and not form.fields:
        # Nothing of it can be changed: then it is shown.
        (row,) = kind.listed([thing])
        context["facts"] = list(zip(kind.heads, row.cells, strict=True))
    if kind.name == "category":
        context |= _asked(form) | {"icons": icon_words().items()}
    if kind.name == "errand":
        context |= errands.drawn(form)
    if kind.name == "helper" and thing is None:
        context["places"] = Place.objects.filter(active=True).values_list("code", "name")
    if kind.name == "user" and thing is not None:
        context["open_link"] = bool(invitations.waiting([thing]))
    if thing is not None:
        context |= kind.ours(thing)
    if "lon" in form.fields:
        county = Area.objects.filter(retired_at=None).order_by("level", "code").first()
        context |= {
            "county": county.pk if county else "",
            "nowhere": locate.box() is None,
            "tiles": settings.MAP_TILES,
        }
    return render(request, "admin/row.html", context, status=status)


def _asked(form: SetupForm) -> dict[str, Any]:
    """A category's questions as rows to edit, and as the citizen will see them."""
    value = form["questions"].value()
    rows = _rows(value) if isinstance(value, str) else value or []
    kept = _rows(form.around.cells(form.key).get("questions", ""))
    old = {each["key"] for each in kept if each["key"]}
    rows = [each | {"old": "1" if each["key"] in old else ""} for each in rows]
    return {
        "questions": rows,
        "question_kinds": questions.KINDS.items(),
        "may_add": len(rows) < questions.MOST,
        "preview": _preview(rows),
    }


def _rows(text: str) -> list[dict[str, str]]:
    """What is kept or was sent, also where it breaks a rule: here it can be mended."""
    try:
        return questions.rows_in(text)
    except ValidationError:
        return []


def _preview(rows: list[dict[str, str]]) -> list[Any]:
    """The questions that are whole, as fields of the citizen's form."""
    whole: list[dict[str, Any]] = []
    for each in rows:
        try:
            whole += questions.QuestionsField(required=False).clean([each])
        except ValidationError:
            continue
    for n, question in enumerate(whole):
        question["key"] = f"{n}"
    return FilingForm(category=Category(questions=whole)).asked()


def _rearranged(
    request: HttpRequest, kind: Kind, form: SetupForm, thing: Any = None
) -> HttpResponse:
    """The form as typed, its questions or legs added to, moved or fewer; nothing is saved."""
    if kind.name not in _TABLES:
        raise Http404
    name, part, typed_rows, rearranged, drawn = _TABLES[kind.name]
    rows = rearranged(typed_rows(request.POST), request.POST.get("rearrange", "")[:20])
    typed: Mapping[str, Any] = {
        name: request.POST[name] for name in form.fields if name in request.POST
    }
    again = kind.form(form.around, form.key, initial={**typed, name: rows})
    if request.headers.get("HX-Request"):
        return render(request, part, drawn(again))
    return _page(request, kind, again, thing)


_TABLES: dict[str, tuple[str, str, Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "category": (
        "questions",
        "admin/questions.html",
        questions.typed_rows,
        questions.rearranged,
        _asked,
    ),
    "errand": (
        "legs",
        "admin/legs.html",
        legs.typed_rows,
        errands.rearranged,
        errands.drawn,
    ),
}
"""Kinds with a small table in their form: its field, the template that draws it, how its rows are
read off what was typed, how they move, and what the template takes.
"""


@door("GET", "POST")
def retire(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Out of use: first what that touches, then doing it."""
    kind = kind_of(name)
    thing = row_of(kind, key)
    if not kind.retires:
        raise Http404
    problem = ""
    if request.method == "POST":
        try:
            with services.alone():
                services.retire(kind, login_of(request), row_of(kind, key))
            messages.success(request, _("已停用“%s”；随时可以恢复") % kind.label(thing))
            return redirect("setup_list", name)
        except Refused as refused:
            problem = str(refused)
    context = {
        "kind": kind,
        "thing": thing,
        "key": key,
        "called": kind.label(thing),
        "active": kind.state(thing)["active"],
        "concerns": kind.concerns(thing),
        "problem": problem or kind.obstacle(thing),
        "desk": "setup",
    }
    status = 409 if problem else 200
    return render(request, "admin/retire.html", context, status=status)


@door("POST")
def restore(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Back into use."""
    kind = kind_of(name)
    if not kind.retires:
        raise Http404
    try:
        with services.alone():
            services.bring_back(kind, login_of(request), row_of(kind, key))
        messages.success(request, _("已恢复，马上生效"))
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("setup_row", name, key)
