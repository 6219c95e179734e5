"""Form field for the legs of an errand template: rows on the page, JSON in a file, a list."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from yinghu.common import text_cleaning
from yinghu.common.form_fields import RowsInput
from yinghu.errands.models import LegKind, Proof, Where
from yinghu.errands.planning import MOST_LEGS

PARTS = ("kind", "title", "title_en", "where", "place", "field", "skill", "proof", "beside")
LONGEST = 60
"""Characters of a title, as in `errands.models.Leg`."""
BLANK = {"kind": LegKind.CARRY.value, "where": Where.HOME.value, "proof": Proof.NONE.value}

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")

LegSpec = dict[str, Any]


def leg_rows_in(text: str) -> list[dict[str, str]]:
    """Parse rows from a cell's JSON, valid or not. Raises ValidationError if there are none."""
    try:
        found = json.loads(text or "[]")
        if not isinstance(found, list):
            raise TypeError
        return [{part: _text(leg.get(part)) for part in PARTS} for leg in found]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValidationError(_("步骤一栏应是 JSON 列表；在页面上改更容易")) from None


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


LEG_ROWS = RowsInput("leg", PARTS, MOST_LEGS)


class LegsField(forms.Field):
    """The list stored in `ErrandTemplate.legs`; `unknown_in` checks the references in it."""

    widget = LEG_ROWS

    def clean(self, value: Any) -> list[LegSpec]:
        rows = leg_rows_in(value) if isinstance(value, str) else value
        if any(_NO_TEXT.search(text) for row in rows for text in row.values()):
            raise ValidationError(_("步骤里有存不下来的字符，请把那几个字删掉重写"))
        if not rows:
            raise ValidationError(_("至少要有一步"))
        if len(rows) > MOST_LEGS:
            raise ValidationError(_("最多 %d 步") % MOST_LEGS)
        legs: list[LegSpec] = []
        wrong: list[str] = []
        for number, row in enumerate(rows, 1):
            try:
                legs.append(_leg(row, first=number == 1))
            except ValidationError as why:
                wrong += [leg_error(number, text) for text in why.messages]
        wrong += [] if wrong else _hand_over_errors(legs)
        if wrong:
            raise ValidationError(wrong)
        return legs


def leg_error(number: int, why: str) -> str:
    """Prefix an error with the number of its leg."""
    return _("第 %(n)d 步：%(why)s") % {"n": number, "why": why}


def _leg(row: Mapping[str, str], *, first: bool) -> LegSpec:
    leg: LegSpec = {}
    for part, choices, what in (
        ("kind", LegKind, _("做什么")),
        ("where", Where, _("在哪里")),
        ("proof", Proof, _("要什么凭据")),
    ):
        value = row[part].strip() or BLANK[part]
        if value not in choices.values or value == LegKind.BRING_BACK:
            said = {"what": what, "known": _("、").join(choices.values)}
            raise ValidationError(_("“%(what)s”应是这几个之一：%(known)s") % said)
        leg[part] = value
    title, english = (
        text_cleaning.clean_line(row["title"]),
        text_cleaning.clean_line(row["title_en"]),
    )
    if not title:
        raise ValidationError(_("还没有写叫什么，例如：到医院排队买药"))
    if len(title) > LONGEST or len(english) > LONGEST:
        raise ValidationError(_("名称最多 %d 个字") % LONGEST)
    leg["title"] = title
    if english:
        leg["title_en"] = english
    needs = {Where.PLACE: ("place", _("选了固定的点位，要写是哪一个点位"))}
    needs[Where.ANSWER] = ("field", _("选了诉求里说的地方，要写是哪一个问题的回答"))
    if leg["where"] in needs:
        part, why = needs[Where(leg["where"])]
        if not row[part].strip():
            raise ValidationError(why)
        leg[part] = row[part].split()[0]
    if row["skill"].strip():
        leg["skill"] = row["skill"].strip()
    # The first leg has none before it, and a hand-over needs the legs on both sides.
    leg["beside"] = bool(row["beside"]) and not first and leg["kind"] != LegKind.HAND_OVER
    return {part: leg[part] for part in PARTS if part in leg}


def _hand_over_errors(legs: Sequence[LegSpec]) -> list[str]:
    """Return errors for hand-overs without a giver before or a receiver after them."""
    kinds = [leg["kind"] for leg in legs]
    edges = [LegKind.HAND_OVER.value, *kinds, LegKind.HAND_OVER.value]
    why = _("交接的前一步和后一步都要有人去做，不能在头尾，也不能两次交接挨着")
    return [
        leg_error(number, why)
        for number, kind in enumerate(kinds, 1)
        if kind == LegKind.HAND_OVER and LegKind.HAND_OVER in (edges[number - 1], edges[number + 1])
    ]


def unknown_in(
    legs: Sequence[LegSpec], places: set[str], fields: set[str], skills: set[str]
) -> list[str]:
    """Return errors for unknown places, questions of the category and skills."""
    known = (
        ("place", places, _("没有代码为 %s 的在用点位")),
        ("field", fields, _("这个类别没有代号为 %s 的问题")),
        ("skill", skills, _("没有代码为 %s 的技能")),
    )
    return [
        leg_error(number, why % leg[part])
        for number, leg in enumerate(legs, 1)
        for part, there, why in known
        if part in leg and leg[part] not in there
    ]
