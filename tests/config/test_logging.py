"""Logs contain neither decrypted data nor the secrets of tracking links."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from yinghu.config import PROJECT
from yinghu.config.log_config import without_secrets

SECRET = "abcdefghijklmnopqrstuv23"
SAYS = f"""
import logging, sys
import structlog
from yinghu.config import log_config
log_config.configure(sys.argv[1])
def fail(phone):
    shown = phone[::-1]
    raise ValueError("it broke at /t/17-{SECRET}")
try:
    fail("138" + "00013800")
except ValueError:
    structlog.get_logger("yinghu.test").exception("failed", path="/t/17-{SECRET}", n=[1])
    logging.getLogger("django.request").error(
        "Internal Server Error: %s", "/t/17-{SECRET}/photo", exc_info=True
    )
logging.getLogger("django.request").warning("Not Found: %s", "/t/17-{SECRET}")
structlog.get_logger("yinghu.test").info("said", words="see /live?t=17-{SECRET}&version=2")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_neither_locals_nor_tracking_secrets_are_logged(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS, form], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr
    assert "ValueError" in said
    assert "/t/17-…" in said
    assert "t=17-…&version=2" in said
    for hidden in (SECRET, "13800013800", "00831000831"):
        assert hidden not in said
    if form == "json":
        lines = [json.loads(line) for line in said.splitlines()]
        assert [line["event"] for line in lines] == [
            "failed",
            "Internal Server Error: /t/17-…/photo",
            "Not Found: /t/17-…",
            "said",
        ]
        assert lines[0]["path"] == "/t/17-…"
        assert lines[0]["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        (f"/t/1-{SECRET}", "/t/1-…"),
        ("/t/1-guessed/photos", "/t/1-…/photos"),
        (f"GET /t/1-{SECRET}?x=1", "GET /t/1-…?x=1"),
        (f"next=%2Ft%2F1-{SECRET}", "next=%2Ft%2F1-…"),
        ("/case/0000-0123-4", "/case/0000-0123-4"),
        ("2026-01-02 a-b", "2026-01-02 a-b"),
    ],
)
def test_tracking_secrets_are_removed_from_text(text: str, logged: str) -> None:
    assert without_secrets(text) == logged


@pytest.mark.parametrize(
    ("given", "backend"),
    [
        ({}, "console"),
        ({"YINGHU_DEMO": "off"}, "dummy"),
        ({"YINGHU_DEMO": "off", "YINGHU_EMAIL_URL": "smtp://mail.example.org"}, "smtp"),
    ],
)
def test_console_mail_backend_is_for_the_demo_only(
    tmp_path: Path, given: dict[str, str], backend: str
) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YINGHU_", "DATABASE_"))}
    done = subprocess.run(
        [sys.executable, "-c", "from yinghu.config import settings; print(settings.EMAIL_BACKEND)"],
        cwd=PROJECT,
        env={**kept, "YINGHU_HOME": str(tmp_path), **given},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split(".")[-2] == backend
