"""What the views of all audiences share: who asks, which desk, rows of a list, pages of a list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yinghu.appeals.labels import headline_of
from yinghu.appeals.models import Appeal, Clock
from yinghu.appeals.states import OF_UNITS, ClockKind, Status
from yinghu.logins import actor_in
from yinghu.people.access import Actor, desks_of, may_reveal
from yinghu.people.models import Role, User
from yinghu.people.privacy import without_numbers as without_numbers
from yinghu.triage.models import Suggestion
from yinghu.web.marks import Mark, marks_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

PAGE = 30
"""Rows of a list before "more"."""
MOST_SHOWN = 10 * PAGE
"""Rows of a list that are asked for again at once."""

DESKS: dict[str, tuple[str, str, Any]] = {
    "own": ("own", "checks", _("我的待办")),
    "triage": ("triage", "clipboard-text", _("研判")),
    "dispatch": ("dispatch", "route", _("派单")),
    "inbox": ("inbox", "inbox", _("本单位")),
    "callback": ("callback", "phone", _("回访")),
    "whistles": ("whistles", "speakerphone", _("吹哨")),
    "shared": ("shared", "share", _("专班共享")),
    "field": ("field", "map-pin", _("现场")),
    "volunteers": ("volunteers", "users-group", pgettext_lazy("many", "志愿者")),
    "cases": ("cases", "list", _("全部诉求")),
    "oversight": ("oversight", "eye", _("督办")),
    "board": ("board", "chart-bar", _("看板")),
    "rates": ("rates", "chart-line", _("三率")),
    "setup": ("setup", "settings", _("设置")),
}
"""Desk of `access.desks_of` -> (name of its URL, icon, label), in the order of the header."""

_HOME = (
    (Role.CLERK, "triage"),
    (Role.DISPATCHER, "dispatch"),
    (Role.OPERATOR, "callback"),
    (Role.GRID_WORKER, "field"),
    (Role.HANDLER, "inbox"),
    (Role.HEAD, "inbox"),
    (Role.VOLUNTEER, "field"),
    (Role.COMMANDER, "board"),
    (Role.SUPERVISOR, "board"),
    (Role.ADMIN, "setup"),
)


def who(request: HttpRequest) -> Actor:
    """The actor of this request's login; one query a request. A stranger has no relation at all."""
    return actor_in(request)


def login_of(request: HttpRequest) -> User:
    """The login of a view for staff."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def staff(*desks: str) -> Callable[[View[P]], View[P]]:
    """For logins with one of these desks (any post at all where none is named)."""

    def wrap(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                if request.method == "GET" and "HX-Request" not in request.headers:
                    return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
                if request.method == "GET":
                    # A part that renews itself draws nothing then; `desk.js` says why.
                    return HttpResponse(status=204, headers={"X-Logged-Out": "yes"})
                return logged_out(request)
            actor = who(request)
            if not actor.is_staff or (desks and not desks_of(actor) & set(desks)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return cast("View[P]", guarded)

    return wrap


_NOT_WORDS = frozenset({"csrfmiddlewaretoken", "version", "back", "stay", "next", "number"})
_CHOSEN = re.compile(r"[A-Za-z0-9_.:+ -]{0,40}", re.ASCII)
"""What a button or a list fills in; whoever lost it chooses again in a moment."""


def logged_out(request: HttpRequest) -> HttpResponse:
    """401 to whoever sent a form after their login had ended: what they wrote, to copy, and the
    way back. None of it is kept here, nor written to a log.
    """
    written = [
        value.replace("\x00", "")
        for name, values in request.POST.lists()
        if name not in _NOT_WORDS and "password" not in name
        for value in values
        if value.strip() and (name in ("words", "why") or not _CHOSEN.fullmatch(value))
    ]
    try:
        came = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        came = urlsplit("")
    back = came.path + (f"?{came.query}" if came.query else "")
    if came.netloc != request.get_host() or not url_has_allowed_host_and_scheme(back, None):
        back = reverse("desk")
    login = f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': back})}"
    page = render(
        request,
        "web/logged_out.html",
        {"written": written, "login": login, "photos": bool(request.FILES)},
        status=401,
    )
    add_never_cache_headers(page)
    return page


def home_of(actor: Actor) -> str:
    """The name of the URL where this actor's day begins."""
    return next((url for role, url in _HOME if actor.has(role)), "start")


def absolute(path: str) -> str:
    """The address by which people outside reach a path of ours."""
    return f"{settings.SITE_URL}{path}"


def is_part(request: HttpRequest, name: str) -> bool:
    """Whether a page in a browser asks for one part of itself again."""
    return request.GET.get("part") == name


