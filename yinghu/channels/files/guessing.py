"""Guessing what columns hold, by their names and by what stands in them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from django.utils.translation import gettext as _

from yinghu.channels.files.mapping import REPLAY_TARGETS, clean, possible_targets
from yinghu.common.tables.table_reader import Row, Unusable

_NAMES: Final[dict[str, str]] = {
    "body": "留言详情 留言内容 诉求内容 诉求描述 问题描述 反映内容 投诉内容 求助内容 事件描述 "
    "投诉件内容 工单描述 工单内容 来电内容 信件内容 诉求详情 "
    "内容 正文 详情 描述 诉求 body content text description message details detail",
    "title": "留言主题 诉求标题 主题 标题 title subject headline",
    "name": "姓名 诉求人 来电人 反映人 求助人 联系人 name contact requester",
    "phone": "电话 联系电话 手机 手机号 手机号码 来电号码 联系方式 phone mobile tel telephone",
    "address": "地址 详细地址 住址 事发地址 事发地点 地点 address location",
    "category": "类别 分类 诉求类别 category",
    "area": "区域 所属区域 镇街 乡镇街道 村社区 area district",
    "said_at": "留言时间 诉求时间 来电时间 提交时间 反映时间 受理时间 登记时间 投诉时间 创建时间 "
    "时间 日期 saidat time date datetime createdat",
    "external_id": "留言编号 诉求编号 工单编号 投诉编号 工单号 编号 externalid id",
    "caller": "留言用户 用户编号 用户 caller user userid openid",
    "lon": "经度 lon lng longitude",
    "lat": "纬度 lat latitude",
    "answers.likes": "点赞数 likes",
    "answers.dislikes": "反对数 dislikes",
    "answer": "答复意见 答复内容 回复内容 办理结果 answer reply",
    "answered_at": "答复时间 回复时间 办结时间 answeredat repliedat",
    "unit": "承办单位 办理单位 答复单位 unit department",
}
_BY_NAME: Final = {name: target for target, names in _NAMES.items() for name in names.split()}

_BODY_LIKE: Final = re.compile(
    "内容|描述|详情|正文|诉求|问题|留言|来信|事项|事由|情况|"
    "content|text|descri|detail|message|body|complain"
)
_NO_BODY: Final = re.compile(
    "答复|回复|办理|处理|处置|结果|意见|备注|回访|反馈|审核|标题|主题|地址|电话|编号|时间|日期|"
    "单位|部门|类|姓名|状态|answer|reply|result|remark|note|comment|title|address|phone|date"
)
_SHORT: Final = 6
_LONG: Final = 10
"""Characters in a cell, on average: below the one no body, from the other on it may be one."""
_CLEARLY: Final = 4
"""How many times longer another column is than one that is named like a body."""
_NO_NUMBER_ENDS_SO: Final = re.compile(r"\d+(\.\d+)?E\+\d+", re.IGNORECASE)
_PRECISE: Final = 15
"""Digits that spreadsheets keep of a number."""
_SMALL: Final = 10_000
"""Numbers below it look like those of rows."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Columns by what they hold (`mapping.TARGETS`); `unsure`: the body by its length alone."""

    meanings: dict[str, str]
    unsure: bool = False


def guess(columns: Sequence[str], rows: Sequence[Row] = (), *, replay: bool = False) -> Guess:
    """Guess what columns hold from their names and first rows. Raises Unusable without a body."""
    found: dict[str, str] = {}
    for column in columns:
        target = _BY_NAME.get(_plain(column))
        if target and (replay or target not in REPLAY_TARGETS):
            found.setdefault(target, column)
    if ("lon" in found) != ("lat" in found):
        found.pop("lon", None)
        found.pop("lat", None)
    taken = {column for target, column in found.items() if target != "body"}
    body, unsure = _body(columns, rows, found.get("body", ""), taken)
    if not body:
        fault = _("看不出哪一列是诉求正文，请用 --map 列名=body 指明")
        raise Unusable("\n".join([fault, *possible_targets(columns, replay)]))
    found.pop("body", None)
    return Guess({"body": body, **found}, unsure)


def _body(
    columns: Sequence[str], rows: Sequence[Row], named: str, taken: set[str]
) -> tuple[str, bool]:
    """Return the column of the body, "" if there is none, and whether only its length says so."""
    lengths = {column: _mean_length(rows, column) for column in columns} | {"": 0}
    free = [
        column
        for column in columns
        if column not in taken and (column == named or not _NO_BODY.search(_plain(column)))
    ]
    alike = [column for column in free if _BODY_LIKE.search(_plain(column))]

    def longest(among: Sequence[str]) -> str:
        return max(among, key=lambda column: lengths[column], default="")

    best = named or longest(alike)
    for other, unsure in ((longest(alike), False), (longest(free), True)):
        many = lengths[other]
        # A column that is named like a body may hold a word or two.
        if lengths[best] < _SHORT and many >= _LONG and many > _CLEARLY * lengths[best]:
            return other, unsure
    return best, False


def _mean_length(rows: Sequence[Row], column: str) -> float:
    return mean([len(clean(row.cells.get(column))) for row in rows] or [0])


def _plain(column: str) -> str:
    return re.sub(r"[\s_\-]", "", column).lower()


def _may_be_cut(digits: str) -> bool:
    """May a spreadsheet have kept only the first digits of this number?"""
    return not digits[_PRECISE:].strip("0") or int(float(digits)) == int(digits)


def why_no_ids(column: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return why a column holds no permanent ids, or ""; `rows` are its cells with their texts.

    Spreadsheets write long ids as 1.23457E+17, and many desks number each month from 1.
    """
    said: dict[str, str] = {}
    cut = True
    for own, text in rows:
        if not own:
            continue
        if _NO_NUMBER_ENDS_SO.fullmatch(own):
            return _("“%(column)s”那一列写成了 %(own)s，后面的数字已经丢了") % locals()
        if said.setdefault(own, text) != text:
            return _("“%(column)s”那一列有重复：%(own)s 有两行，文字不同") % locals()
        digits = own if own.isascii() and own.isdecimal() else ""
        cut = cut and len(digits) > _PRECISE and _may_be_cut(digits)
    if not said:
        return ""
    if cut:
        own = next(iter(said))
        return (
            _("“%(column)s”那一列的数字超过 15 位，后面的表格软件没有留住，例如 %(own)s") % locals()
        )
    if all(own.isascii() and own.isdecimal() and own[0] != "0" for own in said):
        numbers, n = sorted(map(int, said)), len(said)
        highest = numbers[-1]
        if highest < _SMALL or (numbers[0] <= 1 + n // 10 and highest < 3 * n):
            return (
                _("“%(column)s”那一列像是从 1 数起的序号（最大 %(highest)d），下一份文件会重新数起")
                % locals()
            )
    return ""
