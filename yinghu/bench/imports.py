"""Rows of a file into whole appeals, by the very command that people use."""

from __future__ import annotations

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from yinghu.bench import Figure

HELP = "rows of a file a second into whole appeals, by `yinghu import`"
NEEDED = 5_000
"""Rows a second that the project promises."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=100_000, help="rows (default 100000)")
    parser.add_argument("--seconds", type=float, default=10, help="for the limit (default 10)")


def run(options: argparse.Namespace) -> list[Figure]:
    """Write a file, import it twice (the second brings nothing), then let pgbench have its turn."""
    from django.conf import settings

    from yinghu.bench.city import own_database, say
    from yinghu.bench.intake import whole
    from yinghu.bench.load import BODIES
    from yinghu.bench.pgbench import BATCH, BATCH_FILING, a_second, quiet

    with own_database("import") as url, tempfile.TemporaryDirectory(prefix="yh-bench-") as folder:
        file = Path(folder) / "messages.csv"
        _write(file, options.rows)
        say(f"import: {options.rows} rows, {file.stat().st_size // 1024} KB")
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "YINGHU_HOME": str(settings.HOME),
            "YINGHU_DEMO": "off",
        }
        command = [sys.executable, "-m", "yinghu", "import", str(file), "--channel", "feed"]
        command += [
            "--map",
            "编号=external_id",
            "标题=title",
            "内容=body",
            "电话=phone",
            "姓名=name",
        ]
        seconds = []
        for _time in range(2):
            start = time.perf_counter()
            done = subprocess.run(  # noqa: S603  # this program's own import
                command, env=environment, capture_output=True, text=True
            )
            seconds.append(time.perf_counter() - start)
            if done.returncode:
                raise RuntimeError(f"the import failed:\n{done.stdout}{done.stderr}")
            if whole() != options.rows:
                raise RuntimeError(f"{whole()} whole appeals of {options.rows} rows")
        rate = options.rows / seconds[0]
        say(f"  {rate:.0f} rows a second, the command's start included; all whole, none twice")
        quiet(url)
        limit = BATCH * a_second(
            BATCH_FILING, url, clients=1, raw=420, body=BODIES[0], seconds=options.seconds
        )
        say(f"  pgbench, a thousand rows for each transaction: {limit:.0f} a second")
    return [
        Figure("import", rate, "rows/s", limit),
        Figure("import again, nothing new", options.rows / seconds[1], "rows/s"),
        Figure("import against the promise", rate, "rows/s", NEEDED),
    ]


def _write(file: Path, rows: int) -> None:
    from yinghu.bench.load import BODIES

    chance = random.Random(1)  # noqa: S311  # the same each run
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["编号", "标题", "内容", "电话", "姓名"])
        for number in range(rows):
            phone = f"138{chance.randrange(10**8):08d}"
            body = f"{chance.choice(BODIES)}，{chance.choice(BODIES)}（{number}）"
            writer.writerow([f"m{number}", "群众来信", body, phone, "王小明"])
