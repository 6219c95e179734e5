"""Checks of deadlines that users set for others."""

from datetime import datetime

from django.utils.translation import gettext as _

from yinghu.appeals.handling_actions import LONGEST_EXTENSION
from yinghu.appeals.moving import Refused


def minutes_until(until: datetime, now: datetime, field: str = "until") -> float:
    """Minutes from `now` until a deadline; Refused if it is past or more than a year ahead."""
    if until <= now:
        raise Refused("past", _("请写将来的时间"), field)
    if until > now + LONGEST_EXTENSION:
        raise Refused("too_far", _("最多一年以内"), field)
    return (until - now).total_seconds() / 60
