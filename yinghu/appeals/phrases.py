"""What the rows of verbs are worded with: texts that depend on an event.

`*_said(text)` returns a function that translates the text when an event is read and puts into it
what the event says: mark the text with `gettext_noop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.labels import name_of
from yinghu.appeals.models import Event
from yinghu.appeals.states import Satisfaction
from yinghu.appeals.verb import EventText


def said(text: str) -> EventText:
    """The text as it stands."""
    return lambda _event: _(text)


def unit_said(text: str) -> EventText:
    """With the unit that has the case."""
    return lambda event: _(text) % unit_of(event)


def unit_of(event: Event) -> str:
    """The name of the unit that has the case after the event, for a sentence."""
    return name_of(event.unit) if event.unit else pgettext("sentence", "承办单位")


def fact_said(text: str, fact: str = "name") -> EventText:
    """With one of the event's facts."""
    return lambda event: _(text) % str(event.facts.get(fact, ""))


def own_or_ours(own: str, ours: str) -> EventText:
    """One text where its requester did it, another where somebody did it for them."""
    return lambda event: _(own) if event.actor_kind == "requester" else _(ours)


def name_detail(event: Event) -> str:
    """The name that an event keeps."""
    return str(event.facts.get("name", ""))


def unit_detail(event: Event) -> str:
    """To which unit the case goes."""
    return f"→ {name_of(event.unit)}" if event.unit else ""


def deadline_detail(event: Event) -> str:
    """The deadline that an event sets."""
    until = parse_datetime(event.facts.get("until", ""))
    return _("%s 以前") % f"{localtime(until):%Y-%m-%d %H:%M}" if until else ""


def agreement_of(event: Event) -> str:
    """Whether somebody agreed."""
    return _("同意") if event.facts.get("agree") else _("不同意")


def rating_of(facts: Mapping[str, Any]) -> str:
    """What a requester's rating says."""
    return joined(
        _("解决了") if facts.get("solved") else _("没有解决"),
        _(Satisfaction(facts["satisfaction"]).label),
        _("单位没有联系过") if facts.get("unreached") else "",
    )


def joined(*parts: str) -> str:
    """Parts of a line, but for the empty ones."""
    return " · ".join(part for part in parts if part)
