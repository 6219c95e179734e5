"""Environment variables, declared in one class and read strictly.

Every variable may also be given as NAME_FILE, the path of a file with the value (for mounted
secrets). Bad values, duplicates and unknown YINGHU_* names are errors that say what is wrong,
where, and what to do. `docs/operations.md` contains the table; a test compares the two.
"""

import base64
import binascii
import contextlib
import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from yinghu.config import PROJECT
from yinghu.config.env_source import EnvError, VariableSource

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEMO_CONSENT = "yes-this-is-a-demo"
"""Value of YINGHU_DEMO that allows the demo where other people can reach it."""

TRANSPORT_NAMES = ("log", "email", "sms")
"""Names of the transports that send notifications (`notifications.transports`)."""


def is_loopback(host: str) -> bool:
    """Is `host` an address that only this machine can reach?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# Validators raise ValueError with a correction. `info.data` holds the variables declared above,
# except refused ones.


def _must(requirement: str, test: Callable[[str], object] = bool) -> WrapValidator:
    """Require that a text passes a test and fits the type, or else say "must `requirement`"."""

    def validate(text: str, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            if test(text):
                return handler(text)
        except (LookupError, OSError, ValueError):
            pass
        raise ValueError(f"must {requirement}")

    return WrapValidator(validate)


def _between(low: int, high: int) -> Callable[[str], bool]:
    # Stricter than pydantic, which also takes 8_000, +8000 and 8000.0.
    return lambda text: text.isascii() and text.isdigit() and low <= int(text) <= high


def _is_url(text: str, *schemes: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in schemes and bool(parts.hostname)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if text == "localhost" else text))
    except ValueError:
        raise ValueError(
            "must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0"
        ) from None


def _site_url(text: str | None, info: ValidationInfo) -> str:
    if text is None:
        host = info.data.get("host", "127.0.0.1")
        if not is_loopback(host):
            raise ValueError(
                f"needed because HOST={host} is open to others; give the address that people "
                "type, such as https://help.example.org"
            )
        return f"http://{f'[{host}]' if ':' in host else host}:{info.data.get('port')}"
    parts = urlsplit(text)
    if not _is_url(text, "http", "https"):
        raise ValueError("must be an address such as https://help.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be the address of the whole site, with no path after the host")
    return f"{parts.scheme}://{parts.netloc}"


def _allowed_hosts(text: str | None, info: ValidationInfo) -> tuple[str, ...]:
    hosts = _split(text or "")
    if "*" in hosts:
        raise ValueError("must name the hosts; * would let any forged Host header through")
    site = urlsplit(info.data.get("site_url", "")).hostname or ""
    return tuple(dict.fromkeys((site, "127.0.0.1", "localhost", "[::1]", *hosts)))


def _networks(text: str) -> tuple[Network, ...]:
    try:
        networks = tuple(ipaddress.ip_network(part) for part in _split(text))
    except ValueError as error:
        raise ValueError(f"must be networks such as 10.0.0.0/8, with commas ({error})") from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError(
            "must name the proxies; a whole internet would let anybody forge addresses"
        )
    return networks


def _is_private(data: Mapping[str, Any]) -> bool:
    """Does the site run on the embedded database, for this machine only and behind no proxy?"""
    return (
        data.get("database_url") is None
        and is_loopback(data.get("host", "localhost"))
        and is_loopback(urlsplit(data.get("site_url", "http://localhost")).hostname or "")
        and not data.get("trusted_proxies")
    )


def _demo(text: str | None, info: ValidationInfo) -> bool:
    if text is None:
        return _is_private(info.data)
    if text not in {"on", "off", DEMO_CONSENT}:
        raise ValueError(f"must be on, off or {DEMO_CONSENT}")
    if text == "on" and not _is_private(info.data):
        raise ValueError(
            "on a database of your own, on an open HOST, under an address that others can reach "
            "(YINGHU_SITE_URL) or behind a proxy anybody could log in as anybody; if that is "
            f"wanted, say YINGHU_DEMO={DEMO_CONSENT}, else off"
        )
    return text != "off"


def _debug(on: bool, info: ValidationInfo) -> bool:
    # On a public site, debugging needs the demo's consent.
    if on and not _is_private(info.data) and not info.data.get("demo"):
        raise ValueError(
            "shows secrets on its error pages; turn it off, or use the embedded database on this "
            "machine only, with no proxy and no address for others"
        )
    return on


def _data_keys(text: str) -> tuple[bytes, ...]:
    """Keys of 32 bytes from base64, standard or URL-safe."""
    standard = text.replace("-", "+").replace("_", "/")
    try:
        keys = tuple(base64.b64decode(key.strip(), validate=True) for key in standard.split(","))
    except binascii.Error:
        keys = (b"",)
    if any(len(key) != 32 for key in keys):
        raise ValueError(
            "must be base64 of 32 bytes each, newest first, separated by commas; "
            "`head -c 32 /dev/urandom | base64` makes one"
        )
    return keys


def _is_tile_url(text: str) -> bool:
    return _is_url(text, "http", "https") and all(part in text for part in ("{z}", "{x}", "{y}"))


def _sms_url(text: str) -> str:
    if not _is_url(text, "http", "https"):
        raise ValueError("must look like https://sms.example.org/send")
    if urlsplit(text).username or urlsplit(text).password:
        raise ValueError("must hold no password; the token goes into YINGHU_SMS_TOKEN")
    return text


def _notice_providers(text: str, info: ValidationInfo) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_split(text)))
    unknown = [name for name in names if name not in TRANSPORT_NAMES]
    if unknown or not names:
        found = f"{unknown[0]!r} is none of them" if unknown else "it names none"
        raise ValueError(f"must name some of {', '.join(TRANSPORT_NAMES)}, with commas; {found}")
    if "email" in names and info.data.get("email_url") == "":
        raise ValueError(
            "email needs a mail server; name it in YINGHU_EMAIL_URL, and the sender in "
            "YINGHU_EMAIL_FROM"
        )
    return names


_DatabaseUrl = Annotated[
    str,
    _must(
        "look like postgresql://user:password@host:5432/name (PostgreSQL 15 or later)",
        re.compile("postgres(ql)?://[^/?#]*/+[^/?#]").match,
    ),
]
_SecretKey = Annotated[
    str,
    Field(min_length=32),
    _must("have at least 32 characters; python -m secrets makes one"),
]
_EmailUrl = Annotated[
    str,
    _must(
        "look like smtp+tls://user:password@mail.example.org:587",
        lambda text: _is_url(text, "smtp", "smtps", "smtp+tls"),
    ),
]
_GENERATED = "made once, in YINGHU_HOME/secrets"


def _variable(
    default: Any, shown: str = "", *, secret: bool = False, alias: str | None = None
) -> Any:
    """Declare a variable.

    `shown` is the default in the table; a `secret` is not printed; validators may replace None.
    """
    return Field(
        default,
        alias=alias,
        repr=not secret,
        validate_default=default is None,
        json_schema_extra={"shown": shown},
    )


class Environment(BaseSettings):
    """The parsed environment of a process.

    `Environment()` reads the process's own. Raises `EnvError` with every problem at once.
    """

    model_config = SettingsConfigDict(
        # Container platforms set these three names; all others have our prefix.
        alias_generator=lambda name: (
            name.upper() if name in {"database_url", "host", "port"} else f"YINGHU_{name.upper()}"
        ),
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=False,
    )

    home: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = _variable(
        PROJECT / "var", "var/ in the project's folder"
    )
    """Folder of all state: embedded database, photos, generated keys, logs."""

    database_url: _DatabaseUrl | None = _variable(None, "the embedded PostgreSQL", secret=True)
    """Your own PostgreSQL, 15 or later; libpq's query parameters (sslmode, host…) may follow."""

    host: Annotated[str, BeforeValidator(_host)] = "127.0.0.1"
    """IP address on which the web server listens."""

    port: Annotated[int, _must("be a port number from 1 to 65535", _between(1, 65535))] = 8000
    """Port on which the web server listens."""

    web_processes: Annotated[int, _must("be a number from 1 to 64", _between(1, 64))] = 1
    """Number of web server processes; for thousands of users at once, one per CPU core."""

    site_url: Annotated[str, BeforeValidator(_site_url)] = _variable(None, "http://HOST:PORT")
    """Address at which people reach the site, used in links and QR codes. Required if HOST is open
    to other machines."""

    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_allowed_hosts)] = _variable(
        None, "the host of YINGHU_SITE_URL and this machine"
    )
    """Further host names that requests may use, separated by commas."""

    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = _variable(
        (), "none"
    )
    """Networks of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto headers are trusted,
    separated by commas."""

    demo: Annotated[bool, BeforeValidator(_demo)] = _variable(
        None, "on with the embedded database on this machine only and no proxy, else off"
    )
    """The demo city with one-click logins. With your own database, an open HOST, a YINGHU_SITE_URL
    that is not this machine's, or YINGHU_TRUSTED_PROXIES, it is on only if the value is
    yes-this-is-a-demo."""

    debug: Annotated[
        bool, _must("be on or off", ("on", "off").__contains__), AfterValidator(_debug)
    ] = _variable(False, "`off`")
    """Detailed error pages and the style guide, for developers."""

    given_secret_key: _SecretKey | None = _variable(
        None, _GENERATED, secret=True, alias="YINGHU_SECRET_KEY"
    )
    """Key that signs sessions and links."""

    given_data_keys: Annotated[tuple[bytes, ...], BeforeValidator(_data_keys)] | None = _variable(
        None, _GENERATED, secret=True, alias="YINGHU_DATA_KEYS"
    )
    """Keys of the encrypted fields: base64 of 32 bytes each, newest first, separated by commas.
    Without them, names and phones cannot be decrypted: keep a copy apart from the database."""

    metrics_token: str = _variable("", "none: only this machine may read them", secret=True)
    """Bearer token for /metrics."""

    time_zone: Annotated[
        str, _must("be a zone of the IANA database, such as Asia/Shanghai", ZoneInfo)
    ] = "Asia/Shanghai"
    """IANA time zone of displayed dates and times."""

    phone_region: Annotated[
        str, Field(pattern="^[A-Z]{2}$"), _must("be a country of two capital letters, such as CN")
    ] = "CN"
    """Country of phone numbers without a country code."""

    log_format: Annotated[Literal["console", "json"], _must("be console or json")] = "console"
    """Log format: console or json."""

    email_url: _EmailUrl = _variable(
        "", "none: no mail is sent; in demo mode mails are written to the log", secret=True
    )
    """Mail server: smtp://, smtp+tls:// (STARTTLS) or smtps://user:password@host:port."""

    email_from: str = "yinghu@localhost"
    """Sender address of e-mails."""

    sms_url: Annotated[str, AfterValidator(_sms_url)] = _variable(
        "", "none: codes by phone are not offered; in demo mode the page shows them", secret=True
    )
    """Address of the gateway for text messages; it takes POST with JSON {phone, text}
    (docs/channels.md)."""

    sms_token: str = _variable("", "none", secret=True)
    """Bearer token for that gateway."""

    notice_providers: Annotated[tuple[str, ...], BeforeValidator(_notice_providers)] = _variable(
        ("log",), "`log`"
    )
    """Transports of notifications, besides the pages, separated by commas: log (one log line each,
    without the text), email (by YINGHU_EMAIL_URL, to logins and guardians with an address), sms (by
    YINGHU_SMS_URL, to guardians)."""

    photo_budget: Annotated[
        int, _must("be megapixels from 100 to 1000000", _between(100, 10**6))
    ] = 6000
    """Millions of pixels of photos that one address, or one login, may send within an hour; the
    default is 500 photos of 12 megapixels. Photos whose format costs more to open count more."""

    map_tiles: Annotated[
        str, _must("look like https://tiles.example.org/{z}/{x}/{y}.png", _is_tile_url)
    ] = _variable("", "none: maps show outlines and pins, and no other host is contacted")
    """URL of map tiles, with {z}, {x} and {y}; browsers fetch them directly from there."""

    map_credit: str = ""
    """Attribution that the provider of the tiles requires on maps."""

    map_datum: Annotated[Literal["wgs84", "gcj02"], _must("be wgs84 or gcj02")] = "wgs84"
    """Coordinate system of the tiles: wgs84, or gcj02 for maps made in China."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        source = VariableSource(type(self), os.environ if environ is None else environ)
        try:
            super().__init__(_build_sources=((source,), {}))
        except ValidationError as failed:
            raise EnvError([source.problem(each) for each in failed.errors()]) from None

    @field_validator("*", mode="before")
    @classmethod
    def _raise_reading_error(cls, value: Any) -> Any:
        if isinstance(value, ValueError):
            raise value
        return value

    @property
    def embedded(self) -> bool:
        """Is the database the one from the wheel, not the user's own?"""
        return self.database_url is None

    @property
    def secrets(self) -> Path:
        """The folder of generated keys, readable by the owner only."""
        return self.home / "secrets"

    @cached_property
    def secret_key(self) -> str:
        """The key given, or one generated on first use and kept."""
        return self.given_secret_key or _kept_secret(
            self.secrets / "secret_key", lambda: secrets.token_urlsafe(48)
        )

    @cached_property
    def data_keys(self) -> tuple[bytes, ...]:
        """The keys given, or one generated on first use and kept."""
        return self.given_data_keys or _data_keys(
            _kept_secret(
                self.secrets / "data_keys",
                lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
            )
        )


def _kept_secret(path: Path, generate: Callable[[], str]) -> str:
    """Return the text of `path`; generate it on first use, readable by the owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        return path.read_text("ascii").strip()
    fresh = path.parent / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(generate() + "\n")
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


def table() -> str:
    """Return the variables as the Markdown table in `docs/operations.md`."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, row in Environment.model_json_schema()["properties"].items():
        default = row.get("shown") or (f"`{row['default']}`" if row["default"] else "")
        rows.append(f"| `{name}` | {default} | {' '.join(row['description'].split())} |")
    return "\n".join(rows)
