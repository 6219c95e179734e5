"""One-click logins of the demo city's cast."""

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from yinghu import demo
from yinghu.people.models import ApiToken, User

_log = structlog.get_logger(__name__)


def demo_logins() -> list[tuple[str, str]]:
    """List (username, description) of the cast; empty outside demo mode."""
    return demo.logins() if settings.DEMO else []


def close_demo_logins() -> list[str]:
    """Deactivate the demo's logins and revoke their keys; returns the usernames that were active.

    Does nothing unless the whole cast exists: a single `clerk` belongs to a real city.
    """
    names = [name for name, _words in demo.logins()]
    cast = User.objects.filter(username__in=names)
    with transaction.atomic():
        if cast.count() < len(names):
            return []
        ApiToken.objects.filter(user__in=cast, revoked_at=None).update(revoked_at=timezone.now())
        active = list(cast.filter(is_active=True).order_by("pk").values_list("username", flat=True))
        cast.filter(is_active=True).update(is_active=False)
    if active:
        _log.warning("demo mode is off: the demo's logins are now inactive", logins=active)
    return active
