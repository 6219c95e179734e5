"""The environment: refusals and their messages, and when the demo is on."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from django.test import RequestFactory
from django.views.debug import technical_500_response
from pytest_django import Settings

from yinghu.config import PROJECT
from yinghu.config.env_source import EnvError
from yinghu.config.environment import DEMO_CONSENT, Environment, table

OPEN = {"HOST": "0.0.0.0", "YINGHU_SITE_URL": "https://a.example"}
BEHIND = {"YINGHU_SITE_URL": "https://help.example.org"}
PROXIED = {"YINGHU_TRUSTED_PROXIES": "127.0.0.1/32"}
OWN = "postgresql://yinghu:secret@db.example.org/yinghu"


def problems(home: Path, **given: str) -> list[str]:
    with pytest.raises(EnvError) as caught:
        Environment({"YINGHU_HOME": str(home), **given})
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "80 80", "must be a port number from 1 to 65535"),
        ("PORT", "0", "must be a port number from 1 to 65535"),
        ("PORT", "٨٠٠٠", "must be a port number from 1 to 65535"),
        ("HOST", "example.org", "must be an IP address to listen on"),
        ("DATABASE_URL", "mysql://x/y", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql://db.example.org/", "must look like postgresql://"),
        ("DATABASE_URL", "", "is empty; give a value or leave it out"),
        ("YINGHU_DEMO", "yes", "must be on, off or yes-this-is-a-demo"),
        ("YINGHU_DEBUG", "1", "must be on or off"),
        ("YINGHU_SECRET_KEY", "short", "must have at least 32 characters"),
        ("YINGHU_DATA_KEYS", "c2hvcnQ=", "must be base64 of 32 bytes each"),
        ("YINGHU_DATA_KEYS", "%%%", "must be base64 of 32 bytes each"),
        ("YINGHU_SITE_URL", "help.example.org", "must be an address such as"),
        ("YINGHU_SITE_URL", "https://example.org/help", "with no path after the host"),
        ("YINGHU_ALLOWED_HOSTS", "*", "must name the hosts"),
        ("YINGHU_TRUSTED_PROXIES", "10.0.0.1/8", "must be networks such as 10.0.0.0/8"),
        ("YINGHU_TRUSTED_PROXIES", "0.0.0.0/0", "must name the proxies"),
        ("YINGHU_TRUSTED_PROXIES", "10.0.0.0/8,::/0", "must name the proxies"),
        ("YINGHU_TIME_ZONE", "Asia/Nowhere", "must be a zone of the IANA database"),
        ("YINGHU_PHONE_REGION", "China", "must be a country of two capital letters"),
        ("YINGHU_LOG_FORMAT", "xml", "must be console or json"),
        ("YINGHU_EMAIL_URL", "mail.example.org", "must look like smtp+tls://"),
        ("YINGHU_WEB_PROCESSES", "none", "must be a number from 1 to 64"),
        ("YINGHU_SMS_URL", "sms.example.org", "must look like https://"),
        ("YINGHU_SMS_URL", "https://key:word@sms.example.org/", "goes into YINGHU_SMS_TOKEN"),
    ],
)
def test_a_bad_value_is_refused_with_its_name(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    (said,) = problems(tmp_path, **{name: value})
    assert said.startswith(f"{name}: ")
    assert words in said


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, PORT="x", YINGHU_DEBUG="x", YINGHU_HOUSE="x")) == 3


def test_contradiction_is_reported_with_its_source(tmp_path: Path) -> None:
    path = tmp_path / "debug"
    path.write_text("on")
    port, site, debug = problems(
        tmp_path, HOST="0.0.0.0", PORT="x", YINGHU_DEMO="off", YINGHU_DEBUG_FILE=str(path)
    )
    assert port == "PORT: must be a port number from 1 to 65535"
    assert site.startswith("YINGHU_SITE_URL: needed because HOST=0.0.0.0 is open to others")
    assert debug.startswith(f"YINGHU_DEBUG_FILE ({path}): shows secrets")


def test_no_secrets_are_created_if_there_is_a_problem(tmp_path: Path) -> None:
    assert len(problems(tmp_path, YINGHU_MAP_DATUM="bd09")) == 1
    assert list(tmp_path.iterdir()) == []


def test_unknown_name_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    assert problems(tmp_path, YINGHU_DEMMO="on") == [
        "YINGHU_DEMMO: there is no such variable; did you mean YINGHU_DEMO?"
    ]


def test_value_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text(f"{OWN}\n")
    assert (
        Environment({"YINGHU_HOME": str(tmp_path), "DATABASE_URL_FILE": str(path)}).database_url
        == OWN
    )


def test_bad_value_in_a_file_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.write_text("eighty")
    assert problems(tmp_path, PORT_FILE=str(path)) == [
        f"PORT_FILE ({path}): must be a port number from 1 to 65535"
    ]
    gone = tmp_path / "gone"
    assert problems(tmp_path, PORT_FILE=str(gone))[0].startswith(f"PORT_FILE: cannot read {gone}")
    assert problems(tmp_path, PORT_FILE=str(path), PORT="1") == [
        "PORT: given twice, also as PORT_FILE; keep one of them"
    ]


@pytest.mark.parametrize(
    ("given", "on"),
    [
        ({}, True),
        ({"YINGHU_DEMO": "on"}, True),
        ({"YINGHU_DEMO": "off"}, False),
        ({"HOST": "::1"}, True),
        ({"DATABASE_URL": OWN}, False),
        ({"DATABASE_URL": OWN, "YINGHU_DEMO": DEMO_CONSENT}, True),
        (OPEN, False),
        ({"YINGHU_SITE_URL": "http://localhost:9000"}, True),
        ({"YINGHU_SITE_URL": "http://[::1]:9000"}, True),
        # Behind a proxy on the same machine, HOST is local as well.
        (BEHIND, False),
        (PROXIED, False),
        (BEHIND | {"YINGHU_DEMO": DEMO_CONSENT}, True),
        (OPEN | {"YINGHU_DEMO": DEMO_CONSENT}, True),
    ],
)
def test_demo_is_on_by_default_only_on_a_local_site(
    tmp_path: Path, given: dict[str, str], on: bool
) -> None:
    assert Environment({"YINGHU_HOME": str(tmp_path), **given}).demo is on


@pytest.mark.parametrize("given", [{"DATABASE_URL": OWN}, OPEN, BEHIND, PROXIED])
def test_demo_in_production_needs_explicit_consent(tmp_path: Path, given: dict[str, str]) -> None:
    (said,) = problems(tmp_path, YINGHU_DEMO="on", **given)
    assert "YINGHU_DEMO=yes-this-is-a-demo" in said
    assert problems(tmp_path, YINGHU_DEBUG="on", **given)[0].startswith("YINGHU_DEBUG: ")


def test_public_host_needs_a_site_url(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, HOST="0.0.0.0")
    assert said.startswith("YINGHU_SITE_URL: needed because HOST=0.0.0.0 is open to others")


def test_secrets_are_created_once_for_their_owner_only(tmp_path: Path) -> None:
    first, second = (Environment({"YINGHU_HOME": str(tmp_path)}) for _ in range(2))
    assert (first.secret_key, first.data_keys) == (second.secret_key, second.data_keys)
    assert [len(key) for key in first.data_keys] == [32]
    assert {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()
    } == {"secret_key": 0o600, "data_keys": 0o600}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_allowed_hosts_include_site_and_local_hosts(tmp_path: Path) -> None:
    loaded = Environment(
        {
            "YINGHU_HOME": str(tmp_path),
            "YINGHU_SITE_URL": "https://help.example.org",
            "YINGHU_ALLOWED_HOSTS": "a.example, b.example",
        }
    )
    assert loaded.allowed_hosts == (
        *("help.example.org", "127.0.0.1", "localhost", "[::1]"),
        *("a.example", "b.example"),
    )


def test_operations_page_has_the_table_of_variables() -> None:
    page = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    assert table() in page, "run `yinghu environment` and put its table into the page"


SECRETS = {
    "DATABASE_URL": OWN.replace("secret", "word-of-database"),
    "YINGHU_SECRET_KEY": "word-of-sessions-and-of-links-in-letters",
    "YINGHU_DATA_KEYS": base64.b64encode(b"word-of-fields-that-are-secret!!").decode(),
    "YINGHU_METRICS_TOKEN": "word-of-metrics",
    "YINGHU_EMAIL_URL": "smtps://mail:word-of-mail@mail.example.org:465",
    "YINGHU_SMS_URL": "https://sms.example.org/?key=word-of-gateway",
    "YINGHU_SMS_TOKEN": "word-of-messages",
}


def test_repr_of_environment_shows_no_secret(tmp_path: Path) -> None:
    read = Environment({"YINGHU_HOME": str(tmp_path), **SECRETS})
    assert (read.database_url, read.secret_key) == (
        SECRETS["DATABASE_URL"],
        SECRETS["YINGHU_SECRET_KEY"],
    )
    assert "Asia/Shanghai" in repr(read)
    assert "word-of" not in repr(read)


def test_debug_error_page_shows_no_secret(
    tmp_path: Path, rf: RequestFactory, settings: Settings
) -> None:
    read = Environment({"YINGHU_HOME": str(tmp_path), **SECRETS})
    settings.ENV, settings.DEBUG = read, True
    settings.DATABASE_URL, settings.SMS_URL = read.database_url, read.sms_url
    settings.SECRET_KEY, settings.DATA_KEYS = read.secret_key, read.data_keys
    settings.METRICS_TOKEN, settings.SMS_TOKEN = read.metrics_token, read.sms_token
    page = technical_500_response(rf.get("/"), ValueError, ValueError("gone wrong"), None)
    said = page.content.decode()
    assert "gone wrong" in said
    assert "DATABASE_URL" in said
    assert "word-of" not in said
