"""`/healthz` tells whether messages can be filed, not only whether the database answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, transaction
from django.db.utils import InternalError

from tests.cast import Cast, file_one
from tests.web.conftest import Browse, browse, form_of  # noqa: F401  # a fixture
from yinghu.common.database_errors import is_unavailable, refuses_all
from yinghu.intake.acceptance import Acceptance, acceptance


@pytest.fixture(autouse=True)
def _nothing_refused() -> Iterator[None]:
    yield
    acceptance.note_filed()


def refuse_messages(code: str) -> None:
    """Let the database refuse each message with an error of its own, as a full disk does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END$$"
        )
        cursor.execute(
            "CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON intake_message "
            "EXECUTE FUNCTION refuse()"
        )


def take_messages() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER refuse ON intake_message")


def test_refused_filings_are_told_until_one_is_taken(browse: Browse) -> None:  # noqa: F811
    client = browse(raise_request_exception=False)
    form = {**form_of(client), "words": "没有水"}
    assert client.get("/healthz").json()["filings"] == "ok"
    refuse_messages("53100")
    page = client.post("/file", form)
    assert page.status_code == 503
    health = client.get("/healthz")
    assert health.status_code == 503
    assert (health.json()["ok"], health.json()["database"]) == (False, "ok")
    assert health.json()["filings"] == "refused"
    take_messages()
    assert client.post("/file", form).status_code == 302
    health = client.get("/healthz")
    assert (health.status_code, health.json()["filings"]) == (200, "ok")


def test_row_that_others_hold_is_no_refusal_of_all(city: Cast) -> None:
    refuse_messages("55P03")
    with pytest.raises(OperationalError) as busy:
        file_one()
    assert is_unavailable(busy.value)
    assert not refuses_all(busy.value)
    assert not acceptance.is_refusing()
    refuse_messages("25006")
    with pytest.raises(InternalError) as standby:
        file_one()
    assert is_unavailable(standby.value)
    assert acceptance.is_refusing()


def test_database_that_may_not_be_written_refuses_filings(browse: Browse) -> None:  # noqa: F811
    client = browse()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
        health = client.get("/healthz")
        assert (health.status_code, health.json()["filings"]) == (503, "refused")
        transaction.set_rollback(True)
    assert client.get("/healthz").json()["filings"] == "ok"


def test_refusal_is_forgotten_after_a_minute() -> None:
    now = [0.0]
    mine = Acceptance(lambda: now[0])
    mine.note_error(OperationalError("gone"))
    mine.note_error(ValueError("no error of the database"))
    now[0] = 59.0
    assert mine.is_refusing()
    now[0] = 60.0
    assert not mine.is_refusing()
