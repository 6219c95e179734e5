"""What a process is told from outside: environment variables, parsed strictly, in one table.

Every variable may also be given as NAME_FILE, a path whose content is the value (for mounted
secrets). A bad value, a value given twice, or an unknown YINGHU_* name is an error that says
what is wrong, where, and what to do. `docs/operations.md` carries this table; a test keeps it so.
"""

from __future__ import annotations

import base64
import difflib
import ipaddress
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from yinghu import parsing as to
from yinghu.parsing import DEMO_CONSENT as DEMO_CONSENT
from yinghu.parsing import Network

PROJECT = Path(__file__).resolve().parent.parent


class EnvError(Exception):
    """One or more variables cannot be used; `problems` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Variable:
    """One row of the table: its name, how to read it, what it is when absent, and help."""

    name: str
    parse: Callable[[str], Any]
    default: str | None
    help: str
    shown_default: str = ""


@dataclass(frozen=True)
class Env:
    """The environment, understood. Fields carry the meaning; VARIABLES carries the names.

    What is secret, or may hold a password, does not show where an `Env` is printed.
    """

    home: Path
    database_url: str | None = field(repr=False)
    host: str
    port: int
    web_processes: int
    demo: bool
    debug: bool
    secret_key: str = field(repr=False)
    data_keys: tuple[bytes, ...] = field(repr=False)
    site_url: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    metrics_token: str = field(repr=False)
    time_zone: str
    phone_region: str
    log_format: str
    email_url: str = field(repr=False)
    email_from: str
    sms_url: str = field(repr=False)
    sms_token: str = field(repr=False)
    notice_providers: tuple[str, ...]
    map_tiles: str
    map_credit: str
    map_datum: str

    @property
    def embedded(self) -> bool:
        """True where the database is the one from the wheel, False where it is the user's own."""
        return self.database_url is None

    @property
    def secrets(self) -> Path:
        """The folder of generated keys, readable by the owner only."""
        return self.home / "secrets"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "YINGHU_HOME",
        to.path,
        str(PROJECT / "var"),
        "Folder of all state: embedded database, photos, generated keys, logs.",
        "var/ in the project's folder",
    ),
    Variable(
        "DATABASE_URL",
        to.database_url,
        None,
        "Your own PostgreSQL, 15 or later; libpq's query parameters (sslmode, host…) may follow.",
        "the embedded PostgreSQL",
    ),
    Variable("HOST", to.host, "127.0.0.1", "IP address on which the web server listens."),
    Variable("PORT", to.port, "8000", "Port on which the web server listens."),
    Variable(
        "YINGHU_WEB_PROCESSES",
        to.count,
        "1",
        "Processes of the web server; one for each core where thousands come at once.",
    ),
    Variable(
        "YINGHU_SITE_URL",
        to.site_url,
        None,
        "Address under which people reach the site; it goes into links and QR codes. "
        "Needed as soon as HOST is not this machine only.",
        "http://HOST:PORT",
    ),
    Variable(
        "YINGHU_ALLOWED_HOSTS",
        to.allowed_hosts,
        None,
        "Further host names that may stand in a request, with commas.",
        "the host of YINGHU_SITE_URL and this machine",
    ),
    Variable(
        "YINGHU_TRUSTED_PROXIES",
        to.networks,
        "",
        "Networks of reverse proxies whose X-Forwarded-For and -Proto are believed, with commas.",
        "none",
    ),
    Variable(
        "YINGHU_DEMO",
        to.demo,
        None,
        "The demo city with one-click logins. On a database of your own, on an open HOST, under a "
        "YINGHU_SITE_URL that is not this machine's, or with YINGHU_TRUSTED_PROXIES it is on "
        f"only when this says {DEMO_CONSENT}.",
        "on with the embedded database on this machine only and no proxy, else off",
    ),
    Variable("YINGHU_DEBUG", to.flag, "off", "Pages of errors with their causes, for developers."),
    Variable(
        "YINGHU_SECRET_KEY",
        to.secret_key,
        None,
        "Signs sessions and links.",
        "made once, in YINGHU_HOME/secrets",
    ),
    Variable(
        "YINGHU_DATA_KEYS",
        to.data_keys,
        None,
        "Keys of the encrypted fields: base64 of 32 bytes each, newest first, with commas. "
        "Without them names and phones cannot be read again: keep a copy apart from the database.",
        "made once, in YINGHU_HOME/secrets",
    ),
    Variable(
        "YINGHU_METRICS_TOKEN",
        to.text,
        "",
        "Bearer token for /metrics.",
        "none: only this machine may read them",
    ),
    Variable("YINGHU_TIME_ZONE", to.time_zone, "Asia/Shanghai", "Zone of dates that people read."),
    Variable("YINGHU_PHONE_REGION", to.region, "CN", "Country of phones written without a +."),
    Variable("YINGHU_LOG_FORMAT", to.log_format, "console", "console or json."),
    Variable(
        "YINGHU_EMAIL_URL",
        to.email_url,
        "",
        "Mail server: smtp://, smtp+tls:// (STARTTLS) or smtps://user:password@host:port.",
        "none: no mail is sent; in demo mode mails are written to the log",
    ),
    Variable("YINGHU_EMAIL_FROM", to.text, "yinghu@localhost", "Sender of mails."),
    Variable(
        "YINGHU_SMS_URL",
        to.sms_url,
        "",
        "Gateway for text messages: takes POST with JSON {phone, text} (docs/channels.md).",
        "none: codes by phone are not offered; in demo mode the page shows them",
    ),
    Variable("YINGHU_SMS_TOKEN", to.text, "", "Bearer token for that gateway.", "none"),
    Variable(
        "YINGHU_NOTICE_PROVIDERS",
        to.providers,
        "log",
        "By what notices go out besides the pages, with commas: log (a line in the log for each, "
        "without its words), email (over YINGHU_EMAIL_URL, to logins that have an address).",
    ),
    Variable(
        "YINGHU_MAP_TILES",
        to.tiles,
        "",
        "Address of map tiles, with {z}, {x} and {y}; browsers then fetch them from there.",
        "none: maps show outlines and pins, and nobody else is contacted",
    ),
    Variable(
        "YINGHU_MAP_CREDIT", to.text, "", "What the tiles' makers want to be written on maps."
    ),
    Variable(
        "YINGHU_MAP_DATUM",
        to.datum,
        "wgs84",
        "What the tiles are drawn in: wgs84, or gcj02 as maps made in China are.",
    ),
)

