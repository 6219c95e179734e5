"""Requesters of merged cases: what they say reaches the master's holder, and nothing comes back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from tests.cast import Cast, file_one
from tests.web.citizen.test_filing import photo
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal, Attachment
from yinghu.appeals.states import Status
from yinghu.notifications.models import Notification
from yinghu.people.access import actor_of, requester_of
from yinghu.people.models import User
from yinghu.reactions import react

HERE = "330782001004001"


@dataclass
class Merged:
    """A case of water supply, and that of a neighbour that was merged into it."""

    master: Appeal
    child: Appeal

    def say(self, verb: str, **typed: object) -> int:
        """The neighbour says something on their tracking page; then the worker runs."""
        seen = set(self.events())
        client = Client()
        self.child.refresh_from_db()
        url = f"/t/{self.child.token}/{verb}"
        status = client.post(url, {"version": self.child.version, **typed}).status_code
        while new := sorted(set(self.events()) - seen):
            react(new)
            seen |= set(new)
        self.master.refresh_from_db()
        self.child.refresh_from_db()
        return status

    def events(self) -> list[int]:
        return [
            pk
            for appeal in (self.master, self.child)
            for pk in appeal.events.values_list("pk", flat=True)
        ]

    def page(self) -> str:
        return text_of(Client().get(f"/t/{self.child.token}"))


@pytest.fixture
def pair(city: Cast) -> Merged:
    master = file_one("停水三天了，我是三幢的李大姐", area=HERE, name="李秀英")
    child = file_one("我们小区停水了", phone="+8613700000000", name="张三")
    actions.sort(master.pk, city.clerk, category="urban")
    actions.assign(master.pk, city.dispatcher, unit="bureau-urban")
    actions.accept(master.pk, city.urban)
    closing_actions.merge(child.pk, city.clerk, master=master.pk)
    master.refresh_from_db()
    child.refresh_from_db()
    return Merged(master, child)


def test_merged_requester_adds_and_urges(pair: Merged, browse: Browse, city: Cast) -> None:
    page = pair.page()
    assert "补充情况" in page
    assert "催一催" in page
    assert 'id="act-rate"' not in page
    assert pair.say("supply", words="我家老人腿脚不便，下不了楼", photos=[photo()]) == 302
    assert pair.say("urge", words="请快一点") == 302
    assert pair.child.status == Status.MERGED
    relayed = list(pair.master.events.filter(verb="relay").order_by("seq"))
    assert [event.facts["said"] for event in relayed] == ["supply", "urge"]
    # The holder is told, and reads it on the master's page with the photo.
    told = Notification.objects.filter(event__in=relayed, user=city.urban.user_id)
    assert told.count() == 2
    desk = browse("urban-handler")
    case = text_of(desk.get(f"/desk/case/{pair.master.number}"))
    assert "我家老人腿脚不便" in case
    assert pair.child.number in case
    [sent] = Attachment.objects.filter(appeal=pair.child)
    assert f"photo/{sent.pk}" in case
    assert desk.get(f"/photo/{sent.pk}").status_code == 200
    assert "催办" in text_of(desk.get("/desk/inbox"))
    notices = text_of(desk.get("/desk/notices"))
    assert f"并入的 {pair.child.number}：诉求人催办" in notices
    # Reacting twice tells once.
    react([event.pk for event in pair.child.events.all()])
    assert pair.master.events.filter(verb="relay").count() == 2


def test_neither_requester_reads_the_other(pair: Merged, browse: Browse, city: Cast) -> None:
    handling_actions.report(pair.master.pk, city.urban, words="水管已经挖开")
    handling_actions.supply(pair.master.pk, requester_of(pair.master.pk), words="三幢也没水")
    pair.say("supply", words="五幢的下不了楼")
    secrets = ("李大姐", "李秀英", "水管已经挖开", "三幢", "三幢也没水")
    token = pair.child.token
    api = Client(headers={"Authorization": f"Bearer {token}"})
    answer = api.get(f"/api/v1/appeals/{pair.child.number}")
    assert answer.status_code == 200
    area = pair.master.area
    assert area is not None
    for said in (pair.page(), answer.content.decode()):
        for secret in (*secrets, area.name):
            assert secret not in said
    assert "正在办理" in pair.page()
    assert api.get(f"/api/v1/appeals/{pair.master.number}").status_code == 404
    listed = api.get("/api/v1/appeals").json()["items"]
    assert [row["number"] for row in listed] == [pair.child.number]
    # The master's requester reads nothing of the neighbour either.
    theirs = text_of(Client().get(f"/t/{pair.master.token}"))
    key = Client(headers={"Authorization": f"Bearer {pair.master.token}"})
    theirs += key.get(f"/api/v1/appeals/{pair.master.number}").content.decode()
    for secret in ("五幢的下不了楼", "张三", pair.child.number, "relay"):
        assert secret not in theirs


def test_merged_requester_rates_when_the_master_is_done(
    pair: Merged, browse: Browse, city: Cast
) -> None:
    early = {"solved": "yes", "satisfaction": "yes"}
    assert pair.say("rate", **early) == 409
    handling_actions.resolve(pair.master.pk, city.urban, words="修好了")
    page = pair.page()
    assert 'id="act-rate"' in page
    assert 'id="act-urge"' not in page
    assert "修好了" not in page
    assert pair.say("urge") == 409
    assert pair.say("rate", solved="yes", satisfaction="fairly") == 302
    assert (pair.child.status, pair.child.satisfaction) == (Status.MERGED, "fairly")
    event = pair.master.events.get(verb="relay")
    assert event.facts["satisfaction"] == "fairly"
    assert Notification.objects.filter(event=event, user=city.urban.user_id).exists()
    # The master is not rated by this; its own requester does that.
    assert (pair.master.status, pair.master.solved) == (Status.RESOLVED, None)


def test_unsolved_for_the_merged_requester_reopens_their_own_case(pair: Merged, city: Cast) -> None:
    handling_actions.resolve(pair.master.pk, city.urban, words="修好了")
    assert pair.say("rate", solved="no", satisfaction="no", words="五幢还是没水") == 302
    assert pair.child.status == Status.FILED
    assert pair.child.master_id is None
    event = pair.master.events.get(verb="relay")
    assert (event.facts["solved"], event.words) == (False, "五幢还是没水")


def test_danger_told_by_a_merged_requester_alarms_the_master(pair: Merged) -> None:
    from yinghu.reactions import look_for_danger

    assert pair.say("supply", words="老人摔倒了叫不醒，快来人") == 302
    look_for_danger([pair.master.events.get(verb="relay").pk])
    pair.master.refresh_from_db()
    assert pair.master.alarmed is True


def test_chain_of_merges_reaches_the_last_master(pair: Merged, city: Cast) -> None:
    last = file_one("整个片区停水", phone="+8613700000009")
    closing_actions.merge(pair.master.pk, city.dispatcher, master=last.pk)
    assert pair.say("urge") == 302
    assert last.events.filter(verb="relay", facts__appeal=pair.child.pk).count() == 1
    assert actor_of(User.objects.get(username="clerk"))
