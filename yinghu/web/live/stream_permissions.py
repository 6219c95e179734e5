"""Permissions of `/live`: parses the requested topics and selects the permitted ones."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth import get_user
from django.db import connection
from django.db.models import Max
from django.http import HttpRequest

from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.notify import ALARMS
from yinghu.appeals.numbers import id_of, id_of_token
from yinghu.common.text import whole_number
from yinghu.errands.eligibility import may_know
from yinghu.errands.models import Leg
from yinghu.notifications.read_state import unread
from yinghu.people.access import Actor, actor_of, desks_of, is_only_volunteer, may_read_why, may_see
from yinghu.people.logins import came_by_phone
from yinghu.people.models import User
from yinghu.ui.navigation import BADGED
from yinghu.verbs import PRIVATE
from yinghu.web.live.hub import DESKS, RefreshEvent

MAX_TOPICS = 30
"""Most topics of one stream, which serves all tabs of a browser."""

_KINDS = ("desk", "badges", "alarms", "notices", "case", "leg", "t")


@dataclass(frozen=True, slots=True)
class RequestedTopic:
    """A requested topic: kind, name, version shown, last mark received."""

    kind: str
    name: str
    version: str = ""
    mark: str = ""


def requested_topics(query: str) -> tuple[list[RequestedTopic], str]:
    """Parse a query string (see `stream`) into topics and `me`. Raises ValueError for too many."""
    given = parse_qs(query, max_num_fields=MAX_TOPICS + 10)
    version = given.get("version", [""])[0]
    found: list[RequestedTopic] = []
    for kind in _KINDS:
        for value in given.get(kind, ()):
            name, shown, mark, *_rest = [*value[:120].split("~"), "", ""]
            found.append(RequestedTopic(kind, name, shown or version, mark))
    if len(found) > MAX_TOPICS:
        raise ValueError(len(found))
    return found, given.get("me", [""])[0]


@dataclass(slots=True)
class PermittedTopics:
    """Topics that a stream may follow."""

    topics: dict[str, set[RefreshEvent]] = field(default_factory=dict)
    user: int | None = None
    tokens: set[int] = field(default_factory=set)
    """Cases followed by tracking token."""
    open: set[int] = field(default_factory=set)
    """Cases that the login has open, for presence."""
    since: list[tuple[str, RequestedTopic, int | None]] = field(default_factory=list)
    """(Topic, request, case id), to find what was missed."""

    def add(
        self, topic: str, told: RefreshEvent, want: RequestedTopic, appeal_id: int | None = None
    ) -> None:
        self.topics.setdefault(topic, set()).add(told)
        self.since.append((topic, want, appeal_id))


def permitted_topics(wants: list[RequestedTopic], me: str, session_key: str) -> PermittedTopics:
    """Select the topics that the tokens permit, and the session if its login is `me` or none."""
    found = PermittedTopics()
    # Outside a Django request, nothing else returns the connection to the pool.
    with closing(connection):
        for want in wants:
            appeal_id = id_of_token(want.name) if want.kind == "t" else None
            if appeal_id is not None:
                found.tokens.add(appeal_id)
                told = RefreshEvent("case", want.name)
                found.add(f"public:{appeal_id}", told, want, appeal_id)
        if session_key and any(want.kind != "t" for want in wants):
            _add_staff_topics(found, wants, me, session_key)
    return found


def _add_staff_topics(
    found: PermittedTopics, wants: list[RequestedTopic], me: str, session_key: str
) -> None:
    actor = _actor_of_session(session_key)
    if actor is None or not actor.is_staff or me not in ("", str(actor.user_id)):
        return
    found.user = actor.user_id
    mine = desks_of(actor)
    asked = {id_of(want.name): want for want in wants if want.kind == "case"}
    numbers = {appeal_id: want for appeal_id, want in asked.items() if appeal_id is not None}
    for want in wants:
        if want.kind == "desk" and want.name in DESKS and want.name in mine:
            found.add(f"desk:{want.name}", RefreshEvent("desk", want.name), want)
        if want.kind == "badges":
            for desk in sorted(mine & BADGED):
                found.add(f"desk:{desk}", RefreshEvent("badges", ""), want)
        if want.kind == ALARMS and ALARMS in mine:
            found.add(f"desk:{ALARMS}", RefreshEvent(ALARMS, ""), want)
        if want.kind == "notices":
            found.add(f"notices:{actor.user_id}", RefreshEvent("notices", ""), want)
        if want.kind == "leg" and (leg := _visible_leg(want.name, actor)) is not None:
            found.add(f"case:{leg.appeal_id}", RefreshEvent("case", want.name), want, leg.appeal_id)
    for appeal in Appeal.objects.filter(pk__in=numbers) if numbers else ():
        if may_see(actor, appeal):
            want = numbers[appeal.pk]
            found.add(f"case:{appeal.pk}", RefreshEvent("case", want.name), want, appeal.pk)
            if may_read_why(actor, appeal):
                # Presence is for staff only.
                found.open.add(appeal.pk)
                told = RefreshEvent("viewers", want.name)
                found.add(f"viewers:{appeal.pk}", told, want, appeal.pk)


def _visible_leg(name: str, actor: Actor) -> Leg | None:
    number = whole_number(name)
    if number is None:
        return None
    found = Leg.objects.select_related("errand", "appeal").filter(pk=number).first()
    return found if found is not None and may_know(actor, found) else None


def current_versions(appeal_ids: set[int], user_id: int | None = None) -> dict[str, str]:
    """Return versions by topic: `case:` and `public:` of the cases, `notices:` of the login."""
    with closing(connection):
        found = Appeal.objects.filter(pk__in=appeal_ids).values_list("pk", "version")
        inside = {f"case:{pk}": str(version) for pk, version in found}
        own = {f"notices:{user_id}": unread(user_id).version} if user_id else {}
        return own | inside | {f"public:{pk}": public_version(pk) for pk in appeal_ids}


def public_version(appeal_id: int) -> str:
    """Return the number of the last event that the requester may see."""
    told = Event.objects.filter(appeal=appeal_id).exclude(verb__in=PRIVATE)
    return str(told.aggregate(last=Max("seq"))["last"])


def _actor_of_session(key: str) -> Actor | None:
    from allauth.mfa.utils import is_mfa_enabled

    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    actor = actor_of(user)
    if came_by_phone(request.session, user):
        return actor if is_only_volunteer(actor) else None
    if settings.SECOND_FACTOR_REQUIRED and not is_mfa_enabled(user):
        return None
    return actor
