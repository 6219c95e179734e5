"""Shared parts of errand pages: icons of legs and a short text area."""

from __future__ import annotations

from typing import Any

from django import forms

from yinghu.appeals.moving import MAX_WORDS
from yinghu.common.form_fields import WordsField
from yinghu.errands.models import LegKind

LEG_ICONS = {
    LegKind.BUY: "shopping-cart",
    LegKind.QUEUE: "users",
    LegKind.COLLECT: "package",
    LegKind.HAND_OVER: "heart-handshake",
    LegKind.CARRY: "truck-delivery",
    LegKind.DRIVE: "car",
    LegKind.VISIT: "door-enter",
    LegKind.PHONE: "phone",
    LegKind.BRING_BACK: "package",
}


class SeveralLinesField(WordsField):
    """A text area of two rows."""

    def __init__(self, **given: Any) -> None:
        area = forms.Textarea(attrs={"rows": 2, "maxlength": MAX_WORDS})
        super().__init__(**{"widget": area, "max_length": MAX_WORDS, **given})
