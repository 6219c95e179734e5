"""Filter chips above the case list: predefined ones by desk, and a login's saved ones."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy

from yinghu.appeals import inboxes
from yinghu.people.access import desks_of
from yinghu.ui.requests import login_of, who
from yinghu.web.cases import search
from yinghu.web.cases.filters import NONE, Choices, Filter, FilterForm
from yinghu.web.models import SavedView

_QUEUES_AND_BOARD = frozenset({"inbox", "triage", "dispatch", "board"})
_IN_WORK = ("filed", "sorted", "assigned", "handling")

READY: tuple[tuple[Any, Filter, frozenset[str]], ...] = (
    (
        gettext_lazy("我手上的"),
        Filter(status=("handling", "waiting"), mine=True),
        frozenset({"inbox", "field"}),
    ),
    (gettext_lazy("等人接单"), Filter(status=("assigned",)), frozenset({"inbox", "dispatch"})),
    (gettext_lazy("超时的"), Filter(late=True), _QUEUES_AND_BOARD),
    (gettext_lazy("今天到期的"), Filter(today=True), frozenset({"inbox", "dispatch", "board"})),
    (gettext_lazy("退回来的"), Filter(returned=True), frozenset({"dispatch"})),
    (gettext_lazy("紧急的"), Filter(status=_IN_WORK, urgency=2), _QUEUES_AND_BOARD),
    (gettext_lazy("危急的"), Filter(status=_IN_WORK, urgency=3), _QUEUES_AND_BOARD),
    (gettext_lazy("等诉求人补充"), Filter(status=("waiting",)), frozenset({"inbox", "callback"})),
    (
        gettext_lazy("地点未定"),
        Filter(status=("filed", "sorted"), area=NONE),
        frozenset({"triage", "dispatch"}),
    ),
)
"""Predefined filters: name, filter, desks that have it."""


def filter_chips(request: HttpRequest, address: str, *, counted: bool = False) -> list[Any]:
    """List the predefined filters of the actor's desks and the login's saved ones.

    `n` is None if not counted; `here` marks the one whose query is `address`.
    """
    actor = who(request)
    mine = desks_of(actor)
    named = [(str(name), each.query(), each) for name, each, desks in READY if desks & mine]
    kept, choices = SavedView.objects.filter(user=login_of(request)), Choices()
    for name, query in kept.values_list("name", "query"):
        each = FilterForm(QueryDict(query), choices).filter() if counted else Filter()
        named.append((name, query, each))
    told: dict[str, int] = {}
    if counted:
        # Counting is slow; pages load it later. Searches are rate-limited too, and not counted.
        lists = {
            query: search.find_cases(actor, each)[1] for _name, query, each in named if not each.q
        }
        told = dict.fromkeys(lists, 0) | inboxes.counted(lists)
    return [
        {"name": name, "query": query, "n": told.get(query), "here": query == address}
        for name, query, _each in named
    ]
