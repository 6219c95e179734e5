"""Reports from a patrol or for somebody else: source, reporter, and the reporter's own list."""

from __future__ import annotations

import re

from tests.cast import Cast, taken_milk
from tests.web.conftest import Browse, form_of, text_of
from yinghu.appeals.models import Appeal

WORDS = "巡查看到 3 幢后面井盖松了"


def report(browse: Browse, username: str, **typed: str) -> Appeal:
    client = browse(username)
    given = form_of(client) | {"words": WORDS, "report": "yes"} | typed
    assert client.post("/file", given).status_code == 302
    return Appeal.objects.latest("pk")


def test_report_has_its_own_source_and_names_the_reporter_to_the_desk(
    browse: Browse, city: Cast
) -> None:
    appeal = report(browse, "grid-worker")
    assert appeal.channel == "patrol"
    assert str(appeal.events.get(verb="file").user) == "网格员小马"
    desk = re.sub(r"\s+", " ", text_of(browse("clerk").get(f"/desk/case/{appeal.number}")))
    assert "<dd>巡查 · <bdi>网格员小马</bdi></dd>" in desk
    tracking = text_of(browse().get(f"/t/{appeal.token}"))
    assert "诉求已登记" in tracking
    assert "小马" not in tracking
    listed = text_of(browse("clerk").get("/desk/cases?channel=patrol"))
    assert appeal.number in listed


def test_reports_stand_in_the_reporters_own_list_only(browse: Browse, city: Cast) -> None:
    appeal = report(browse, "grid-worker")
    own = text_of(browse("grid-worker").get("/field/-/reported"))
    assert re.findall(r'class="row-number">([\d-]+)<', own) == [appeal.number]
    assert f'href="/t/{appeal.token}"' in own
    other = text_of(browse("milk-handler").get("/field/-/reported"))
    assert appeal.number not in other


def test_own_matter_of_a_grid_worker_stays_their_own(browse: Browse, city: Cast) -> None:
    appeal = report(browse, "grid-worker", report="no")
    assert (appeal.channel, appeal.events.get(verb="file").user_id) == ("web", None)
    assert appeal.number not in text_of(browse("grid-worker").get("/field/-/reported"))


def test_report_is_offered_with_tasks_in_hand_and_without(browse: Browse, city: Cast) -> None:
    client = browse("milk-handler")
    for _turn in ("without", "with"):
        home = text_of(client.get("/field"))
        assert home.count('href="/file"') == 1
        assert home.count('href="/field/-/reported"') == 1
        taken_milk(city)


def test_strangers_and_desks_cannot_file_as_patrol(browse: Browse, city: Cast) -> None:
    for username in ("", "clerk"):
        assert 'name="report"' not in text_of(browse(username).get("/file"))
        assert report(browse, username).channel == "web"


def test_reporter_says_nothing_in_the_name_of_the_person_concerned(
    browse: Browse, city: Cast
) -> None:
    appeal = report(browse, "grid-worker")
    own, concerned = browse("grid-worker"), browse()
    assert "act-withdraw" not in text_of(own.get(f"/t/{appeal.token}"))
    assert own.post(f"/t/{appeal.token}/withdraw", {}).status_code == 404
    assert own.post(f"/t/{appeal.token}/rate", {"solved": "yes"}).status_code == 404
    assert "act-supply" in text_of(own.get(f"/t/{appeal.token}"))
    assert "act-withdraw" in text_of(concerned.get(f"/t/{appeal.token}"))


def test_report_sent_again_after_the_login_ended_is_the_same_report(
    browse: Browse, city: Cast
) -> None:
    client = browse("grid-worker")
    given = form_of(client) | {"words": WORDS, "report": "yes"}
    assert client.post("/file", given).status_code == 302
    assert client.post("/file", given | {"report": "no"}).status_code == 302
    del client.cookies["yinghu_session"]
    said = text_of(client.post("/file", given, follow=True))
    assert "已经提交过了" in said
    assert Appeal.objects.get().channel == "patrol"
