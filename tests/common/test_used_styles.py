"""Style sheets reduced to the classes that pages name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yinghu.commands.assets import MODULES, STYLES, VENDOR
from yinghu.common.used_styles import reduce_styles, words_in
from yinghu.config import PROJECT

WORDS = {"btn", "btn-primary", "card"}


@pytest.mark.parametrize(
    ("css", "left"),
    [
        (".btn{a:b}.modal{a:b}", ".btn{a:b}"),
        (".btn,.modal,.card{a:b}", ".btn,.card{a:b}"),
        (".card .modal{a:b}.card>.btn:hover{a:b}", ".card>.btn:hover{a:b}"),
        (".btn.modal{a:b}.btn.btn-primary{a:b}", ".btn.btn-primary{a:b}"),
        # Elements, attributes, and what is excluded, are no reason to go.
        ("a{a:b}[class*=col-]{a:b}.btn:not(.modal){a:b}", None),
        ("@media print{.modal{a:b}.btn{a:b}}@media x{.modal{a:b}}", "@media print{.btn{a:b}}"),
        ("@keyframes modal{from{a:b}}", None),
    ],
)
def test_selectors_without_a_use_are_left_out(css: str, left: str | None) -> None:
    assert reduce_styles(css, WORDS) == (css if left is None else left)


def test_words_of_all_sources_count(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "their.js").write_text("modal")
    (tmp_path / "page.html").write_text('<p class="card btn-primary">')
    (tmp_path / "tag.py").write_text('look = "bg-red"')
    (tmp_path / "notes.md").write_text("offcanvas")
    found = words_in(tmp_path, without=tmp_path / "vendor")
    assert found >= {"card", "btn-primary", "bg-red"}
    assert not found & {"modal", "offcanvas"}


def alone(css: str) -> set[str]:
    """The classes that are a selector by themselves."""
    return set(re.findall(r"(?:^|[{},])\.([\w-]+)(?=[{,])", css))


def test_pages_have_the_style_sheet_of_their_present_classes() -> None:
    """A class that was written after the last `yinghu assets` would have no style."""
    words = words_in(PROJECT / "yinghu", without=VENDOR)
    for name, source in STYLES.items():
        whole, reduced = ((MODULES / source).read_text("utf-8"), (VENDOR / name).read_text("utf-8"))
        assert len(reduced) < len(whole) / 3
        named = alone(whole) & words
        assert len(named) > 100
        assert named - alone(reduced) == set()
