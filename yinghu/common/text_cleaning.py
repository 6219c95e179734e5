"""What people send as it will be read: without signs that nobody sees and that change what is seen.

A control of direction makes a name or an address read otherwise than it is written; a sign without
width makes two that look alike differ, or an appeal of nothing. The message as it came keeps them.
"""

from __future__ import annotations

import re
import unicodedata

_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_WITHOUT_WIDTH = (
    "\u00ad\u034f\u115f\u1160\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
# Not NUL, which is refused and said, and no sign that ends a line or parts words.
_CONTROLS = "\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
_JOINERS = "\u180e\u200c\u200d"
"""They shape letters of Arabic, Indic and Mongolian words, and make one sign of several emoji."""
_JOINED = (
    "\u0590-\u1cff\u2190-\u2bff\ua800-\uabff\ufb50-\ufdff\ufe0f\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001faff"
)
"""What a joiner may follow; its own range has no Chinese and no Latin."""

_HIDDEN = f"{_TURNING}{_WITHOUT_WIDTH}{_CONTROLS}"
_NOT_IN_A_LINE = re.compile(f"[{_HIDDEN}{_JOINERS}]")
_NOT_IN_WORDS = re.compile(f"[{_HIDDEN}]|(?<![{_JOINED}])[{_JOINERS}]")
_BLANK = "\u2800"
"""Braille without a dot: a symbol by its category, and nothing to the eye."""


def line(text: str) -> str:
    """A name, an address, a title without hidden signs; "" where nothing of it can be seen."""
    return _seen(_NOT_IN_A_LINE.sub("", text)) if text else ""


def words(text: str) -> str:
    """What somebody says, likewise; joiners stay inside the words and emoji that need them."""
    return _seen(_NOT_IN_WORDS.sub("", text))


def _seen(text: str) -> str:
    return text.strip() if any(map(_is_visible, text)) else ""


def _is_visible(char: str) -> bool:
    # NUL counts: it is for the doors to refuse it in words of their own. So does what our tables
    # of Unicode do not know yet: a newer emoji.
    kind = unicodedata.category(char)
    return char == "\0" or (
        kind not in {"Cc", "Cf", "Cs"} and kind[0] not in "ZM" and char != _BLANK
    )
