"""The worker knows every task that the code declares."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from yinghu.config import PROJECT

_KNOWN = """
import django
django.setup()
from procrastinate.contrib.django import app
app.perform_import_paths()
print(*app.tasks)
"""


def test_worker_imports_every_task_module() -> None:
    declared = set()
    for path in (PROJECT / "yinghu").rglob("*.py"):
        declared |= set(re.findall(r'task\(\s*name="(yinghu\.\w+)"', path.read_text("utf-8")))
    # In a separate process, because this one has imported more than a worker does.
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "yinghu.config.settings"}
    found = subprocess.run(
        [sys.executable, "-c", _KNOWN], env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert len(declared) > 5
    assert declared <= set(found.stdout.split())
