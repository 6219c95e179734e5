"""Progress of long commands: a bar on a terminal, occasional lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LOG_SECONDS: Final = 10.0


@contextmanager
def shown(title: str) -> Iterator[Callable[[float, str], None]]:
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
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(title, total=1.0, words="")
        yield lambda fraction, words: bar.update(task, completed=fraction, words=words)
