"""Mapping of columns to fields, and of rows to appeals."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Category
from yinghu.channels.files.times import DateOrders, UndecidedOrder, moment
from yinghu.common import text_cleaning
from yinghu.common.privacy.phones import normal_phone
from yinghu.common.tables.table_reader import Row, Unusable
from yinghu.places import coords, locate

MAX_BODY: Final = 20_000
"""Characters; the longest letters to a city's mailbox that we have seen had 9,000."""
MAX_TITLE: Final = 200
MAX_NAME: Final = 100
MAX_ADDRESS: Final = 300
MAX_ID: Final = 120

TARGETS: Final[dict[str, str]] = {
    "body": gettext_noop("诉求正文（必须有）"),
    "title": gettext_noop("标题"),
    "name": gettext_noop("姓名"),
    "phone": gettext_noop("电话"),
    "address": gettext_noop("详细地址"),
    "category": gettext_noop("类别（代码或名称）"),
    "area": gettext_noop("区域（代码或名称）"),
    "said_at": gettext_noop("何时说的"),
    "external_id": gettext_noop("对方的编号"),
    "caller": gettext_noop("对方的用户编号"),
    "lon": gettext_noop("经度"),
    "lat": gettext_noop("纬度"),
    "answers.*": gettext_noop("其他内容，存为 answers 里的这一项"),
}
"""Fields that a column of an imported file can hold."""

REPLAY_TARGETS: Final[dict[str, str]] = {
    "answer": gettext_noop("承办单位的答复"),
    "answered_at": gettext_noop("何时答复的"),
    "unit": gettext_noop("承办单位（代码或名称）"),
}
"""Further fields for `yinghu replay`."""

_KEY = re.compile(r"answers\.[^.\s]{1,40}")
_UNSUPPORTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Unclear(Exception):
    """A row that cannot become an appeal, and why."""


def clean(value: Any) -> str:
    """A cell as stripped text without characters that PostgreSQL or a page cannot show."""
    if value is None:
        return ""
    return _UNSUPPORTED.sub("", str(value)).strip()


def parse(
    options: Iterable[str], columns: Sequence[str], *, replay: bool = False
) -> dict[str, str]:
    """Return {target: column} for options such as `留言详情=body`. Raises Unusable."""
    found: dict[str, str] = {}
    faults: list[str] = []
    targets = [*TARGETS, *(REPLAY_TARGETS if replay else ())]
    for option in options:
        column, _sign, target = (part.strip() for part in option.rpartition("="))
        if not column:
            faults.append(_("“%s”：要写成 列名=含义") % option)
        elif target not in targets and not _KEY.fullmatch(target):
            faults.append(_("“%(option)s”：没有“%(target)s”这个含义") % locals())
        elif column not in columns:
            near = get_close_matches(column, columns, 1)
            hint = _("，是不是“%s”？") % near[0] if near else ""
            faults.append(_("“%(option)s”：文件里没有“%(column)s”这一列") % locals() + hint)
        elif target in found:
            faults.append(
                _("“%(option)s”：“%(target)s”已经是“%(other)s”了")
                % {"option": option, "target": target, "other": found[target]}
            )
        else:
            found[target] = column
    if not faults and "body" not in found:
        faults.append(_("没有指明哪一列是诉求正文（body）"))
    if ("lon" in found) != ("lat" in found):
        faults.append(_("经度和纬度要一起指明"))
    if faults:
        raise Unusable("\n".join([*faults, *possible_targets(columns, replay)]))
    return found


def list_columns(columns: Sequence[str]) -> str:
    """Names of columns for a message, limited in length and number."""
    names = [column if len(column) <= 30 else column[:30] + "…" for column in columns[:60]]
    return _("、").join(names)


def possible_targets(columns: Sequence[str], replay: bool) -> list[str]:
    """Lines that say which columns the file has, and what they can hold."""
    targets = TARGETS | (REPLAY_TARGETS if replay else {})
    return [
        _("文件里的列：%s") % list_columns(columns),
        _("可以有的含义：%s") % _("、").join(f"{key} {_(label)}" for key, label in targets.items()),
    ]


@lru_cache(maxsize=20_000)
def _area_of(text: str) -> str | None:
    if text.isascii() and text.isalnum():
        area = locate.by_code(text)
        return area.code if area else None
    matches = locate.by_words(text)
    return matches[0].area.code if matches and matches[0].confidence >= locate.SHORT else None


def phone_of(text: str) -> str:
    """Return the first phone number of a cell in E.164, or "" (also for masked ones)."""
    if text.isdecimal():
        return normal_phone(text) if len(text) >= 5 else ""
    parts = re.split(r"[/,，;；、]+", text)
    for part in [*(re.sub(r"\s", "", part) for part in parts), *text.split()]:
        # phonenumbers skips letters and stars, and would read 138****5678 as another number.
        if re.fullmatch(r"\+?[\d\-()（）]{5,}", part) and (phone := normal_phone(part)):
            return phone
    return ""


def _words(title: str, body: str) -> tuple[str, str]:
    """Return the title and body that an appeal gets from these cells. Raises Unclear."""
    body, title = text_cleaning.clean_words(body), text_cleaning.clean_line(title)
    if not body:
        raise Unclear(_("没有诉求正文"))
    if len(title) > MAX_TITLE:
        body, title = f"{title}\n{body}", title[: MAX_TITLE - 1] + "…"
    if len(body) > MAX_BODY:
        raise Unclear(_("正文有 %(n)d 字，最多 %(most)d 字") % {"n": len(body), "most": MAX_BODY})
    return title, body


