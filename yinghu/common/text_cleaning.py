"""Remove invisible and direction-changing characters from users' texts.

They make a name or an address read differently, look-alikes differ, or an appeal appear empty. The
original message is kept unchanged.
"""

import re
import unicodedata

_DIRECTION_MARKS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = (
    "\u00ad\u034f\u115f\u1160\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
# Without NUL, which is refused elsewhere, line ends and separators.
_CONTROLS = "\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
_JOINERS = "\u180e\u200c\u200d"
"""Needed in Arabic, Indic and Mongolian words, and in composed emoji."""
_BEFORE_JOINER = (
    "\u0590-\u1cff\u2190-\u2bff\ua800-\uabff\ufb50-\ufdff\ufe0f\ufe70-\ufefc"
    "\U00010a00-\U00011fff\U0001e900-\U0001faff"
)
"""Characters that a joiner may follow; no Chinese or Latin."""

_HIDDEN = f"{_DIRECTION_MARKS}{_ZERO_WIDTH}{_CONTROLS}"
_NOT_IN_A_LINE = re.compile(f"[{_HIDDEN}{_JOINERS}]")
_NOT_IN_WORDS = re.compile(f"[{_HIDDEN}]|(?<![{_BEFORE_JOINER}])[{_JOINERS}]")
_BLANK = "\u2800"
"""Braille blank: a symbol by category, but invisible."""


def clean_line(text: str) -> str:
    """Clean a name, an address or a title; "" if nothing is visible."""
    return _if_visible(_NOT_IN_A_LINE.sub("", text)) if text else ""


def clean_words(text: str) -> str:
    """Clean free text; joiners stay in words and emoji that need them."""
    return _if_visible(_NOT_IN_WORDS.sub("", text))


def _if_visible(text: str) -> str:
    return text.strip() if any(map(_is_visible, text)) else ""


def _is_visible(char: str) -> bool:
    # NUL counts as visible, because forms refuse it with a message of their own; so do characters
    # newer than our Unicode tables, such as emoji.
    kind = unicodedata.category(char)
    return char == "\0" or (
        kind not in {"Cc", "Cf", "Cs"} and kind[0] not in "ZM" and char != _BLANK
    )
