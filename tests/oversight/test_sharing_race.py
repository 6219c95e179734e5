"""Concurrent sharing of one case, on a database of the test's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from tests.cast import cast, taken_milk
from tests.cities import City
from yinghu.appeals import moving
from yinghu.oversight import sharing_actions
from yinghu.oversight.models import Share


def test_concurrent_shares_create_one_share(own_city: City) -> None:
    city = cast()
    appeal = taken_milk(city)

    def press(_time: int) -> str:
        try:
            sharing_actions.share(appeal.pk, city.milk, unit="force-supplies", why="请调奶粉")
        except moving.Refused as refused:
            return refused.code
        finally:
            connection.close()
        return "shared"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(press, range(2))) == ["has_part", "shared"]
    assert Share.objects.count() == 1
