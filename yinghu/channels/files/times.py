"""Times as other systems write them; the order of day and month is learned from the file."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _


class DateOrder(StrEnum):
    """Which comes first where a date begins with day and month, such as 01/02/2016."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class UndecidedOrder(ValueError):
    """Neither the file nor the option `--dates` tells day and month apart."""


_CLOCK: Final = (
    r"(?:[T,\s]*(上午|下午|AM|PM)?\s*(\d{1,2})[:：时点](\d{1,2})?分?"
    r"(?:[:：]?(\d{1,2})(?:\.\d+)?秒?)?\s*(AM|PM)?)?"
)
_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?" + _CLOCK, re.I)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _CLOCK, re.I)
_DAY_NAMED: Final = re.compile(r"(\d{1,2})[-\s]([a-z]{3,9})\.?[-,\s]+(\d{4})" + _CLOCK, re.I)
_MONTH_NAMED: Final = re.compile(r"([a-z]{3,9})\.?\s+(\d{1,2}),?\s+(\d{4})" + _CLOCK, re.I)
_DIGITS_ONLY: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\s?(\d\d)(\d\d)(\d\d)?)?")
_UNIX: Final = re.compile(r"\d{10}|\d{13}")
_SERIAL: Final = re.compile(r"\d{5}(?:\.\d+)?")
_SERIALS: Final = range(25569, 73051)
"""Days of 1970 to 2099 as spreadsheets count them, from the end of 1899."""
_SERIAL_BEGINNING: Final = datetime(1899, 12, 30)  # a wall clock, in any zone
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_LATER_HALF: Final = ("下午", "PM")


class DateOrders:
    """The order of day and month in a file's dates, for each sign between them.

    `given` is the user's choice. Otherwise the rows that leave no doubt decide; `texts` reads all
    times of the file, when the first date needs it.
    """

    def __init__(
        self, given: DateOrder | None = None, texts: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._given, self._texts = given, texts
        self._learned: dict[str, DateOrder] | None = None
        self.told: list[str] = []
        """What was learned, in the user's words."""

    def of(self, sign: str) -> DateOrder | None:
        """Return the order of dates with this sign, or None if nothing decides."""
        if self._given is not None:
            return self._given
        if self._learned is None:
            self._learned = self._learn()
        return self._learned.get(sign)

    def _learn(self) -> dict[str, DateOrder]:
        certain: dict[str, Counter[DateOrder]] = {}
        examples: dict[tuple[str, DateOrder], str] = {}
        for text in self._texts():
            match = _YEAR_LAST.fullmatch(text)
            order = _order_in(match) if match else None
            if match and order:
                certain.setdefault(match[2], Counter())[order] += 1
                examples.setdefault((match[2], order), text)
        learned = {}
        for sign, counts in certain.items():
            if len(counts) > 1:
                self.told.append(
                    _("时间里既有“%(day)s”又有“%(month)s”，日和月谁在前各行不同")
                    % {
                        "day": examples[sign, DateOrder.DAY_FIRST],
                        "month": examples[sign, DateOrder.MONTH_FIRST],
                    }
                )
                continue
            ((learned[sign], count),) = counts.items()
            is_day = learned[sign] is DateOrder.DAY_FIRST
            words = (
                _("时间像“%(example)s”的，日在前、月在后：%(count)d 行看得出来")
                if is_day
                else _("时间像“%(example)s”的，月在前、日在后：%(count)d 行看得出来")
            )
            self.told.append(words % {"example": examples[sign, learned[sign]], "count": count})
        return learned


def undecided(texts: Iterable[str], orders: DateOrders) -> str:
    """Return the first time whose day and month cannot be told apart, or ""."""
    for text in texts:
        match = _YEAR_LAST.fullmatch(text)
        if match and match[1] != match[3] and not _order_in(match) and not orders.of(match[2]):
            return text
    return ""


def is_serial(text: str) -> bool:
    """Is this a day as spreadsheets count them, such as 42735.5?"""
    return _SERIAL.fullmatch(text) is not None and int(text[:5]) in _SERIALS


def moment(text: str, zone: ZoneInfo, orders: DateOrders | None = None) -> datetime:
    """Parse a point in time, in `zone` unless it has an offset of its own.

    `2019/2/28 11:25:05`, `2019年2月28日`, `28.2.2019`, `2/28/2019 3:05 PM`, `28 Feb 2019`, a
    spreadsheet's number of days, Unix time, ISO 8601; ValueError for anything else. Raises
    UndecidedOrder.
    """
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day, *clock = match.groups()
        return _at(int(year), int(month), int(day), clock, zone)
    if match := _DIGITS_ONLY.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    if match := _YEAR_LAST.fullmatch(text):
        one, sign, other, year, *clock = match.groups()
        order = _order_in(match) or (orders.of(sign) if orders and int(one) != int(other) else None)
        if order is None and int(one) != int(other):
            raise UndecidedOrder(
                _("日和月分不清：%s；请用 --dates day-first（日在前）或 month-first（月在前）指明")
                % text[:40]
            )
        day, month = (other, one) if order is DateOrder.MONTH_FIRST else (one, other)
        return _at(int(year), int(month), int(day), clock, zone)
    if _UNIX.fullmatch(text):
        return datetime.fromtimestamp(int(text[:10]), zone)
    if is_serial(text):
        seconds = round(float(text) * 86_400)
        return (_SERIAL_BEGINNING + timedelta(seconds=seconds)).replace(tzinfo=zone)
    if match := _DAY_NAMED.fullmatch(text):
        day, name, year, *clock = match.groups()
        return _at(int(year), _month_named(name), int(day), clock, zone)
    if match := _MONTH_NAMED.fullmatch(text):
        name, day, year, *clock = match.groups()
        return _at(int(year), _month_named(name), int(day), clock, zone)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _order_in(match: re.Match[str]) -> DateOrder | None:
    """Return the order that the date itself proves."""
    one, other = int(match[1]), int(match[3])
    if one > 12 >= other:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if other > 12 >= one else None


def _month_named(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _at(year: int, month: int, day: int, clock: Iterable[str | None], zone: ZoneInfo) -> datetime:
    before, hour, minute, second, after = clock
    hours = int(hour or 0)
    half = (before or after or "").upper()
    if half and hours <= 12:
        hours = hours % 12 + (12 if half in _LATER_HALF else 0)
    return datetime(year, month, day, hours, int(minute or 0), int(second or 0), tzinfo=zone)
