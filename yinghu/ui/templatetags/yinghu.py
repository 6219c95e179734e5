"""Template tags and filters for the components of pages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.db.models import QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from yinghu.appeals import channels, city_texts, inboxes
from yinghu.appeals.labels import status_label
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import ClockKind, Status, Urgency
from yinghu.appeals.verb import Verb
from yinghu.common.language import name_of, title_of
from yinghu.common.privacy.phones import PhoneCall, call_for
from yinghu.notifications import read_state
from yinghu.oversight import alarms, whistle_duties
from yinghu.oversight import shared_cases as sharing
from yinghu.people import disclosure
from yinghu.people.access import Actor, desks_of, forces_of
from yinghu.people.disclosure import Person
from yinghu.places import locate
from yinghu.ui import event_text, navigation, phones, requests, times
from yinghu.ui.forms import SeveralInput
from yinghu.ui.timeline import Story
from yinghu.ui.waiting import count_waiting_cases
from yinghu.verbs import PRIVATE, VERBS, verb_of

register = template.Library()

ALARMS_SHOWN = 1
"""Alarms in the header, whose height must not change."""
ALARMS_ON_PAGE = 100
"""Alarms on their own page; further ones follow when some of these have been judged."""

STATUS_LOOKS: dict[Status, tuple[str, str]] = {
    Status.FILED: ("azure", "clipboard-text"),
    Status.SORTED: ("indigo", "route"),
    Status.ASSIGNED: ("orange", "bell"),
    Status.HANDLING: ("blue", "bolt"),
    Status.WAITING: ("yellow", "message-question"),
    Status.RESOLVED: ("teal", "circle-check"),
    Status.CLOSED: ("green", "checks"),
    Status.MERGED: ("secondary", "git-merge"),
    Status.DECLINED: ("secondary", "ban"),
    Status.WITHDRAWN: ("secondary", "arrow-back-up"),
}
"""Colour and icon of each status."""

_CALLABLE = re.compile(r"\+?[0-9][0-9-]{1,19}", re.ASCII)

_POINTING = frozenset(
    {"arrow-back-up", "arrow-left", "arrow-right", "chevron-left", "chevron-right", "send"}
)
"""Directional icons, mirrored in right-to-left languages."""


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, extra: str = "") -> SafeString:
    """Draw a decorative icon of the sprite."""
    if name in _POINTING:
        extra = f"{extra} points".strip()
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra,
        static("vendor/icons.svg"),
        name or "dots",
    )


@register.simple_tag
def status_badge(status: str, extra: str = "") -> SafeString:
    """Draw the badge of a status."""
    state = Status(status)
    colour, symbol = STATUS_LOOKS[state]
    return format_html(
        '<span class="badge status-badge is-{0} {1}">{2} {3}</span>',
        colour,
        extra,
        icon(symbol),
        status_label(state),
    )


@register.simple_tag
def urgency_badge(urgency: int, guessed: int = 0) -> SafeString | str:
    """Draw the badge of an urgency above normal, paler if it is only suggested (`guessed`)."""
    level = Urgency(guessed or urgency)
    if level is Urgency.NORMAL:
        return ""
    emergency = level is Urgency.EMERGENCY
    look, paler = ("bg-red", "is-red") if emergency else ("bg-orange", "is-orange")
    symbol, text = "alert-triangle" if emergency else "flame", _(level.label)
    if guessed:
        look, symbol, text = paler, "sparkles", _("建议：%s") % text
    else:
        look += " text-white"
    return format_html('<span class="badge status-badge {}">{} {}</span>', look, icon(symbol), text)


@register.simple_tag
def says(key: str) -> str:
    """Return the city's own text for this key of `city_texts`, or the default."""
    return city_texts.text(key)


@register.simple_tag
def emergency_numbers() -> list[tuple[str, str]]:
    """Return (number, what it is for) of the city's emergency numbers."""
    parts = re.split(r"[、,，;；\n]", city_texts.text("emergency_numbers"))
    found = (part.split(maxsplit=1) for part in parts)
    return [
        (number, " ".join(name))
        for number, *name in filter(None, found)
        if _CALLABLE.fullmatch(number)
    ]


@register.filter
def nth(things: Any, index: int) -> Any:
    """Return the item at an index; "" beyond the end."""
    return things[index] if index < len(things) else ""


