"""Ending the sessions of one login: whoever must not work here any more is out at once."""

from __future__ import annotations

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

from yinghu.people.models import User


def end_sessions(user: User) -> int:
    """End all sessions of this login; how many. They hold whose they are sealed, so all that live
    are opened: some 20,000 a second, and sessions live half a day.
    """
    living = Session.objects.filter(expire_date__gt=timezone.now())
    own = [
        session.pk
        for session in living.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    return Session.objects.filter(pk__in=own).delete()[0]
