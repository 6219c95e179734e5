"""Lock files: every package has a hash, none has an address, and no dependency is missing."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from yinghu.commands import assets
from yinghu.common import icons
from yinghu.config import PROJECT
from yinghu.demo import HERE as DEMO


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_python_packages_have_hashes_and_no_addresses(name: str) -> None:
    text = (PROJECT / name).read_text("utf-8")
    assert not re.search(r"://|^\s*--(index|extra|find|trusted)", text, re.MULTILINE)
    pins = re.findall(
        r"^([a-z0-9-]+)==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n)+)", text, re.M
    )
    assert len(pins) == len(re.findall(r"^[^#\s].*==", text, re.M)) > 50


def test_locks_contain_every_dependency() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    for name, groups in (
        ("requirements.lock", ["build"]),
        ("requirements-test.lock", ["build", "test"]),
    ):
        wanted = list(project["dependencies"])
        for group in groups:
            wanted += project["optional-dependencies"][group]
        locked = set(re.findall(r"^([a-z0-9-]+)==", (PROJECT / name).read_text("utf-8"), re.M))
        asked = {re.split(r"[\[<>=]", one)[0].lower().replace("_", "-") for one in wanted}
        assert asked <= locked


def test_test_lock_contains_every_runtime_pin() -> None:
    pins = [
        set(re.findall(r"^[a-z0-9-]+==\S+", (PROJECT / name).read_text("utf-8"), re.M))
        for name in ("requirements.lock", "requirements-test.lock")
    ]
    assert pins[0] <= pins[1]


def test_npm_packages_have_hashes_and_no_addresses() -> None:
    text = (PROJECT / "package-lock.json").read_text("utf-8")
    assert "://" not in text
    lock = json.loads(text)
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_sprite_contains_the_icons_of_the_demo() -> None:
    import csv

    with (DEMO / "categories.csv").open(encoding="utf-8-sig", newline="") as file:
        used = {row["icon"] for row in csv.DictReader(file)}
    assert used <= set(icons.icon_names())
    sprite = (assets.VENDOR / "icons.svg").read_text("utf-8")
    assert set(re.findall(r'<symbol id="([^"]+)"', sprite)) == set(icons.icon_names())
