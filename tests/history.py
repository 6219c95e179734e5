"""The history of a test: without what the demo city was loaded with."""

from __future__ import annotations

from django.db.models import QuerySet

from yinghu.people.models import Change


def new_changes() -> QuerySet[Change]:
    """Entries of the history other than the rows of the demo city."""
    return Change.objects.exclude(user=None, before={})