@register.filter
def verb_icon(verb: Verb | str) -> str:
    """Return the icon of a verb, also given by name."""
    return VERBS[str(verb)].icon


@register.filter
def verb_label(name: str) -> str:
    """Return the translated label of a verb's name."""
    return _(VERBS[name].label)


@register.filter("label")
def translated_label(member: Any) -> str:
    """Return the translated label of a status, verb, class …"""
    return _(member.label) if member else ""


@register.filter("channel_label")
def translated_channel(code: str) -> str:
    """Return the translated label of a channel."""
    return _(channels.channel_label(code))


@register.filter
def named(thing: Any) -> str:
    """Return the translated name of a category, unit, area or place."""
    if not thing:
        return ""
    return name_of(thing) if hasattr(thing, "name_en") else str(thing.name)


register.filter("titled", title_of)


@register.filter
def yuan(cents: int | None) -> str:
    """Format cents as yuan."""
    return "" if cents is None else _("%s 元") % f"{cents / 100:.2f}"


@register.filter
def distance(metres: float | None) -> str:
    """Word a distance in steps of 100 m, or whole kilometres from 10 km on."""
    if metres is None:
        return ""
    if metres < 1000:
        return _("约 %d 米") % max(100, round(metres / 100) * 100)
    kilometres = metres / 1000
    shown = f"{kilometres:.0f}" if kilometres >= 10 else f"{kilometres:.1f}"
    return _("约 %s 公里") % shown


register.filter("phone", phones.draw_phone)
register.filter("ago", times.since)
register.filter("day_time", times.day_time)
register.simple_tag(times.time_words)


@register.simple_tag
def clock(running: Clock, bare: bool = False) -> SafeString:
    """Draw a clock: its kind and the time left, late or paused; `times.js` keeps it up to date.

    One that is paused for a ruling shows the time left for that.
    """
    named = "" if bare else _(ClockKind(running.kind).label)
    if named and running.unit_id:
        named = f"{named} · {name_of(running.unit)}"
    if running.awaited is not None:
        running, waits = running.awaited, _("等裁定")
        named = f"{named} · {waits}" if named else waits
    left = running.due_at - timezone.now()
    paused = running.paused_at is not None
    if paused:
        look, symbol = "secondary", "clock-pause"
    elif left < timedelta():
        look, symbol = "red", "clock-exclamation"
    else:
        look, symbol = "orange" if left < times.SOON else "secondary", "clock"
    return format_html(
        '<span class="clock text-{}" title="{}"{}>{}{} <span class="clock-left">{}</span></span>',
        look,
        times.day_time(running.due_at),
        "" if paused else format_html(' data-due="{}"', int(running.due_at.timestamp())),
        icon(symbol),
        format_html("<span>{}</span>", named) if named else "",
        _("暂停计时") if paused else times.left(left),
    )


@register.filter
def clock_kind(kind: str) -> str:
    """Return the translated label of a clock kind."""
    return _(ClockKind(kind).label)


@register.inclusion_tag("ui/parts/timeline.html")
def timeline(appeal: Appeal, story: Story, reader: str = "requester") -> dict[str, Any]:
    """Draw a timeline, newest first; "staff" sees who and why, "field" the public events."""
    inside, own = reader == "staff", reader == "requester"
    steps = []
    for event in reversed(story.events):
        verb, public = verb_of(event), event.verb not in PRIVATE
        if inside or public:
            step = {
                "event": event,
                "icon": verb.icon,
                "text": verb.told_of(event) if own else verb.done_by(event),
                "who": event_text.by_whom(event),
                "why": event_text.why_of(event),
                "facts": verb.detail_of(event) if inside else "",
                "public": public,
                "photos": story.photos.get(event.pk, ()),
            }
            steps.append(step)
    page = {"requester": "track", "staff": "case", "field": "task"}[reader]
    token = appeal.token if own else ""
    here = reverse(page, args=[token or appeal.number])
    return {"steps": steps, "inside": inside, "story": story, "here": here, "token": token}


@register.simple_tag
def phone_call(phone: str) -> PhoneCall | None:
    """What to dial for a stored phone, completed by the city's area code; None if unclear."""
    return call_for(phone, city_texts.text("area_code"))


