"""Protected people, logins and batches of strips for tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from yinghu.guardian.batches import create_batch
from yinghu.guardian.models import ProtectedPerson, Tag, TagBatch
from yinghu.people import personal_keys
from yinghu.people.access import Actor, actor_of
from yinghu.people.models import User

VILLAGE = "330782008001"
"""A village of the town of `grid-worker`; `fotang-head` serves another town."""


def actor_named(username: str) -> Actor:
    """The actor of a login of the demo city."""
    return actor_of(User.objects.get(username=username))


def protected_person(area: str = VILLAGE, **given: Any) -> ProtectedPerson:
    """A protected person in an area, registered and active."""
    key = personal_keys.create_key()
    ours = {
        "key": key,
        "state": ProtectedPerson.State.ACTIVE,
        "area_id": area,
        "nickname": "阿婆",
        "details": personal_keys.seal_for(key, {"name": "金阿婆"}),
        "consent_by": personal_keys.seal_for(key, {"name": "女儿"}),
        "consent_on": date(2026, 1, 1),
        "consent_until": date(2036, 1, 1),
    }
    return ProtectedPerson.objects.create(**{**ours, **given})


def batch_of(count: int = 3, username: str = "town-head", **given: Any) -> TagBatch:
    """A batch made by a login for the town of `VILLAGE`."""
    ours = {
        "name": "第一批",
        "office": "福田街道便民服务中心",
        "hotline": "0579-85120000",
        "area": "330782008",
    }
    return create_batch(actor_named(username), count=count, **{**ours, **given})


def strips_of(batch: TagBatch) -> list[Tag]:
    """Its tags in the order of the print."""
    return list(batch.tags.order_by("pk"))
