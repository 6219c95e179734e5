"""Fetching the front end: certificates of a company's proxy, and file permissions."""

from __future__ import annotations

import pytest

from yinghu.commands import assets


def test_npm_uses_the_systems_certificates() -> None:
    given = assets.node_environment({"A": "b"})
    wanted = str(assets.CERTIFICATES) if assets.CERTIFICATES.is_file() else None
    assert given == {"A": "b"} | ({"NODE_EXTRA_CA_CERTS": wanted} if wanted else {})
    own = {"NODE_EXTRA_CA_CERTS": "/own.pem"}
    assert assets.node_environment(own) == own


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", True),
        ("npm error code UNABLE_TO_GET_ISSUER_CERT_LOCALLY", True),
        ("npm error unable to verify the first certificate", True),
        ("npm error code ENOTFOUND", False),
    ],
)
def test_npm_hint_names_setting_for_certificate_errors(said: str, named: bool) -> None:
    assert ("NODE_EXTRA_CA_CERTS" in assets.npm_hint(said)) is named


def test_front_end_files_are_world_readable() -> None:
    made = [assets.VENDOR / "tabler.css", *assets.LOCALE.glob("*/LC_MESSAGES/django.mo")]
    assert [path for path in made if not path.stat().st_mode & 0o004] == []
