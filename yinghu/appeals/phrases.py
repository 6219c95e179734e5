"""Texts of verbs that depend on an event; the `*_said` take msgids (`gettext_noop`)."""

from collections.abc import Mapping
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from yinghu.appeals.models import Event
from yinghu.appeals.states import Satisfaction
from yinghu.appeals.verb import EventText
from yinghu.common.language import is_english, name_of


def said(text: str) -> EventText:
    """The text as it is."""
    return lambda _event: _(text)


def unit_said(text: str) -> EventText:
    """The text with the name of the unit that has the case."""
    return lambda event: _(text) % unit_of(event)


def unit_of(event: Event) -> str:
    """Return the name of the event's unit."""
    return name_of(event.unit) if event.unit else pgettext("sentence", "承办单位")


def fact_in(facts: Mapping[str, Any], name: str, default: Any = "") -> Any:
    """Return a fact in the reader's language: English ones have the suffix `_en`."""
    return (is_english() and facts.get(f"{name}_en")) or facts.get(name, default)


def fact_said(text: str, fact: str = "name") -> EventText:
    """The text with one of the event's facts."""
    return lambda event: _(text) % str(fact_in(event.facts, fact))


def by_requester_or_staff(own: str, ours: str) -> EventText:
    """`own` if the requester acted, `ours` if staff did it for them."""
    return lambda event: _(own) if event.actor_kind == "requester" else _(ours)


def name_detail(event: Event) -> str:
    return str(event.facts.get("name", ""))


def unit_detail(event: Event) -> str:
    """Return the unit that the case goes to."""
    return f"→ {name_of(event.unit)}" if event.unit else ""


def deadline_detail(event: Event) -> str:
    """Return the deadline that the event sets."""
    until = parse_datetime(event.facts.get("until", ""))
    return _("%s 以前") % f"{localtime(until):%Y-%m-%d %H:%M}" if until else ""


def agreement_of(event: Event) -> str:
    """Return "agreed" or "refused" as text."""
    return _("同意") if event.facts.get("agree") else _("不同意")


def rating_of(facts: Mapping[str, Any]) -> str:
    """Return a rating as text."""
    return joined(
        _("解决了") if facts.get("solved") else _("没有解决"),
        _(Satisfaction(facts["satisfaction"]).label),
        _("单位没有联系过") if facts.get("unreached") else "",
    )


def joined(*parts: str) -> str:
    """Join the non-empty parts."""
    return " · ".join(part for part in parts if part)