@dataclass
class RowReader:
    """Parses the rows of a file as messages of one channel, by `mapping` {target: column}."""

    channel: str
    mapping: dict[str, str]
    gcj02: bool = False
    guessed: bool = False
    """Was the mapping guessed? An unknown category then rejects no row."""
    no_ids: str = ""
    """A column that is named like ids, but holds none (`guessing.why_no_ids`)."""
    orders: DateOrders = field(default_factory=DateOrders)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(settings.TIME_ZONE))

    def __post_init__(self) -> None:
        _area_of.cache_clear()
        active = list(Category.objects.filter(active=True).values_list("code", "name", "name_en"))
        self._categories = (
            {name_en.lower(): code for code, _n, name_en in active if name_en}
            | {name.lower(): code for code, name, _e in active}
            | {code.lower(): code for code, _n, _e in active}
        )
        self._answers = {
            target.partition(".")[2]: column
            for target, column in self.mapping.items()
            if target.startswith("answers.")
        }
        self._columns = [pair for pair in self.mapping.items() if pair[0] in TARGETS]

    def cell(self, row: Row, target: str) -> str:
        """Return the row's cell for this field, "" if there is none."""
        column = self.mapping.get(target)
        return clean(row.cells.get(column)) if column else ""

    def use_no_ids(self) -> None:
        """Stop using the column of ids: it holds none."""
        self.no_ids = self.mapping.pop("external_id")
        self._columns = [pair for pair in self._columns if pair[0] != "external_id"]

    def own_id(self, row: Row) -> str:
        """Return the sender's id of the row, also from a column that holds no permanent ids."""
        return clean(row.cells.get(self.no_ids)) if self.no_ids else self.cell(row, "external_id")

    def words(self, row: Row) -> tuple[str, str]:
        """Return the title and body of the row's appeal. Raises Unclear."""
        return _words(self.cell(row, "title"), self.cell(row, "body"))

    def understand(self, row: Row) -> tuple[Filing, list[str]]:
        """Return the row's appeal, and why details of it had to be left out. Raises Unclear."""
        # All cells at once: this runs for each of a hundred thousand rows.
        cells = dict.fromkeys(TARGETS, "")
        cells.update((target, clean(row.cells.get(column))) for target, column in self._columns)
        title, body = _words(cells["title"], cells["body"])
        filing = Filing(
            body=body,
            channel=self.channel,
            title=title,
            name=text_cleaning.clean_line(cells["name"]),
            address=text_cleaning.clean_line(cells["address"]),
            said_at=self._moment(cells["said_at"]),
        )
        if len(filing.name) > MAX_NAME or len(filing.address) > MAX_ADDRESS:
            raise Unclear(
                _("姓名最多 %(name)d 字，地址最多 %(address)d 字")
                % {"name": MAX_NAME, "address": MAX_ADDRESS}
            )
        if caller := cells["caller"]:
            # The same number in another channel is another person.
            filing.caller = f"{self.channel}:{caller}"
        left_out = [
            *self._category(cells, filing),
            *self._phone(cells, filing),
            *self._location(cells, filing),
        ]
        for key, column in self._answers.items():
            value = row.cells.get(column)
            if value is not None and value != "":
                filing.answers[key] = clean(value) if isinstance(value, str) else value
        return filing, left_out

    def when(self, row: Row, target: str) -> datetime | None:
        """Return the point in time in this cell. Raises Unclear."""
        return self._moment(self.cell(row, target))

    def _moment(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            found = moment(text, self.zone, self.orders)
            # Years outside the range of PostgreSQL or this zone.
            found.astimezone(ZoneInfo("UTC"))
        except UndecidedOrder as why:
            raise Unclear(str(why)) from why
        except (ValueError, OverflowError) as error:
            raise Unclear(_("看不懂的时间：%s") % text[:40]) from error
        return found

    def _category(self, cells: dict[str, str], filing: Filing) -> Iterable[str]:
        text = cells["category"]
        filing.category = self._categories.get(text.lower()) if text else None
        if text and filing.category is None:
            if not self.guessed:
                raise Unclear(_("没有这个类别：%s") % text[:60])
            yield _("类别不认识，留空了")

    def _phone(self, cells: dict[str, str], filing: Filing) -> Iterable[str]:
        text = text_cleaning.clean_line(cells["phone"])
        filing.phone = phone_of(text)
        if text and not filing.phone:
            yield _("电话看不懂")

    def _location(self, cells: dict[str, str], filing: Filing) -> Iterable[str]:
        """Set point and area. Text that names no known area is put in front of the address."""
        text = text_cleaning.clean_line(cells["area"])
        filing.area = _area_of(text) if text else None
        if text and not filing.area:
            yield _("区域找不到，写进了地址")
            if text not in filing.address:
                filing.address = f"{text} {filing.address}".strip()[:MAX_ADDRESS]
        lon, lat = cells["lon"], cells["lat"]
        if not lon and not lat:
            return
        try:
            point = float(lon), float(lat)
            if not (-180 <= point[0] <= 180 and -90 <= point[1] <= 90):
                raise ValueError
        except ValueError:
            yield _("坐标看不懂")
            return
        filing.lon, filing.lat = coords.gcj_to_wgs(*point) if self.gcj02 else point
        if not filing.area and (area := locate.by_point(filing.lon, filing.lat)):
            filing.area = area.code
