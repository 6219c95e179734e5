"""What a process is told from outside: environment variables, parsed strictly, in one table.

Every variable may also be given as NAME_FILE, a path whose content is the value (for mounted
secrets). A bad value, a value given twice, or an unknown YINGHU_* name is an error that says
what is wrong, where, and what to do. `docs/operations.md` carries this table; a test keeps it so.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PROJECT = Path(__file__).resolve().parent.parent

DEMO_CONSENT = "yes-this-is-a-demo"
"""What YINGHU_DEMO must say where the demo could be met by people who take it for real."""


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
    """The environment, understood. Fields carry the meaning; VARIABLES carries the names."""

    home: Path
    database_url: str | None
    host: str
    port: int
    web_processes: int
    demo: bool
    debug: bool
    secret_key: str
    data_keys: tuple[bytes, ...]
    site_url: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    metrics_token: str
    time_zone: str
    phone_region: str
    log_format: str
    email_url: str
    email_from: str
    sms_url: str
    sms_token: str
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


def _text(value: str) -> str:
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser().absolute()


def _host(value: str) -> str:
    if value == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(
            "must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0"
        ) from None


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise ValueError("must be a port number from 1 to 65535")
    return int(value)


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 64:
        raise ValueError("must be a number from 1 to 64")
    return int(value)


def _flag(value: str) -> bool:
    if value not in {"on", "off"}:
        raise ValueError("must be on or off")
    return value == "on"


def _tiles(value: str) -> str:
    parts = urlsplit(value)
    named = all(part in value for part in ("{z}", "{x}", "{y}"))
    if value and (parts.scheme not in {"https", "http"} or not parts.hostname or not named):
        raise ValueError("must look like https://tiles.example.org/{z}/{x}/{y}.png")
    return value


def _sms_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in {"https", "http"} or not parts.hostname):
        raise ValueError("must look like https://sms.example.org/send")
    if parts.username or parts.password:
        raise ValueError("must hold no password; the token goes into YINGHU_SMS_TOKEN")
    return value


def _datum(value: str) -> str:
    if value not in {"wgs84", "gcj02"}:
        raise ValueError("must be wgs84 or gcj02")
    return value


def _demo(value: str) -> str:
    if value not in {"on", "off", DEMO_CONSENT}:
        raise ValueError(f"must be on, off or {DEMO_CONSENT}")
    return value


def _database_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ValueError(
            "must look like postgresql://user:password@host:5432/name (PostgreSQL 15 or later)"
        )
    return value


def _secret_key(value: str) -> str:
    if len(value) < 32:
        raise ValueError("must have at least 32 characters; python -m secrets makes one")
    return value


def data_key(text: str) -> bytes:
    """A key of 32 bytes from its base64 text (standard or URL-safe); ValueError otherwise."""
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise ValueError(
            "must be base64 of 32 bytes each, newest first, separated by commas; "
            "`head -c 32 /dev/urandom | base64` makes one"
        )
    return key


def _data_keys(value: str) -> tuple[bytes, ...]:
    return tuple(data_key(part.strip()) for part in value.split(","))


def _site_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://help.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be the address of the whole site, with no path after the host")
    return f"{parts.scheme}://{parts.netloc}"


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _allowed_hosts(value: str) -> tuple[str, ...]:
    hosts = _list(value)
    if "*" in hosts:
        raise ValueError("must name the hosts; * would let any forged Host header through")
    return hosts


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in _list(value))
    except ValueError as error:
        raise ValueError(f"must be networks such as 10.0.0.0/8, with commas ({error})") from None


def _time_zone(value: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a zone of the IANA database, such as Asia/Shanghai") from None
    return value


def _region(value: str) -> str:
    if len(value) != 2 or not value.isascii() or not value.isalpha() or not value.isupper():
        raise ValueError("must be a country of two capital letters, such as CN")
    return value


def _log_format(value: str) -> str:
    if value not in {"console", "json"}:
        raise ValueError("must be console or json")
    return value


def _email_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in {"smtp", "smtps", "smtp+tls"} or not parts.hostname):
        raise ValueError("must look like smtp+tls://user:password@mail.example.org:587")
    return value


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "YINGHU_HOME",
        _path,
        str(PROJECT / "var"),
        "Folder of all state: embedded database, photos, generated keys, logs.",
        "var/ in the project's folder",
    ),
    Variable(
        "DATABASE_URL",
        _database_url,
        None,
        "Your own PostgreSQL, 15 or later; libpq's query parameters (sslmode, host…) may follow.",
        "the embedded PostgreSQL",
    ),
    Variable("HOST", _host, "127.0.0.1", "IP address on which the web server listens."),
    Variable("PORT", _port, "8000", "Port on which the web server listens."),
    Variable("YINGHU_WEB_PROCESSES", _count, "1", "Processes of the web server."),
    Variable(
        "YINGHU_SITE_URL",
        _site_url,
        None,
        "Address under which people reach the site; it goes into links and QR codes. "
        "Needed as soon as HOST is not this machine only.",
        "http://HOST:PORT",
    ),
    Variable(
        "YINGHU_ALLOWED_HOSTS",
        _allowed_hosts,
        None,
        "Further host names that may stand in a request, with commas.",
        "the host of YINGHU_SITE_URL and this machine",
    ),
    Variable(
        "YINGHU_TRUSTED_PROXIES",
        _networks,
        "",
        "Networks of reverse proxies whose X-Forwarded-For and -Proto are believed, with commas.",
        "none",
    ),
    Variable(
        "YINGHU_DEMO",
        _demo,
        None,
        "The demo city with one-click logins. On a database of your own, on an open HOST, under a "
        "YINGHU_SITE_URL that is not this machine's, or with YINGHU_TRUSTED_PROXIES it is on "
        f"only when this says {DEMO_CONSENT}.",
        "on with the embedded database on this machine only and no proxy, else off",
    ),
    Variable("YINGHU_DEBUG", _flag, "off", "Pages of errors with their causes, for developers."),
    Variable(
        "YINGHU_SECRET_KEY",
        _secret_key,
        None,
        "Signs sessions and links.",
        "made once, in YINGHU_HOME/secrets",
    ),
    Variable(
        "YINGHU_DATA_KEYS",
        _data_keys,
        None,
        "Keys of the encrypted fields: base64 of 32 bytes each, newest first, with commas. "
        "Without them names and phones cannot be read again: keep a copy apart from the database.",
        "made once, in YINGHU_HOME/secrets",
    ),
    Variable(
        "YINGHU_METRICS_TOKEN",
        _text,
        "",
        "Bearer token for /metrics.",
        "none: only this machine may read them",
    ),
    Variable("YINGHU_TIME_ZONE", _time_zone, "Asia/Shanghai", "Zone of dates that people read."),
    Variable("YINGHU_PHONE_REGION", _region, "CN", "Country of phones written without a +."),
    Variable("YINGHU_LOG_FORMAT", _log_format, "console", "console or json."),
    Variable(
        "YINGHU_EMAIL_URL",
        _email_url,
        "",
        "Mail server: smtp://, smtp+tls:// (STARTTLS) or smtps://user:password@host:port.",
        "none: no mail is sent; in demo mode mails are written to the log",
    ),
    Variable("YINGHU_EMAIL_FROM", _text, "yinghu@localhost", "Sender of mails."),
    Variable(
        "YINGHU_SMS_URL",
        _sms_url,
        "",
        "Gateway for text messages: takes POST with JSON {phone, text} (docs/channels.md).",
        "none: codes by phone are not offered; in demo mode the page shows them",
    ),
    Variable("YINGHU_SMS_TOKEN", _text, "", "Bearer token for that gateway.", "none"),
    Variable(
        "YINGHU_MAP_TILES",
        _tiles,
        "",
        "Address of map tiles, with {z}, {x} and {y}; browsers then fetch them from there.",
        "none: maps show outlines and pins, and nobody else is contacted",
    ),
    Variable("YINGHU_MAP_CREDIT", _text, "", "What the tiles' makers want to be written on maps."),
    Variable(
        "YINGHU_MAP_DATUM",
        _datum,
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
        or _data_keys(
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
