"""The page about oversight says what the tables say."""

from __future__ import annotations

from yinghu.oversight.diagram import PAGE, written


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page)
