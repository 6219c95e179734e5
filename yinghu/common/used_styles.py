"""Style sheets reduced to what pages can use: a library's has ten times as much."""

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import tinycss2

_WORD: Final = re.compile(r"[\w-]+")
_SOURCES: Final = frozenset({".html", ".js", ".py"})


def words_in(folder: Path, without: Path) -> set[str]:
    """Return all words of the templates, scripts and modules under a folder: any may be a class.

    A class whose name is put together must stand somewhere as a whole.
    """
    found: set[str] = set()
    for path in folder.rglob("*"):
        if path.suffix in _SOURCES and without not in path.parents:
            found.update(_WORD.findall(path.read_text("utf-8")))
    return found


def reduce_styles(css: str, words: Collection[str]) -> str:
    """Return the style sheet without the selectors that name a class not among `words`.

    Selectors without classes, at-rules, and all that a selector excludes (`:not`) are kept.
    """
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    kept: str = tinycss2.serialize(list(_used_rules(rules, words)))
    return kept


def _used_rules(rules: list[Any], words: Collection[str]) -> Iterator[Any]:
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [each for each in _selectors(rule.prelude) if _is_used(each, words)]
            if not selectors:
                continue
            rule.prelude = [token for each in selectors for token in (*each, _COMMA)][:-1]
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            rule.content = list(_used_rules(inner, words))
            if not rule.content:
                continue
        yield rule


_COMMA: Final = tinycss2.ast.LiteralToken(0, 0, ",")


def _selectors(prelude: list[Any]) -> Iterator[list[Any]]:
    selector: list[Any] = []
    for part in prelude:
        if part == ",":
            yield selector
            selector = []
        else:
            selector.append(part)
    yield selector


def _is_used(selector: list[Any], words: Collection[str]) -> bool:
    """Are all classes of the selector among the words?"""
    return all(
        name.value in words
        for dot, name in pairwise(selector)
        if dot == "." and name.type == "ident"
    )
