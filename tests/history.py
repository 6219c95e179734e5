"""History entries written by a test, without those of the demo city."""

from __future__ import annotations

from django.db.models import QuerySet

from yinghu.people.models import Change


def new_changes() -> QuerySet[Change]:
    """History entries other than those that loaded the demo city."""
    return Change.objects.exclude(user=None, before={})