_NAMES = {variable.name: variable for variable in VARIABLES}


def _raw(environ: Mapping[str, str], problems: list[str]) -> dict[str, tuple[str, str]]:
    """Values with where each was found, `{name: (value, place)}`; unknown names are problems."""
    found: dict[str, tuple[str, str]] = {}
    for key in environ:
        name = key.removesuffix("_FILE")
        if name in _NAMES or not key.startswith("YINGHU_"):
            continue
        near = difflib.get_close_matches(name, _NAMES, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        problems.append(f"{key}: there is no such variable{hint}")
    for name in _NAMES:
        value, file = environ.get(name), environ.get(f"{name}_FILE")
        if value is not None and file is not None:
            problems.append(f"{name}: given twice, also as {name}_FILE; keep one of them")
        elif file is not None:
            try:
                found[name] = (Path(file).read_text("utf-8").strip(), f"{name}_FILE ({file})")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{name}_FILE: cannot read {file}: {error}")
        elif value is not None:
            found[name] = (value.strip(), name)
    return found


def _kept_secret(folder: Path, name: str, make: Callable[[], str]) -> str:
    """The text of `folder/name`, made on first use by `make`, readable by the owner only."""
    path = folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        pass
    fresh = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(make() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # A hard link fails if another process was first; its secret then stands.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text("ascii").strip()


def load(environ: Mapping[str, str] | None = None) -> Env:
    """Parse `environ` (default: the process's own).

    Raises `EnvError` with every problem at once. Makes the generated secrets on first use.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    raw = _raw(environ, problems)
    values: dict[str, Any] = {}
    for name, variable in _NAMES.items():
        text, place = raw.get(name, (variable.default, name))
        if text is None or (text == "" and variable.default is None):
            if text is not None:
                problems.append(f"{place}: is empty; give a value or leave it out")
            values[name] = None
            continue
        try:
            values[name] = variable.parse(text)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            values[name] = None
    if not problems:
        problems = _contradictions(values)
    if problems:
        raise EnvError(problems)

    home: Path = values["YINGHU_HOME"]
    site = values["YINGHU_SITE_URL"] or _own_address(values["HOST"], values["PORT"])
    name = urlsplit(site).hostname or ""
    machine = ("127.0.0.1", "localhost", "[::1]")
    return Env(
        home=home,
        database_url=values["DATABASE_URL"],
        host=values["HOST"],
        port=values["PORT"],
        web_processes=values["YINGHU_WEB_PROCESSES"],
        demo=_demo_is_on(values),
        debug=values["YINGHU_DEBUG"],
        secret_key=values["YINGHU_SECRET_KEY"]
        or _kept_secret(home / "secrets", "secret_key", lambda: secrets.token_urlsafe(48)),
        data_keys=values["YINGHU_DATA_KEYS"]
        or to.data_keys(
            _kept_secret(
                home / "secrets",
                "data_keys",
                lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
            )
        ),
        site_url=site,
        allowed_hosts=tuple(
            dict.fromkeys((name, *machine, *(values["YINGHU_ALLOWED_HOSTS"] or ())))
        ),
        trusted_proxies=values["YINGHU_TRUSTED_PROXIES"],
        metrics_token=values["YINGHU_METRICS_TOKEN"],
        time_zone=values["YINGHU_TIME_ZONE"],
        phone_region=values["YINGHU_PHONE_REGION"],
        log_format=values["YINGHU_LOG_FORMAT"],
        email_url=values["YINGHU_EMAIL_URL"],
        email_from=values["YINGHU_EMAIL_FROM"],
        sms_url=values["YINGHU_SMS_URL"],
        sms_token=values["YINGHU_SMS_TOKEN"],
        notice_providers=values["YINGHU_NOTICE_PROVIDERS"],
        map_tiles=values["YINGHU_MAP_TILES"],
        map_credit=values["YINGHU_MAP_CREDIT"],
        map_datum=values["YINGHU_MAP_DATUM"],
    )


def _own_address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _only_here(values: Mapping[str, Any]) -> bool:
    """Whether nobody but this machine's people can come, behind no proxy either."""
    site = values["YINGHU_SITE_URL"]
    return (
        values["DATABASE_URL"] is None
        and is_loopback(values["HOST"])
        and (site is None or is_loopback(urlsplit(site).hostname or ""))
        and not values["YINGHU_TRUSTED_PROXIES"]
    )


def _demo_is_on(values: Mapping[str, Any]) -> bool:
    said = values["YINGHU_DEMO"]
    return _only_here(values) if said is None else said != "off"


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    problems = []
    if values["YINGHU_DEMO"] == "on" and not _only_here(values):
        problems.append(
            "YINGHU_DEMO: on a database of your own, on an open HOST, under an address that others "
            "can reach (YINGHU_SITE_URL) or behind a proxy anybody could log in as "
            f"anybody; if that is wanted, say YINGHU_DEMO={DEMO_CONSENT}, else off"
        )
    open_to_others = not is_loopback(values["HOST"])
    if open_to_others and values["YINGHU_SITE_URL"] is None:
        problems.append(
            f"YINGHU_SITE_URL: needed because HOST={values['HOST']} is open to others; give the "
            "address that people type, such as https://help.example.org"
        )
    if "email" in values["YINGHU_NOTICE_PROVIDERS"] and not values["YINGHU_EMAIL_URL"]:
        problems.append(
            "YINGHU_NOTICE_PROVIDERS: email needs a mail server; name it in YINGHU_EMAIL_URL, and "
            "the sender in YINGHU_EMAIL_FROM"
        )
    consented = values["YINGHU_DEMO"] == DEMO_CONSENT
    if values["YINGHU_DEBUG"] and not _only_here(values) and not consented:
        problems.append(
            "YINGHU_DEBUG: shows secrets on its error pages; turn it off, or use the embedded "
            "database on this machine only, with no proxy and no address for others"
        )
    return problems


def table() -> str:
    """The variables as a table in Markdown, as it stands in `docs/operations.md`."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for variable in VARIABLES:
        default = variable.shown_default or (f"`{variable.default}`" if variable.default else "")
        rows.append(f"| `{variable.name}` | {default} | {variable.help} |")
    return "\n".join(rows)
