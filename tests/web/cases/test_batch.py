"""Batch verbs: preview, execution case by case, results, and undo where possible."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast, file_one
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.states import Status
from yinghu.people.access import actor_of
from yinghu.people.models import User
from yinghu.verbs import VERBS
from yinghu.web.cases.batch import BATCH_VERBS, MAX_BATCH

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(city: Cast) -> list[Appeal]:
    """Three appeals that wait to be accepted by the milk group."""
    made = [file_one(f"第{n}家没有奶粉了") for n in range(3)]
    for appeal in made:
        actions.sort(appeal.pk, city.clerk, category="milk")
        actions.assign(appeal.pk, city.dispatcher, unit="milk")
    return [Appeal.objects.get(pk=appeal.pk) for appeal in made]


def press(client: Client, appeals: list[Appeal], verb: str, **given: Any) -> Any:
    """Submit the batch form with these cases and this verb."""
    chosen = {"pick": [appeal.number for appeal in appeals], "verb": verb}
    versions = {f"version-{appeal.number}": appeal.version for appeal in appeals}
    return client.post("/desk/batch", chosen | versions | given)


def undo_of(page: Any) -> str:
    found = re.search(r'name="undo" value="([^"]+)"', text_of(page))
    return found[1] if found else ""


def statuses(appeals: list[Appeal]) -> list[str]:
    return [Appeal.objects.get(pk=appeal.pk).status for appeal in appeals]


def test_preview_shows_possible_cases_and_reasons_for_others(
    browse: Browse, city: Cast, three: list[Appeal]
) -> None:
    foreign = file_one("别的单位的")
    actions.accept(three[2].pk, city.milk)
    client = browse("milk-handler")
    said = text_of(press(client, [*three, foreign], ""))
    assert re.search(r'value="accept"\s*>.*?接单 <span class="count">2</span>', said, re.DOTALL)
    page = press(client, [*three, foreign], "accept")
    said = text_of(page)
    assert "接单：2 件" in said
    assert "现在是“办理中”" in said
    assert "没有这件诉求，或者它不归您看" in said
    assert foreign.body not in said
    assert statuses(three) == ["assigned", "assigned", "handling"]
    assert Event.objects.filter(verb="accept").count() == 1


def test_batch_is_done_per_case_and_can_be_undone(browse: Browse, three: list[Appeal]) -> None:
    client = browse("milk-handler")
    page = press(client, three, "accept", do="1")
    assert "接单：3 件" in text_of(page)
    assert statuses(three) == ["handling"] * 3
    events = Event.objects.filter(verb="accept")
    assert {event.user and event.user.username for event in events} == {"milk-handler"}
    # Submitted again, each case reports that it is done; nothing happens twice.
    again = press(client, three, "accept", do="1")
    assert "接单：0 件" in text_of(again)
    assert Event.objects.filter(verb="accept").count() == 3

    token = undo_of(page)
    assert browse("food-handler").post("/desk/batch/undo", {"undo": token}).status_code == 404
    assert client.post("/desk/batch/undo", {"undo": token[:-2] + "xx"}).status_code == 404
    handling_actions.report(three[1].pk, actor_of_user("milk-handler"), words="已在路上")
    back = text_of(client.post("/desk/batch/undo", {"undo": token}))
    assert "撤销：2 件，共选 3 件" in back
    assert statuses(three) == ["assigned", "handling", "assigned"]
    released = Event.objects.filter(verb="release")
    assert {event.why for event in released} == {"撤销刚才的批量操作"}
    # A second undo changes nothing.
    assert "撤销：0 件" in text_of(client.post("/desk/batch/undo", {"undo": token}))
    assert statuses(three) == ["assigned", "handling", "assigned"]


def test_batch_with_public_words_cannot_be_undone(browse: Browse, three: list[Appeal]) -> None:
    page = press(browse("milk-handler"), three, "accept", do="1", words="马上去买")
    assert "接单：3 件" in text_of(page)
    assert {event.words for event in Event.objects.filter(verb="accept")} == {"马上去买"}
    assert undo_of(page) == ""


def actor_of_user(username: str) -> Any:
    return actor_of(User.objects.get(username=username))


def test_undo_returns_cases_to_previous_holder_or_unit(
    browse: Browse, city: Cast, three: list[Appeal]
) -> None:
    actions.accept(three[0].pk, city.milk)
    three[0].refresh_from_db()
    client = browse("milk-handler")
    page = press(client, three, "hand", do="1", user="volunteer")
    assert statuses(three) == ["handling"] * 3
    # Only the case with a previous holder: a handler cannot put the others back.
    said = text_of(client.post("/desk/batch/undo", {"undo": undo_of(page)}))
    assert "撤销：1 件" in said
    holders = [Appeal.objects.get(pk=appeal.pk).holder_id for appeal in three]
    assert holders == [city.milk.user_id, city.volunteer.user_id, city.volunteer.user_id]

    other = file_one("又一家")
    actions.sort(other.pk, city.clerk, category="milk")
    actions.assign(other.pk, city.dispatcher, unit="food")
    other.refresh_from_db()
    page = press(browse("dispatcher"), [other], "assign", do="1", unit="milk")
    browse("dispatcher").post("/desk/batch/undo", {"undo": undo_of(page)})
    other.refresh_from_db()
    assert other.unit is not None
    assert other.unit.code == "food"


def test_batch_without_required_words_is_refused(
    browse: Browse, city: Cast, three: list[Appeal]
) -> None:
    for appeal in three:
        actions.accept(appeal.pk, city.milk)
        appeal.refresh_from_db()
    client = browse("milk-handler")
    page = press(client, three, "resolve", do="1", words=" ")
    assert page.status_code == 422
    assert 'class="wrong"' in text_of(page)
    assert statuses(three) == ["handling"] * 3
    handling_actions.ask(three[0].pk, city.milk, words="几段？")
    done = text_of(press(client, three, "resolve", do="1", words="都送到了"))
    assert "办结：2 件，共选 3 件" in done
    assert "现在是“待补充”" in done
    assert statuses(three) == ["waiting", "resolved", "resolved"]
    # Words may have been read already, so no undo is offered.
    assert undo_of(done_page(client, three)) == ""


def test_batch_with_an_unfinished_template_is_not_sent(
    browse: Browse, city: Cast, three: list[Appeal]
) -> None:
    for appeal in three:
        actions.accept(appeal.pk, city.milk)
        appeal.refresh_from_db()
    words = "您好，奶粉将在【时间】送到。"
    page = press(browse("milk-handler"), three, "resolve", do="1", words=words)
    assert page.status_code == 422
    assert "“【时间】”还空着，请填好再发" in text_of(page)
    assert words in text_of(page)
    assert statuses(three) == ["handling"] * 3


def done_page(client: Client, appeals: list[Appeal]) -> Any:
    return press(client, appeals, "note", do="1", why="已核对")


def test_batch_skips_a_case_changed_meanwhile(
    browse: Browse, city: Cast, three: list[Appeal]
) -> None:
    handling_actions.note(three[0].pk, city.clerk, why="先别动")
    said = text_of(press(browse("milk-handler"), three, "accept", do="1"))
    assert "接单：2 件" in said
    assert "别人已经处理过" in said
    assert statuses(three) == ["assigned", "handling", "handling"]


def test_batch_refuses_other_verbs(browse: Browse, three: list[Appeal]) -> None:
    before = Event.objects.count()
    clerk = browse("clerk")
    others = [verb.name for verb in VERBS.values() if verb not in BATCH_VERBS]
    for verb in (*others, "drop table"):
        said = text_of(press(clerk, three, verb, do="1", words="x", why="x"))
        assert "要做什么" in said, verb
        assert Event.objects.count() == before, verb


def test_batch_takes_no_photos_and_limits_selection(browse: Browse, three: list[Appeal]) -> None:
    said = text_of(press(browse("milk-handler"), three, "report"))
    assert "要做什么" not in said
    assert 'type="file"' not in said
    many = {"pick": [f"9{n:03d}-9999-0" for n in range(3 * MAX_BATCH)], "verb": "accept"}
    page = browse("milk-handler").post("/desk/batch", many)
    assert text_of(page).count('<li class="not">') == MAX_BATCH
    assert f"还有 {2 * MAX_BATCH} 件没有选进来" in text_of(page)
    assert Client().post("/desk/batch", many).status_code in {302, 401}
    assert Status.ASSIGNED.value in statuses(three)


def test_volunteer_cannot_accept_in_a_batch(browse: Browse, city: Cast) -> None:
    free = file_one()
    actions.sort(free.pk, city.clerk, category="milk")
    actions.assign(free.pk, city.dispatcher, unit="milk")
    page = browse("volunteer").post(
        "/desk/batch", {"pick": [free.number], "verb": "accept", "do": "1"}
    )
    assert "您不能对这件做" in text_of(page)
    free.refresh_from_db()
    assert free.status == "assigned"
