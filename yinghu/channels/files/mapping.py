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

from yinghu.appeals.channels import Door
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Category
from yinghu.appeals.policies import policy
from yinghu.channels.files.times import DateOrders, UndecidedOrder, moment
from yinghu.common import text_cleaning
from yinghu.common.tables.table_reader import Row, Unusable
from yinghu.intake.drafts import (
    MAX_TITLE,
    POINT,
    City,
    Draft,
    Fault,
    check,
    read_point,
)
from yinghu.places import locate

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


_LEFT_OUT: Final = {
    "unknown_category": gettext_noop("类别不认识，留空了"),
    "bad_phone": gettext_noop("电话看不懂"),
    "bad_point": gettext_noop("坐标看不懂"),
    "null_point": gettext_noop("坐标是 0,0，没有记下"),
    "far_point": gettext_noop("坐标离本市太远，没有记下"),
}
"""What the summary says of values that their rows are filed without, by the fault's code."""


def _joined(title: str, body: str) -> tuple[str, str]:
    """Return title and body of an appeal from these cells; a title that is too long begins both."""
    title = text_cleaning.clean_line(title)
    if len(title) > MAX_TITLE:
        return title[: MAX_TITLE - 1] + "…", body and f"{title}\n{body}"
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
        active = list(Category.objects.filter(active=True))
        self._categories = (
            {each.name_en.lower(): each.code for each in active if each.name_en}
            | {each.name.lower(): each.code for each in active}
            | {each.code.lower(): each.code for each in active}
        )
        self._city = City({each.code: each for each in active}, margin_km=policy("city_margin_km"))
        self._spared = POINT | {"phone"} | ({"category"} if self.guessed else set())
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
        """Return the title and body of the row's appeal."""
        title, body = _joined(self.cell(row, "title"), self.cell(row, "body"))
        return title, text_cleaning.clean_words(body)

    def understand(self, row: Row) -> tuple[Filing, list[str]]:
        """Return the row's appeal, and why details of it had to be left out. Raises Unclear."""
        # All cells at once: this runs for each of a hundred thousand rows.
        cells = dict.fromkeys(TARGETS, "")
        cells.update((target, clean(row.cells.get(column))) for target, column in self._columns)
        title, body = _joined(cells["title"], cells["body"])
        category = cells["category"]
        lon, lat = read_point(cells["lon"], cells["lat"])
        draft = Draft(
            Door.FILE,
            self.channel,
            body=body,
            title=title,
            name=cells["name"],
            phone=cells["phone"],
            # The same number in another channel is another person.
            caller=f"{self.channel}:{cells['caller']}" if cells["caller"] else "",
            category=self._categories.get(category.lower(), category),
            lon=lon,
            lat=lat,
            gcj02=self.gcj02,
            said_at=self._moment(cells["said_at"]),
        )
        for key, column in self._answers.items():
            value = row.cells.get(column)
            if value is not None and value != "":
                draft.answers[key] = clean(value) if isinstance(value, str) else value
        left_out = list(self._place(cells, draft))
        report = check(draft, self._city)
        refused, spared = report.do_without(self._spared)
        if refused:
            raise Unclear(_("；").join(self._explain(fault) for fault in refused))
        return report.filing, left_out + [_(_LEFT_OUT[fault.code]) for fault in spared]

    def _explain(self, fault: Fault) -> str:
        if fault.field == "body" and fault.code in ("missing", "nothing_visible"):
            return _("没有诉求正文")
        label = TARGETS.get(fault.field)
        column = self.mapping.get(fault.field) or (_(label) if label else fault.field)
        return _("%(column)s：%(words)s") % {"column": column, "words": fault.words}

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

    def _place(self, cells: dict[str, str], draft: Draft) -> Iterable[str]:
        """Set area and address. Text that names no known area is put in front of the address."""
        draft.address = cells["address"]
        text = text_cleaning.clean_line(cells["area"])
        draft.area = (_area_of(text) or "") if text else ""
        if text and not draft.area:
            yield _("区域找不到，写进了地址")
            if text not in draft.address:
                draft.address = f"{text} {draft.address}".strip()