@register.inclusion_tag("ui/parts/person.html")
def person(appeal: Appeal, shown: Person | None = None) -> dict[str, Any]:
    """Draw the requester: masked, or in full if `disclosure` has just revealed them (`shown`)."""
    masked = disclosure.masked(appeal)
    return {
        "masked": masked,
        "revealed": shown is not None,
        "person": shown or masked,
        "has_address": bool(appeal.address),
        "anonymous": not (masked.name or masked.phone),
    }


@register.inclusion_tag("ui/parts/photos.html")
def photos(appeal: Appeal, token: str = "", first: bool = False) -> dict[str, Any]:
    """Draw an appeal's photos, linked by tracking token or login; `first`: of the filing only."""
    found = appeal.attachments.order_by("id")
    return {"photos": list(found.filter(event=None) if first else found), "token": token}


@register.inclusion_tag("ui/parts/map.html")
def area_map(
    points: list[dict[str, Any]] | None = None,
    area: str = "",
    pick: str = "",
    extra: str = "",
    wait: bool = False,
    near: bool = False,
) -> dict[str, Any]:
    """Draw a map of `points` ({lon, lat, label, href, kind}, degrees of WGS-84) within an `area`.

    `pick` is the id of an element whose inputs lon and lat a click on the map fills; such a map
    begins at the box of all areas. With `wait` it is drawn when a script calls `yinghuMap`; `near`
    zooms to the points. The page must load `ui/map.js`.
    """
    box = locate.box() if pick else None
    given = {"points": points or [], "area": area, "pick": pick, "near": near, "box": box}
    return {
        "given": json.dumps(given),
        "tiles": settings.MAP_TILES,
        "credit": settings.MAP_CREDIT,
        "datum": settings.MAP_DATUM,
        "extra": extra,
        "wait": wait,
    }


@register.inclusion_tag("ui/parts/empty.html")
def empty_state(symbol: str, title: str, text: str = "", then: str = "") -> dict[str, str]:
    """Draw the placeholder of an empty list, with what to do."""
    return {"symbol": symbol, "title": title, "text": text, "then": then}


@register.inclusion_tag("ui/parts/field.html")
def field(bound: Any, hint: str = "", plain: bool = False, mark: str = "") -> dict[str, Any]:
    """Draw a form field: label, control, errors. `plain` hides "optional", `mark` replaces it."""
    widget = bound.field.widget
    many = isinstance(widget, CheckboxSelectMultiple)
    kind = "radio" if many else getattr(widget, "input_type", "textarea")
    attrs = _attrs(bound, kind)
    if kind == "radio":
        # Its options are drawn one by one and take the widget's attributes.
        widget.attrs |= {name: text for name, text in attrs.items() if name != "class"}
    return {
        "bound": bound,
        "hint": hint or bound.field.help_text,
        "plain": plain,
        "kind": kind,
        "many": many,
        "find": isinstance(widget, SeveralInput),
        "required": bound.field.required,
        "mark": mark,
        "control": bound.as_widget(attrs=attrs),
    }


def _attrs(bound: Any, kind: str) -> dict[str, str]:
    looks = {"select": "form-select", "checkbox": "form-check-input", "radio": "form-selectgroup"}
    attrs = {"class": looks.get(kind, "form-control") + (" is-invalid" if bound.errors else "")}
    if kind in ("text", "search", "textarea"):
        ltr = bound.field.widget.attrs.get("inputmode") in ("tel", "numeric", "decimal")
        attrs["dir"] = "ltr" if ltr else "auto"
    if bound.field.required:
        attrs["data-missing"] = str(bound.field.error_messages["required"])
    if bound.errors:
        attrs["aria-invalid"] = "true"
        attrs["aria-describedby"] = f"{bound.auto_id}-error"
    return attrs


@register.simple_tag(takes_context=True)
def desks(context: template.Context) -> list[dict[str, Any]]:
    """Return the login's desks for the header; empty for citizens and on error pages."""
    request: HttpRequest | None = context.get("request")
    if request is None or not getattr(request, "user", None) or not request.user.is_authenticated:
        return []
    return _header(request, str(context.get("desk", ""))).desks


