"""Fetching the front end: certificates of a company's proxy, and who may read what was made."""

from __future__ import annotations

import pytest

from yinghu.commands import assets


def test_npm_trusts_what_the_system_trusts() -> None:
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
def test_a_certificate_that_is_not_trusted_is_named(said: str, named: bool) -> None:
    assert ("NODE_EXTRA_CA_CERTS" in assets.npm_hint(said)) is named


def test_files_of_the_front_end_can_be_read_by_whoever_runs_it() -> None:
    made = [assets.VENDOR / "tabler.css", *assets.LOCALE.glob("*/LC_MESSAGES/django.mo")]
    assert [path for path in made if not path.stat().st_mode & 0o004] == []
