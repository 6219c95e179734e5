r"""The English catalogue is complete, and every entry can be used.

To add new texts, run with GNU gettext installed, in the folder `yinghu`:

    DJANGO_SETTINGS_MODULE=yinghu.config.settings python -m django makemessages -l en \
        --no-location --no-obsolete

then fill every empty msgstr and review those marked fuzzy.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from yinghu.commands import assets
from yinghu.config import PROJECT

PACKAGE = PROJECT / "yinghu"
PO = assets.LOCALE / "en" / "LC_MESSAGES" / "django.po"

Key = tuple[str | None, str]
"""Context and msgid."""

KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
CHINESE = re.compile(r"[\u3400-\u9fff]")

_TEXT = r"""(?P<quote>["'])(?P<text>.+?)(?P=quote)"""
_TRANSLATE = re.compile(
    rf"""\{{%\s*trans(?:late)?\s+{_TEXT}(?:\s+as\s+\w+|\s+noop)?"""
    r"""(?:\s+context\s+["'](?P<context>.+?)["'])?(?:\s+as\s+\w+)?\s*%\}"""
)
_BLOCK = re.compile(
    r"\{%\s*blocktrans(?:late)?(?P<options>[^%]*)%\}(?P<text>.*?)"
    r"(?:\{%\s*plural\s*%\}(?P<plural>.*?))?\{%\s*endblocktrans(?:late)?\s*%\}",
    re.DOTALL,
)
_UNDERSCORE = re.compile(rf"""\b_\({_TEXT}\)""")
_COMMENT = re.compile(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}", re.DOTALL)
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_CONTEXT = re.compile(r"""context\s+["'](.+?)["']""")
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+0 #]*[\d.]*[sdrfi%]|\{\w*\}")


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    """The English catalogue."""
    with PO.open("rb") as file:
        return read_po(file, locale="en", abort_invalid=True)


def entries(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def first(texts: str | tuple[str, ...] | list[str]) -> str:
    return texts if isinstance(texts, str) else texts[0]


def english(message: Message) -> list[str]:
    """The translation of a message, or all its plural forms."""
    texts = message.string or ""
    return [texts] if isinstance(texts, str) else list(texts)


def in_python() -> Iterator[Key]:
    """Texts that the Python source marks for translation."""
    found = extract_from_dir(PACKAGE, [("**.py", "python")], keywords=KEYWORDS)
    for _file, _line, message, _comments, context in found:
        if text := first(message):
            yield context, text


def templates() -> list[Path]:
    return sorted(PACKAGE.rglob("templates/**/*.html"))


def in_templates() -> Iterator[Key]:
    """Texts that the templates mark for translation."""
    for path in templates():
        source = _COMMENT.sub("", path.read_text("utf-8"))
        for match in _TRANSLATE.finditer(source):
            yield match["context"], match["text"]
        for match in _UNDERSCORE.finditer(source):
            yield None, match["text"]
        for match in _BLOCK.finditer(source):
            context = _CONTEXT.search(match["options"])
            text = _VARIABLE.sub(r"%(\1)s", match["text"].replace("%", "%%"))
            if "trimmed" in match["options"].split():
                text = " ".join(line.strip() for line in text.strip().splitlines())
            yield context and context[1], text


def test_catalogue_matches_the_texts_marked_in_the_source(catalogue: Catalog) -> None:
    known = {(message.context, first(message.id)) for message in entries(catalogue)}
    marked = {*in_python(), *in_templates()}
    assert len(marked) > 500
    assert sorted(marked - known, key=str) == [], "run makemessages, then translate"
    assert sorted(known - marked, key=str) == [], "no longer used: run makemessages"


def test_every_entry_is_translated(catalogue: Catalog) -> None:
    for message in entries(catalogue):
        texts = english(message)
        assert all(text.strip() for text in texts), message.id
        assert len(texts) == (catalogue.num_plurals if message.pluralizable else 1), message.id
        assert not any(CHINESE.search(text) for text in texts), message.id
    assert [message.id for message in catalogue if message.fuzzy] == []
    assert not catalogue.obsolete


def test_placeholders_are_the_same_on_both_sides(catalogue: Catalog) -> None:
    for message in entries(catalogue):
        # A form for one item could omit its number; ours all keep it.
        wanted = Counter(_PLACEHOLDER.findall(first(message.id)))
        for text in english(message):
            assert Counter(_PLACEHOLDER.findall(text)) == wanted, message.id
            if not any("(" in name for name in wanted):
                # Unnamed placeholders must keep their order.
                assert _PLACEHOLDER.findall(text) == _PLACEHOLDER.findall(first(message.id))


def test_header_names_no_person(catalogue: Catalog) -> None:
    head = dict(catalogue.mime_headers)
    assert head["Project-Id-Version"].strip() == "Yinghu"
    assert "@" not in PO.read_text("utf-8").partition("\n\n")[0]


def test_templates_have_no_unmarked_chinese() -> None:
    # The name of a language is in that language.
    own_name = '<button class="btn btn-ghost-secondary" type="submit" name="language"'
    for path in templates():
        source = _COMMENT.sub("", path.read_text("utf-8"))
        source = re.sub(r"\{%.*?%\}", "", _BLOCK.sub("", source), flags=re.DOTALL)
        lines = [line for line in source.splitlines() if CHINESE.search(line)]
        assert [line for line in lines if own_name not in line] == [], path


def test_scripts_contain_no_chinese() -> None:
    for path in sorted((PACKAGE / "web" / "static" / "web").glob("*.js")):
        assert not CHINESE.search(path.read_text("utf-8")), path


def test_command_help_is_english() -> None:
    files = [
        *sorted((PACKAGE / "commands").glob("*.py")),
        PACKAGE / "channels" / "files" / "arguments.py",
    ]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HELP":
                assert not CHINESE.search(ast.unparse(node.value)), path
            if isinstance(node, ast.keyword) and node.arg in {"help", "metavar", "description"}:
                assert not CHINESE.search(ast.unparse(node.value)), path