@register.simple_tag(takes_context=True)
def alarm_lane(context: template.Context) -> dict[str, Any] | None:
    """Return the lane: the first `alarms`, the `count` of all, how many `more` there are and the
    `newest` that nobody looks at; None for those who are not told of alarms.
    """
    request: HttpRequest | None = context.get("request")
    if not desks(context) or request is None:
        return None
    header = _header(request)
    if not header.sees_alarms:
        return None
    is_all = context.get("desk") == "alarms"
    if not header.alarms:
        return {"alarms": [], "count": 0, "more": 0, "newest": 0, "is_all": is_all}
    found = alarms.alarmed_cases(requests.who(request))
    rows = found.select_related("area", "place").defer("area__outline")
    shown = alarms.read_alarms(rows[: ALARMS_ON_PAGE if is_all else ALARMS_SHOWN])
    return {
        "alarms": shown,
        "count": header.alarms,
        "more": max(0, header.alarms - len(shown)),
        "newest": alarms.newest_unseen(found),
        "is_all": is_all,
    }


@register.simple_tag(takes_context=True)
def any_counted(context: template.Context) -> bool:
    """Does a desk in the header have a live count?"""
    return any(desk["counted"] for desk in desks(context))


@dataclass(frozen=True, slots=True)
class _Header:
    desks: list[dict[str, Any]]
    sees_alarms: bool
    alarms: int


def _header(request: HttpRequest, here: str = "") -> _Header:
    """Return what the header shows, read once per request."""
    known: _Header | None = getattr(request, "_yinghu_header", None)
    if known is None:
        known = _read_header(requests.who(request), here)
        request._yinghu_header = known  # type: ignore[attr-defined]  # a request-long cache
    return known


_SAME_PAGES = {"guardian": "tags"}
"""A desk whose pages some logins have under another name."""


def _read_header(actor: Actor, here: str) -> _Header:
    mine, counted = desks_of(actor), dict[str, QuerySet[Any]](inboxes.desks_with(actor))
    if "whistles" in mine:
        counted["whistles"] = whistle_duties.pending_duties(actor)
    if "shared" in mine:
        counted |= {
            "shared": sharing.cases_without_contact(actor),
            "shares": sharing.shares_of(actor),
        }
    if "guardian" in mine:
        # Its pages lead to the tags, too.
        mine -= {"tags"}
    sees_alarms = "alarms" in mine
    if sees_alarms:
        counted["alarms"] = alarms.alarmed_cases(actor)
    waiting = count_waiting_cases(actor, counted)
    if not waiting.pop("shares", 0) and not forces_of(actor):
        # Hidden for units without shared cases, which are most.
        mine -= {"shared"}
    waiting["inbox"] = waiting.pop("unit", 0)
    tabs = [
        {
            "url": url,
            "icon": symbol,
            "label": text,
            "here": desk in (here, _SAME_PAGES.get(here)),
            "desk": desk,
            "waiting": waiting.get(desk, 0),
            "counted": desk in navigation.BADGED,
        }
        for desk, (url, symbol, text) in navigation.DESKS.items()
        if desk in mine
    ]
    return _Header(tabs, sees_alarms, waiting.get("alarms", 0))


@register.simple_tag(takes_context=True)
def waiting_at(context: template.Context, name: str) -> int:
    """Return how many cases wait at a desk, as its tab says; one query on a part of a page."""
    request: HttpRequest = context["request"]
    if hasattr(request, "_yinghu_header"):
        return next((desk["waiting"] for desk in desks(context) if desk["desk"] == name), 0)
    actor, inbox = requests.who(request), "unit" if name == "inbox" else name
    found = inboxes.desks_with(actor)
    own = {inbox: found[inbox]} if inbox in found else {}
    return count_waiting_cases(actor, own).get(inbox, 0)


@register.simple_tag(takes_context=True)
def unread_notices(context: template.Context) -> dict[str, Any]:
    """Return the bell's unread `count` and `version`."""
    found = read_state.unread(requests.login_of(context["request"]).pk)
    return {"count": found.count, "version": found.version}


@register.simple_tag(takes_context=True)
def guide_open(context: template.Context) -> bool:
    """Is the administrator in the first-run guide? Pages then link back to it."""
    request: HttpRequest | None = context.get("request")
    if not desks(context) or request is None or not request.session.get("guide"):
        return False
    return "setup" in desks_of(requests.who(request))


@register.simple_tag(takes_context=True)
def has_desk(context: template.Context, name: str) -> bool:
    """Does the login have the pages of this desk?"""
    return name in desks_of(requests.who(context["request"]))


@register.simple_tag
def demo_mode() -> bool:
    """Is demo mode on?"""
    return bool(settings.DEMO)
