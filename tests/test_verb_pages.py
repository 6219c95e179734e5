"""The generated pages about verbs match the verb table."""

from __future__ import annotations

from tests.verb_pages import DOCS, loop_page, oversight_page


def test_loop_page_is_up_to_date() -> None:
    assert (DOCS / "loop.md").read_text("utf-8") == loop_page()


def test_oversight_page_is_up_to_date() -> None:
    page = (DOCS / "oversight.md").read_text("utf-8")
    assert page == oversight_page(page)
