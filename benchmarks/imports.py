"""Benchmark: `yinghu import` of a file."""

import argparse
import csv
import random
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import Measurement
from benchmarks.databases import own_database
from benchmarks.intake import BODIES, count_complete
from benchmarks.pgbench import BATCH, BATCH_FILING, measure, silence_jobs
from benchmarks.processes import environment, progress, spawn

HELP = "rows of a file per second into complete appeals, by `yinghu import`"
PROMISED = 5_000
"""Rows per second promised by the project."""
COLUMNS = {
    "编号": "external_id",
    "标题": "title",
    "内容": "body",
    "电话": "phone",
    "姓名": "name",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=100_000, help="rows (default 100000)")
    parser.add_argument("--seconds", type=float, default=10, help="for the limit (default 10)")


def run(options: argparse.Namespace) -> list[Measurement]:
    """Import a file twice (the second run finds nothing new), then run pgbench."""
    with (
        own_database("import", template=options.template) as url,
        tempfile.TemporaryDirectory(prefix="yh-bench-") as folder,
    ):
        file = Path(folder) / "messages.csv"
        write_messages(file, options.rows)
        progress(f"import: {options.rows} rows, {file.stat().st_size // 1024} KB")
        seconds = [_time_import(url, file, options.rows) for _time in range(2)]
        rate = options.rows / seconds[0]
        progress(f"  {rate:.0f} rows/s, start of the command included; all complete, none twice")
        silence_jobs()
        limit = BATCH * measure(
            BATCH_FILING, url, clients=1, raw=420, body=BODIES[0], seconds=options.seconds
        )
        progress(f"  pgbench, a thousand rows per transaction: {limit:.0f} rows/s")
    return [
        Measurement("import", rate, "rows/s", limit),
        Measurement("import again, nothing new", options.rows / seconds[1], "rows/s"),
        Measurement("import against the promise", rate, "rows/s", PROMISED),
    ]


def _time_import(url: str, file: Path, rows: int) -> float:
    mapping = [f"{column}={target}" for column, target in COLUMNS.items()]
    begun = time.perf_counter()
    command = spawn(
        "yinghu",
        *("import", str(file), "--channel", "feed", "--map", *mapping),
        env=environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output, _nothing = command.communicate()
    seconds = time.perf_counter() - begun
    if command.returncode:
        raise RuntimeError(f"the import failed:\n{output}")
    if (complete := count_complete()) != rows:
        raise RuntimeError(f"{complete} complete appeals of {rows} rows")
    return seconds


def write_messages(file: Path, rows: int) -> None:
    """Write a CSV file of messages; the same at each run."""
    chance = random.Random(1)  # noqa: S311  # the same each run
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for number in range(rows):
            phone = f"138{chance.randrange(10**8):08d}"
            body = f"{chance.choice(BODIES)}，{chance.choice(BODIES)}（{number}）"
            writer.writerow([f"m{number}", "群众来信", body, phone, "王小明"])
