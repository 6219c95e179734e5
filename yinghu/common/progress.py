"""Progress of long commands: a bar on a terminal, occasional lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

LOG_SECONDS: Final = 10.0


@contextmanager
def show_progress(title: str) -> Iterator[Callable[[float, str], None]]:
    """Yield a function to call with the fraction done (0 to 1) and a few words. On stderr."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def log(fraction: float, words: str) -> None:
            nonlocal last
            if time.monotonic() - last >= LOG_SECONDS:
                last = time.monotonic()
                print(f"{title} {fraction:.0%} {words}", file=sys.stderr, flush=True)

        yield log
        return
    *columns, remaining = Progress.get_default_columns()
    columns += TextColumn("{task.fields[words]}"), TimeElapsedColumn(), remaining
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0, words="")
        yield lambda fraction, words: bar.update(task, completed=fraction, words=words)
