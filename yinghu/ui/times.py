"""Durations and times in words.

`times.js` keeps them up to date in open pages: it finds the moment in `data-due` or `data-since`
(seconds since 1970) and the texts in `time_words`.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

SOON = timedelta(hours=1)
"""Clocks with less than this left are highlighted."""


def span(length: timedelta) -> str:
    """Word a duration with useful precision: 3 天, 15 小时, 1 小时 20 分, 12 分钟."""
    minutes = int(abs(length.total_seconds()) // 60)
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return _days(hours // 24) % (hours // 24)
    if 1 <= hours < 6 and rest:
        return _hours_minutes() % {"hours": hours, "minutes": rest}
    if hours:
        return _hours(hours) % hours
    return _minutes(max(minutes, 1)) % max(minutes, 1)


def _days(n: int) -> str:
    return ngettext("%d 天", "%d 天", n)


def _hours(n: int) -> str:
    return ngettext("%d 小时", "%d 小时", n)


def _minutes(n: int) -> str:
    return ngettext("%d 分钟", "%d 分钟", n)


def _hours_minutes() -> str:
    return _("%(hours)d 小时 %(minutes)d 分")


def ago(moment: datetime) -> str:
    """Word how long ago a moment was."""
    passed = timezone.now() - moment
    return _("刚刚") if passed < timedelta(minutes=1) else _("%s前") % span(passed)


def since(moment: datetime) -> SafeString:
    """Make a <time> element of `ago` that keeps counting."""
    return format_html(
        '<time datetime="{}" data-since="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        int(moment.timestamp()),
        ago(moment),
    )


def left(rest: timedelta) -> str:
    """Word the time left, or the delay if it is negative."""
    return (_("超时 %s") if rest < timedelta() else _("还剩 %s")) % span(rest)


def time_words() -> str:
    """Return the texts for `times.js` and the server's time, as JSON."""
    return json.dumps(
        {
            "now": timezone.now().timestamp(),
            "soon": SOON.total_seconds(),
            # Singular and plural.
            "days": [_days(1), _days(2)],
            "hours": [_hours(1), _hours(2)],
            "minutes": [_minutes(1), _minutes(2)],
            "hoursMinutes": _hours_minutes(),
            "justNow": _("刚刚"),
            "ago": _("%s前"),
            "left": _("还剩 %s"),
            "late": _("超时 %s"),
        },
        ensure_ascii=False,
    )


def to_the_minute(moment: datetime) -> datetime:
    """Return the local time without seconds, for a form's field."""
    return timezone.localtime(moment).replace(second=0, microsecond=0)


def day_time(moment: datetime) -> str:
    """Word a moment as `今天 14:05`, `明天 09:00` or `11月25日 09:00`, in local time."""
    local = timezone.localtime(moment)
    days = (local.date() - timezone.localdate()).days
    clock = local.strftime("%H:%M")
    near = {
        -1: pgettext("day", "昨天"),
        0: pgettext("day", "今天"),
        1: pgettext("day", "明天"),
    }.get(days)
    if near:
        return f"{near} {clock}"
    this_year = local.year == timezone.localdate().year
    date = date_format(local, _("n月j日") if this_year else _("Y年n月j日"))
    return f"{date} {clock}"
