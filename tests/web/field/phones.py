"""Phones of helpers, with steps that they recorded."""

from __future__ import annotations

import time
import uuid
from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from tests.errands.errands import (
    Relay,
)
from tests.web.conftest import Browse, text_of
from yinghu.errands.models import Leg
from yinghu.people.access import Actor
from yinghu.people.models import User

AT = "/field/-/records"


def user_of(actor: Actor) -> User:
    return User.objects.get(pk=actor.user_id or 0)


def phone_with(leg: Leg, actor: Actor) -> Client:
    """The phone of a helper who has opened the leg's page."""
    client = Client()
    client.force_login(user_of(actor))
    assert client.get(f"/field/-/leg/{leg.pk}").status_code == 200
    return client


def photo() -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, "JPEG")
    return SimpleUploadedFile("收据.jpg", out.getvalue(), "image/jpeg")


def record(leg: Leg, verb: str, actor: Actor, **more: Any) -> dict[str, Any]:
    now = int(time.time() * 1000)
    ours = {"key": str(uuid.uuid4()), "leg": leg.pk, "verb": verb, "at": now, "now": now}
    return {**ours, "me": actor.user_id, **more}


def bought(task: Relay) -> dict[str, Any]:
    return record(task.buy, "finish", task.a, words="买好了", paid="42.5")


def sent(client: Client, what: dict[str, Any]) -> dict[str, Any]:
    # The phone's clock when it sends, by which the step's own time is corrected.
    at = {"now": int(time.time() * 1000)}
    answer: dict[str, Any] = client.post(AT, {**what, **at, "photos": [photo()]}).json()
    return answer


def suspend(browse: Browse, actor: Actor, act: str = "suspend") -> None:
    key = user_of(actor).username
    page = browse("admin").post(f"/desk/volunteers/{key}/{act}", {"why": "核实一件事"})
    assert page.status_code == 302


def notices_of(user: User) -> list[str]:
    client = Client()
    client.force_login(user)
    return [text_of(client.get("/desk/notices"))]
