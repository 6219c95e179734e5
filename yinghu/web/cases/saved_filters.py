"""Filters on top of the list of cases: the ready ones of a desk, and those that somebody keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy

from yinghu.appeals import inboxes
from yinghu.people.access import desks_of
from yinghu.ui.requests import login_of, who
from yinghu.web.cases import search
from yinghu.web.cases.filters import NONE, Choices, Filter, FilterForm
from yinghu.web.models import SavedView

_AT_WORK = ("filed", "sorted", "assigned", "handling")

READY: tuple[tuple[Any, Filter, frozenset[str]], ...] = (
    (
        gettext_lazy("我手上的"),
        Filter(status=("handling", "waiting"), mine=True),
        frozenset({"inbox", "field"}),
    ),
    (gettext_lazy("等人接单"), Filter(status=("assigned",)), frozenset({"inbox", "dispatch"})),
    (
        gettext_lazy("超时的"),
        Filter(late=True),
        frozenset({"inbox", "triage", "dispatch", "board"}),
    ),
    (gettext_lazy("今天到期的"), Filter(today=True), frozenset({"inbox", "dispatch", "board"})),
    (gettext_lazy("退回来的"), Filter(returned=True), frozenset({"dispatch"})),
    (
        gettext_lazy("紧急的"),
        Filter(status=_AT_WORK, urgency=2),
        frozenset({"inbox", "triage", "dispatch", "board"}),
    ),
    (
        gettext_lazy("危急的"),
        Filter(status=_AT_WORK, urgency=3),
        frozenset({"inbox", "triage", "dispatch", "board"}),
    ),
    (gettext_lazy("等诉求人补充"), Filter(status=("waiting",)), frozenset({"inbox", "callback"})),
    (
        gettext_lazy("地点未定"),
        Filter(status=("filed", "sorted"), area=NONE),
        frozenset({"triage", "dispatch"}),
    ),
)
"""Filters that everybody has who has one of the desks: name, filter, desks."""


@dataclass(frozen=True, slots=True)
class View:
    """A filter on top of the list, with how many it finds now, "99+" beyond that and "" where it
    is not known.
    """

    name: str
    query: str
    n: str
    here: bool


def views_of(request: HttpRequest, address: str, *, counted: bool = False) -> list[View]:
    """The ready filters of the actor's desks and those kept by this login; `address` is the query
    of the one that is open. Counted only if asked: the page need not wait for that.
    """
    actor = who(request)
    mine = desks_of(actor)
    named = [(str(name), each.query(), each) for name, each, desks in READY if desks & mine]
    kept, choices = SavedView.objects.filter(user=login_of(request)), Choices()
    for name, query in kept.values_list("name", "query"):
        each = FilterForm(QueryDict(query), choices).filter() if counted else Filter()
        named.append((name, query, each))
    told: dict[str, str] = {}
    if counted:
        # What is looked for by words may cost much, and be slowed: it is counted when it is opened.
        lists = {query: search.found(actor, each)[1] for _name, query, each in named if not each.q}
        most = inboxes.COUNTED
        for query, n in (dict.fromkeys(lists, 0) | inboxes.counted(lists)).items():
            told[query] = f"{most - 1}+" if n >= most else str(n)
    return [
        View(name, query, told.get(query, ""), query == address) for name, query, _each in named
    ]
