"""Navigation of staff pages: desks (URL, icon, label) and the home page of a login."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yinghu.people.access import Actor
from yinghu.people.models import Role

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
    "tags": ("guardian_tags", "tag", pgettext_lazy("desk", "守护布条")),
    "guardian": ("guardian_people", "heart-handshake", _("守护")),
    "cases": ("cases", "list", _("全部诉求")),
    "oversight": ("oversight", "eye", _("督办")),
    "board": ("board", "chart-bar", _("看板")),
    "rates": ("rates", "chart-line", _("三率")),
    "setup": ("setup", "settings", _("设置")),
}
"""Desk of `access.desks_of` -> (URL name, icon, label), in the order of the header."""

BADGED = frozenset({"triage", "dispatch", "inbox", "callback", "whistles", "shared"})
"""Desks whose tab shows a count."""

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


def home_of(actor: Actor) -> str:
    """Return the URL name of the actor's home page."""
    return next((url for role, url in _HOME if actor.has(role)), "start")
