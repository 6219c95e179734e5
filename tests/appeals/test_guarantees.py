"""Guarantees that hold under concurrency and failures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.cast import PHONE, Cast, file_one, taken_milk
from yinghu.appeals import actions, closing_actions, handling_actions, moving
from yinghu.appeals.filing import Filing
from yinghu.appeals.models import Appeal, Event, Untallied
from yinghu.appeals.numbers import id_of, id_of_token, ids_with_part, number_of, track_token
from yinghu.common.privacy.opening import unseal
from yinghu.common.privacy.sealing import blind
from yinghu.intake.models import Message
from yinghu.intake.receive import Incoming, Received, receive, receive_many
from yinghu.people.access import Actor, visible_q
from yinghu.people.models import Reveal, Unit

REQUESTER = Actor("requester")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE appeals_event SET why = 'x'",
        "DELETE FROM appeals_event",
        "TRUNCATE appeals_event CASCADE",
        "UPDATE people_reveal SET why = 'x'",
        "DELETE FROM people_reveal",
        "TRUNCATE people_reveal",
    ],
)
def test_database_refuses_to_change_append_only_tables(change: str, city: Cast) -> None:
    appeal = file_one()
    Reveal.objects.create(user_id=city.clerk.user_id or 0, appeal_number=appeal.number, why="核对")
    connection.check_constraints()
    with connection.cursor() as cursor, transaction.atomic():
        tried = transaction.savepoint()
        with pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(change)
        transaction.savepoint_rollback(tried)
    assert (Event.objects.count(), Reveal.objects.get().why) == (1, "核对")


@pytest.mark.django_db
def test_private_data_is_encrypted_in_the_database(city: Cast) -> None:
    appeal = file_one(address="幸福路 8 号 301")
    message = Message.objects.get(appeal=appeal)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM appeals_appeal a")
        (row,) = cursor.fetchone()
    for secret in ("王小明", "13812345678", "幸福路"):
        assert secret not in row
        assert secret.encode() not in bytes(message.raw)
        assert secret.encode().hex() not in row
    assert (unseal(appeal.name), unseal(appeal.phone)) == ("王小明", PHONE)
    assert Appeal.objects.get(caller=blind(PHONE)).pk == appeal.pk


@pytest.mark.django_db
def test_repeated_message_makes_one_appeal(city: Cast) -> None:
    def incoming(key: str) -> Incoming:
        return Incoming(key, b"raw", Filing(body="停电了", channel="feed"))

    first = receive(incoming("a"), REQUESTER)
    batch = receive_many([incoming("b"), incoming("a"), incoming("b"), incoming("c")], REQUESTER)
    assert first.new
    assert [item.new for item in batch] == [True, False, False, True]
    assert batch[1].appeal_id == first.appeal_id
    assert batch[0].appeal_id == batch[2].appeal_id
    assert Appeal.objects.count() == Message.objects.count() == Event.objects.count() == 3


def test_bad_row_rolls_back_its_batch(live_city: Cast) -> None:
    good = Incoming("g", b"raw", Filing(body="好", channel="feed"))
    bad = Incoming("b", b"raw", Filing(body="坏", channel="feed", category="no-such"))
    with pytest.raises(DatabaseError):
        receive_many([good, bad], REQUESTER)
    assert Appeal.objects.count() == Message.objects.count() == 0


def test_single_filing_takes_at_most_six_statements(live_city: Cast) -> None:
    with CaptureQueriesContext(connection) as captured:
        receive(Incoming("one", b"raw", Filing(body="停水了", channel="web")), REQUESTER)
    said = [query["sql"].split()[0] for query in captured]
    assert (said[0], said[-1]) == ("BEGIN", "COMMIT")
    assert len(said) <= 6


@pytest.mark.django_db
def test_case_is_visible_only_to_desks_and_its_unit(city: Cast) -> None:
    appeal = taken_milk(city)
    sees = {
        name
        for name in Cast.__dataclass_fields__
        if Appeal.objects.filter(visible_q(getattr(city, name)), pk=appeal.pk).exists()
    }
    assert sees == {"clerk", "dispatcher", "operator", "commander", "milk", "volunteer"}
    with pytest.raises(moving.NotFound):
        handling_actions.note(appeal.pk, city.medicine, why="看看")


def test_case_number_detects_any_wrong_digit() -> None:
    number = number_of(123456)
    assert number == "0012-3456-" + number[-1]
    assert id_of(number) == id_of(number.replace("-", "")) == 123456
    digits = number.replace("-", "")
    for place, digit in enumerate(digits):
        for wrong in set("0123456789") - {digit}:
            assert id_of(digits[:place] + wrong + digits[place + 1 :]) is None
    for text in ("", "12", "x" * 9, "9" * 40, "１２３４５６７８９", "1234-5678"):
        assert id_of(text) is None


def test_forged_tracking_tokens_are_refused() -> None:
    token = track_token(7)
    assert id_of_token(token) == 7
    for forged in (
        token[:-1],
        token + "a",
        token.replace("7-", "8-"),
        "7-",
        "7",
        "",
        "x-y",
        "٧-" + token[2:],
    ):
        assert id_of_token(forged) is None


def test_one_of_many_concurrent_accepts_wins(live_city: Cast) -> None:
    appeal = file_one()
    actions.sort(appeal.pk, live_city.clerk, category="other")
    actions.assign(appeal.pk, live_city.dispatcher, unit="milk")
    start = Barrier(8)

    def press(turn: int) -> str:
        actor = live_city.milk if turn % 2 else live_city.volunteer
        try:
            start.wait(timeout=30)
            actions.accept(appeal.pk, actor)
        except moving.Conflict as refused:
            return refused.code
        finally:
            connection.close()
        return "taken"

    with ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(press, range(8)))
    assert results == ["taken", *["wrong_status"] * 7]
    assert Event.objects.filter(appeal=appeal, verb="accept").count() == 1


def free_milk(city: Cast, number: int) -> list[Appeal]:
    """Appeals assigned to the milk group and not yet accepted."""
    found = [file_one(f"第 {each} 件") for each in range(number)]
    for appeal in found:
        actions.sort(appeal.pk, city.clerk, category="other")
        actions.assign(appeal.pk, city.dispatcher, unit="milk")
    return found


def test_concurrent_accepts_respect_the_units_limit(
    live_city: Cast,
) -> None:
    Unit.objects.filter(code="milk").update(most_held=3)
    appeals = free_milk(live_city, 8)
    start = Barrier(8)

    def press(appeal: Appeal) -> str:
        try:
            start.wait(timeout=30)
            actions.accept(appeal.pk, live_city.volunteer)
        except moving.Conflict as refused:
            return refused.code
        finally:
            connection.close()
        return "taken"

    with ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(press, appeals))
    assert results == [*["hands_full"] * 5, *["taken"] * 3]
    assert Appeal.objects.filter(holder=live_city.volunteer.user_id).count() == 3


@pytest.mark.django_db
def test_unit_limits_the_cases_a_volunteer_holds(city: Cast) -> None:
    appeals = free_milk(city, 8)
    for appeal in appeals[:5]:
        actions.accept(appeal.pk, city.volunteer)
    with pytest.raises(moving.Conflict, match="手上已有 5 件") as refused:
        actions.accept(appeals[5].pk, city.volunteer)
    assert refused.value.code == "hands_full"
    # Staff of the unit have no such limit; after resolving one, a volunteer may accept another.
    actions.accept(appeals[5].pk, city.milk)
    handling_actions.resolve(appeals[0].pk, city.volunteer, words="送到了")
    actions.accept(appeals[6].pk, city.volunteer)
    Unit.objects.filter(code="milk").update(most_held=0)
    actions.accept(appeals[7].pk, city.volunteer)


def test_concurrent_copies_of_a_message_make_one_appeal(live_city: Cast) -> None:
    start = Barrier(8)

    def send(_turn: int) -> Received:
        try:
            start.wait(timeout=30)
            return receive(
                Incoming("same", b"raw", Filing(body="停气了", channel="feed")), REQUESTER
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(send, range(8)))
    assert len({result.appeal_id for result in results}) == 1
    assert sum(result.new for result in results) == 1
    assert Appeal.objects.count() == 1


def test_opposite_concurrent_merges_do_not_deadlock(live_city: Cast) -> None:
    for _round in range(5):
        one, two = file_one(), file_one()
        start = Barrier(2)

        def join(pair: tuple[int, int], start: Barrier = start) -> bool:
            try:
                start.wait(timeout=30)
                closing_actions.merge(pair[0], live_city.clerk, master=pair[1])
            except moving.Refused:
                return False
            finally:
                connection.close()
            return True

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(join, [(one.pk, two.pk), (two.pk, one.pk)]))
        assert sorted(done) == [False, True]


@pytest.mark.django_db
def test_every_event_is_queued_for_the_tally(city: Cast) -> None:
    taken_milk(city)
    assert set(Untallied.objects.values_list("event_id", flat=True)) == set(
        Event.objects.values_list("pk", flat=True)
    )


@pytest.mark.parametrize(
    ("newest", "parts"),
    [
        (0, ("000", "123")),
        (4_321, ("000", "012", "432", "4321", "00004321", "0123", "1230", "999")),
        (21_000, ("000", "209", "0209", "002099", "77777", "1000")),
    ],
)
def test_ids_are_found_by_any_part_of_their_number(newest: int, parts: tuple[str, ...]) -> None:
    written = {each: number_of(each).replace("-", "") for each in range(newest + 1)}
    for part in parts:
        ranges = ids_with_part(part, newest)
        found = {each for first, last in ranges for each in range(first, last + 1)}
        assert {each for each in found if each <= newest} == {
            each for each, digits in written.items() if part in digits
        }, part


def test_zeros_in_front_are_digits_of_a_number_up_to_eight() -> None:
    newest = 100_000_123
    ranges = ids_with_part("000000123", newest)
    assert ids_with_part("00000123", newest)
    assert not any(first <= 123 <= last for first, last in ranges)
