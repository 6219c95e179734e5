"""The page about the loop says what MOVES says."""

from pathlib import Path

from yinghu.appeals.diagram import page


def test_the_page_of_the_loop_is_up_to_date() -> None:
    written = Path(__file__).parents[2] / "docs" / "loop.md"
    assert written.read_text(encoding="utf-8") == page()
