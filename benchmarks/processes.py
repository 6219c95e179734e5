"""Server and client processes of benchmarks, and progress on stderr."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
_TIMEOUT = 60.0


def progress(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def free_port() -> int:
    """Return a currently free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database_url: str, **extra: str) -> dict[str, str]:
    """Environment of a process using this database."""
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "YINGHU_HOME": str(settings.HOME),
        "YINGHU_DEMO": "off",
        "DJANGO_SETTINGS_MODULE": "yinghu.config.settings",
        **extra,
    }


def spawn(
    module: str, *arguments: str, env: dict[str, str] | None = None, **options: Any
) -> subprocess.Popen[Any]:
    """Start a Python module of this checkout as a process."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=env, **options)  # noqa: S603  # our own module


def send_requests(
    port: int, requests: Iterable[str], *, at_once: int, rate: float = 0.0
) -> dict[str, Any]:
    """Send HTTP requests by `load_client`; return its result."""
    work = json.dumps({"at_once": at_once, "rate": rate, "requests": list(requests)})
    pipe = subprocess.PIPE
    client = spawn(
        "benchmarks.load_client", str(port), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
    out, error = client.communicate(work)
    if client.returncode:
        raise RuntimeError(f"the load generator failed:\n{error}")
    result: dict[str, Any] = json.loads(out)
    return result


@contextlib.contextmanager
def running_server(
    database_url: str,
    *extra: str,
    web: int = 1,
    settings_module: str = "yinghu.config.settings",
) -> Iterator[int]:
    """Run the web server with `web` processes, and the commands in `extra`; yield the port."""
    port = free_port()
    env = environment(
        database_url,
        HOST="127.0.0.1",
        PORT=str(port),
        YINGHU_WEB_PROCESSES=str(web),
        YINGHU_SITE_URL=f"http://127.0.0.1:{port}",
        DJANGO_SETTINGS_MODULE=settings_module,
    )
    log = Path(settings.HOME) / "bench.log"
    processes: list[subprocess.Popen[Any]] = []
    with log.open("wb") as out:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
        parent = f"--parent={os.getpid()}"
        try:
            for name in ("web", *extra):
                processes.append(
                    spawn("yinghu", name, parent, env=env, start_new_session=True, **streams)
                )
            _wait_until_up(port, processes, log)
            yield port
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(_TIMEOUT)


def _wait_until_up(port: int, processes: list[subprocess.Popen[Any]], log: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while True:
        with contextlib.suppress(OSError):
            url = f"http://127.0.0.1:{port}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not come up:\n{log.read_text('utf-8')}")
        time.sleep(0.05)