@dataclass(slots=True)
class Row:
    """An appeal in a list, with the machine's suggestion if it has one, and its next due time."""

    appeal: Appeal
    suggestion: Suggestion | None
    clock: Clock | None
    now: datetime
    reveal: bool
    """Whether the reader may see a phone that stands in the words."""
    marks: list[Mark] = field(default_factory=list)
    """What its requester or a unit has said against it."""
    excerpt: str = ""
    """Where the words that were looked for stand, marked; "" where nothing was looked for."""
    clocks: list[Clock] = field(default_factory=list)
    """Those that a list is about, shown in place of `clock`."""

    @property
    def category(self) -> Any:
        return self.appeal.category or (self.suggestion and self.suggestion.category)

    @property
    def area(self) -> Any:
        return self.appeal.area or (self.suggestion and self.suggestion.area)

    @property
    def guessed_urgency(self) -> int:
        """The machine's, where it is higher and nobody has sorted the case; else 0."""
        if self.suggestion is None or self.appeal.state is not Status.FILED:
            return 0
        return self.suggestion.urgency if self.suggestion.urgency > self.appeal.urgency else 0

    @property
    def pressing(self) -> int:
        """The urgency by which somebody should read it: decided, or suggested where higher."""
        return max(self.appeal.urgency, self.guessed_urgency)

    @property
    def text(self) -> str:
        """The headline with what could be a phone hidden, for lists that are read in the street."""
        return headline_of(self.appeal, reveal=False)

    @property
    def headline(self) -> str:
        """The headline as its reader may have it."""
        return headline_of(self.appeal, reveal=self.reveal)

    @property
    def guessed(self) -> bool:
        """Whether the category shown is the machine's and nobody's decision."""
        return self.appeal.category_id is None and self.category is not None


def rows_of(found: QuerySet[Appeal], actor: Actor) -> list[Row]:
    """Rows of all these appeals, as the actor may read them.

    Three queries, for appeals, their suggestions and their clocks: in one, PostgreSQL takes ten
    times longer to think in which order to join eight tables than to do it.
    """
    now = timezone.now()
    found = found.select_related("category", "area", "unit", "holder")
    appeals = list(found.defer("area__outline"))
    suggestions = Suggestion.objects.filter(appeal__in=appeals).select_related("category", "area")
    suggested = {each.appeal_id: each for each in suggestions.defer("area__outline")}
    first: dict[int, Clock] = {}
    running = Clock.objects.filter(appeal__in=appeals, stopped_at__isnull=True)
    # What other units have to do is no hurry of the reader's.
    others = OF_UNITS if actor.has(Role.DISPATCHER) else (*OF_UNITS, ClockKind.RULING)
    running = running.filter(~Q(kind__in=others) | Q(unit__in=actor.party_units))
    for clock in running.order_by("due_at").select_related("unit"):
        first.setdefault(clock.appeal_id, clock)
    return [
        Row(
            appeal,
            suggested.get(appeal.pk),
            first.get(appeal.pk),
            now,
            may_reveal(actor, appeal),
        )
        for appeal in appeals
    ]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `more` is the key to give as ?after= for the next one, "" at the end."""

    rows: list[Row]
    more: str


def size_for(shown: str) -> int:
    """Rows of a list that follows, where so many are shown: whole pages, `MOST_SHOWN` at most."""
    many = int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 6 else 0
    return min(MOST_SHOWN, max(1, -(-many // PAGE)) * PAGE)


def page_of(
    found: QuerySet[Appeal], after: str, keys: Sequence[str], actor: Actor, size: int = 0
) -> Page:
    """The rows after the key `after`, by keyset: as fast on the last page as on the first.

    `size` rows, or a page of them. `keys` are the fields of the order (a minus for descending) and
    end with the unique `id`.
    """
    size = size or PAGE
    found = found.order_by(*keys)
    if values := _parsed(after, keys):
        found = found.filter(_beyond(keys, values))
    rows = rows_of(found[: size + 1], actor)
    more = ""
    if len(rows) > size:
        rows.pop()
        last = rows[-1].appeal
        more = "~".join(_text(getattr(last, key.lstrip("-"))) for key in keys)
    return Page(with_marks(rows), more)


def with_marks(rows: list[Row]) -> list[Row]:
    """The rows, each with its marks; one query."""
    found = marks_of(row.appeal for row in rows)
    for row in rows:
        row.marks = found.get(row.appeal.pk, [])
    return rows


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _parsed(after: str, keys: Sequence[str]) -> list[object]:
    parts = after.split("~")
    if not after or len(parts) != len(keys):
        return []
    values: list[object] = []
    for key, part in zip(keys, parts, strict=True):
        if key.endswith("_at"):
            try:
                moment = parse_datetime(part)
                if moment is None or timezone.is_naive(moment):
                    return []
                # Its zone may put the moment outside of all calendars.
                values.append(moment.astimezone(UTC))
            except (ValueError, OverflowError):
                return []
        elif key == "status":
            values.append(part[:10].replace("\x00", ""))
        elif re.fullmatch(r"[0-9]{1,18}", part):
            values.append(int(part))
        else:
            return []
    return values


def _beyond(keys: Sequence[str], values: Sequence[object]) -> Q:
    """(a, b, c) after (x, y, z) in the order of `keys`, spelled out for mixed directions."""
    first = keys[0].lstrip("-")
    # Implied by the rest, but an index can begin at it.
    bound = Q(**{f"{first}__{'lte' if keys[0].startswith('-') else 'gte'}": values[0]})
    beyond, equal = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        name = key.lstrip("-")
        beyond |= equal & Q(**{f"{name}__{'lt' if key.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    return bound & beyond


def version_of(request: HttpRequest) -> int | None:
    """The version that the form was made for; None where it says none."""
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def newest_first(found: QuerySet[Appeal]) -> QuerySet[Appeal]:
    """By id, the newest first."""
    return found.order_by(F("id").desc())
