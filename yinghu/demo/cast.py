"""One-click logins of the demo city's cast."""

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from yinghu import demo
from yinghu.people.models import ApiToken, User

_log = structlog.get_logger(__name__)


def demo_logins() -> list[tuple[str, str]]:
    """List (username, description) of the cast; empty outside demo mode."""
    return demo.logins() if settings.DEMO else []


def demo_cast() -> QuerySet[User]:
    """Return the demo's logins: those with the username and the display name of the cast.

    A `clerk` of another name belongs to a real city.
    """
    same = Q(pk__in=[])
    for username, display_name in demo.cast_names():
        same |= Q(username=username, display_name=display_name)
    return User.objects.filter(same)


def renamed_demo_logins() -> list[str]:
    """Return active logins with a username of the demo's cast, but another display name: people of
    a real city, or logins that a visitor of the demo renamed.
    """
    names = [username for username, _name in demo.cast_names()]
    others = User.objects.filter(username__in=names, is_active=True).exclude(pk__in=demo_cast())
    return list(others.order_by("username").values_list("username", flat=True))


def close_demo_logins() -> list[str]:
    """Deactivate each of the demo's logins and revoke its keys; returns those that were active."""
    cast = demo_cast()
    with transaction.atomic():
        ApiToken.objects.filter(user__in=cast, revoked_at=None).update(revoked_at=timezone.now())
        active = list(cast.filter(is_active=True).order_by("pk").values_list("username", flat=True))
        User.objects.filter(username__in=active).update(is_active=False)
    if active:
        _log.warning("demo mode is off: the demo's logins are now inactive", logins=active)
    return active
