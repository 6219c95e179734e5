"""Batches of strips: written at once, followed to their holder, counted."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.guardian.protected import actor_named, batch_of, protected_person, strips_of
from yinghu.appeals.moving import Conflict, Forbidden, NotFound, Refused
from yinghu.guardian import batches, tag_actions, tag_codes
from yinghu.guardian.batches import TagCounts
from yinghu.guardian.models import Tag, TagBatch
from yinghu.people.models import Change

pytestmark = pytest.mark.django_db


def test_batch_and_tags_are_written_in_a_handful_of_statements() -> None:
    # 2,000, because a statement for each would show as well as with 10,000.
    with CaptureQueriesContext(connection) as captured:
        batch = batch_of(2_000, donor="爱心企业")
    assert len(captured) <= 15
    tags = strips_of(batch)
    assert len(tags) == 2_000
    assert {tag.state for tag in tags} == {Tag.State.STOCK}
    for tag in tags[:20]:
        assert bytes(tag.digest) == tag_codes.digest_of(tag_codes.tag_code(tag.pk))
        assert tag_codes.read_number(tag.number) == tag.number
    # A number tells nothing of the order in which strips are printed.
    assert [tag.number for tag in tags] != sorted(tag.number for tag in tags)
    change = Change.objects.get(kind=batches.HISTORY_KIND, key=str(batch.pk))
    assert (change.user and change.user.username, change.after["count"]) == ("town-head", 2_000)
    assert change.after["donor"] == "爱心企业"


def test_a_number_that_is_taken_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = strips_of(batch_of(2))
    given = iter([[taken[0].number, "000000000", taken[1].number], ["111111117", "222222224"]])
    monkeypatch.setattr(batches, "new_numbers", lambda count: next(given))
    numbers = {tag.number for tag in strips_of(batch_of(3))}
    assert numbers == {"000000000", "111111117", "222222224"}


def test_a_batch_has_one_to_ten_thousand_strips_and_what_is_printed_on_them() -> None:
    for given, field in (
        ({"count": 0}, "count"),
        ({"count": 10_001}, "count"),
        ({"office": " "}, "office"),
        ({"hotline": ""}, "hotline"),
        ({"area": "33078200899"}, "area"),
        ({"holder": "milk-handler"}, "holder"),
        ({"holder": "fotang-head"}, "holder"),
    ):
        with pytest.raises(Refused) as refused:
            batch_of(**given)
        assert refused.value.field == field
    assert not TagBatch.objects.exists()


def test_towns_make_batches_for_themselves_only() -> None:
    with pytest.raises(Forbidden):
        batch_of(username="fotang-head")
    with pytest.raises(Forbidden):
        batch_of(area="")
    with pytest.raises(Forbidden):
        batch_of(username="milk-handler")
    assert batch_of(username="admin", area="").area is None


def test_steps_follow_each_other_and_name_the_holder() -> None:
    batch, town = batch_of(), actor_named("town-head")
    with pytest.raises(Conflict):
        batches.mark(batch.pk, town, "received")
    batches.mark(batch.pk, town, "printed")
    with pytest.raises(Conflict):
        batches.mark(batch.pk, town, "printed")
    batches.mark(batch.pk, town, "received")
    with pytest.raises(Refused):
        batches.mark(batch.pk, town, "handed")
    with pytest.raises(Refused):
        batches.mark(batch.pk, town, "posted")
    handed = batches.mark(batch.pk, town, "handed", "grid-futian")
    assert handed.holder is not None
    assert handed.holder.username == "grid-futian"
    assert batches.mark(batch.pk, town, "handed", "grid-worker").holder != handed.holder
    with pytest.raises(NotFound):
        batches.mark(batch.pk, actor_named("fotang-head"), "handed", "grid-worker")
    history = Change.objects.filter(kind=batches.HISTORY_KIND, key=str(batch.pk)).order_by("pk")
    assert [sorted(change.after) for change in history[1:]] == [
        ["printed"],
        ["received"],
        ["handed", "holder"],
        ["handed", "holder"],
    ]


def test_a_holder_sees_the_batch_but_does_not_manage_or_download_it() -> None:
    batch, holder = batch_of(holder="grid-futian"), actor_named("grid-futian")
    assert batches.find_batch(batch.pk, holder) == batch
    assert not batches.may_manage(holder, batch)
    with pytest.raises(Forbidden):
        batches.mark(batch.pk, holder, "printed")
    for username, may in (
        ("admin", True),
        ("town-head", True),
        ("grid-futian", False),
        ("grid-worker", False),
        ("dispatcher", False),
    ):
        assert batches.may_download(actor_named(username), batch) is may, username
    with pytest.raises(Forbidden):
        batches.record_download(batch, holder, "x.csv")
    batches.record_download(batch, actor_named("admin"), "x.csv")
    last = Change.objects.filter(kind=batches.HISTORY_KIND).latest("pk")
    assert (last.user and last.user.username, last.after) == ("admin", {"download": "x.csv"})


def test_stock_is_counted_by_batch_town_and_holder_with_few_queries() -> None:
    one = batch_of(4, holder="grid-futian", area="330782008001")
    two = batch_of(2, username="fotang-head", area="330782100")
    city = batch_of(1, username="admin", area="")
    town = actor_named("town-head")
    first, second, *_rest = strips_of(one)
    tag_actions.activate(first.pk, protected_person().pk, town, "外套")
    tag_actions.retire(second.pk, town)
    admin = actor_named("admin")
    with CaptureQueriesContext(connection) as captured:
        by_batch = batches.stock_by_batch([one.pk, two.pk, city.pk])
    assert len(captured) == 1
    assert by_batch == {
        one.pk: TagCounts(4, 2, 1),
        two.pk: TagCounts(2, 2),
        city.pk: TagCounts(1, 1),
    }
    assert by_batch[one.pk].ended == 1
    with CaptureQueriesContext(connection) as captured:
        by_town = batches.stock_by_town(admin)
    # One for the tags, two for the names of areas.
    assert len(captured) <= 3
    assert by_town == {
        "": TagCounts(1, 1),
        "330782008": TagCounts(4, 2, 1),
        "330782100": TagCounts(2, 2),
    }
    assert batches.stock_by_town(town) == {"330782008": TagCounts(4, 2, 1)}
    by_holder = batches.stock_by_holder(admin)
    assert {user.username: n for user, n in by_holder.items()} == {
        "grid-futian": TagCounts(4, 2, 1)
    }
