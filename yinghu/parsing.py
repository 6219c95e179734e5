"""From text to a value. Of an environment variable, where ValueError says what to write instead;
and digits, however they were typed.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import unicodedata
from pathlib import Path
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEMO_CONSENT = "yes-this-is-a-demo"
"""What YINGHU_DEMO must say where the demo could be met by people who take it for real."""


def plain_digits(text: str) -> str:
    """`text` with the digits of every script, full-width ones too, as 0 to 9, one for one."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def digits_in(text: str) -> str:
    """The digits alone, as 0 to 9."""
    return "".join(c for c in plain_digits(text) if c.isdecimal())


def text(value: str) -> str:
    return value


def path(value: str) -> Path:
    return Path(value).expanduser().absolute()


def host(value: str) -> str:
    if value == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(
            "must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0"
        ) from None


def port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise ValueError("must be a port number from 1 to 65535")
    return int(value)


def count(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 64:
        raise ValueError("must be a number from 1 to 64")
    return int(value)


def flag(value: str) -> bool:
    if value not in {"on", "off"}:
        raise ValueError("must be on or off")
    return value == "on"


def tiles(value: str) -> str:
    parts = urlsplit(value)
    named = all(part in value for part in ("{z}", "{x}", "{y}"))
    if value and (parts.scheme not in {"https", "http"} or not parts.hostname or not named):
        raise ValueError("must look like https://tiles.example.org/{z}/{x}/{y}.png")
    return value


def sms_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in {"https", "http"} or not parts.hostname):
        raise ValueError("must look like https://sms.example.org/send")
    if parts.username or parts.password:
        raise ValueError("must hold no password; the token goes into YINGHU_SMS_TOKEN")
    return value


def datum(value: str) -> str:
    if value not in {"wgs84", "gcj02"}:
        raise ValueError("must be wgs84 or gcj02")
    return value


def demo(value: str) -> str:
    if value not in {"on", "off", DEMO_CONSENT}:
        raise ValueError(f"must be on, off or {DEMO_CONSENT}")
    return value


def database_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ValueError(
            "must look like postgresql://user:password@host:5432/name (PostgreSQL 15 or later)"
        )
    return value


def secret_key(value: str) -> str:
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


def data_keys(value: str) -> tuple[bytes, ...]:
    return tuple(data_key(part.strip()) for part in value.split(","))


def site_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://help.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be the address of the whole site, with no path after the host")
    return f"{parts.scheme}://{parts.netloc}"


def several(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def allowed_hosts(value: str) -> tuple[str, ...]:
    hosts = several(value)
    if "*" in hosts:
        raise ValueError("must name the hosts; * would let any forged Host header through")
    return hosts


def networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in several(value))
    except ValueError as error:
        raise ValueError(f"must be networks such as 10.0.0.0/8, with commas ({error})") from None


def time_zone(value: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a zone of the IANA database, such as Asia/Shanghai") from None
    return value


def region(value: str) -> str:
    if len(value) != 2 or not value.isascii() or not value.isalpha() or not value.isupper():
        raise ValueError("must be a country of two capital letters, such as CN")
    return value


def log_format(value: str) -> str:
    if value not in {"console", "json"}:
        raise ValueError("must be console or json")
    return value


PROVIDERS = ("log", "email")
"""By what notices can go out (`notifications.transports`)."""


def providers(value: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    unknown = [each for each in found if each not in PROVIDERS]
    if unknown or not found:
        named = f"{unknown[0]!r} is none of them" if unknown else "it names none"
        raise ValueError(f"must name some of {', '.join(PROVIDERS)}, with commas; {named}")
    return found


def email_url(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in {"smtp", "smtps", "smtp+tls"} or not parts.hostname):
        raise ValueError("must look like smtp+tls://user:password@mail.example.org:587")
    return value
