"""The whistles page: waiting calls by role, hidden data, and duplicate submissions."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from tests.cast import Cast
from tests.oversight.clock import pass_time
from tests.oversight.test_rulings import login
from tests.oversight.test_whistles import at_community, call, elements
from tests.web.conftest import Browse, text_of
from tests.web.queues.test_views import queries_of
from yinghu.appeals import closing_actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.oversight import whistle_actions
from yinghu.oversight.models import Summons
from yinghu.oversight.whistle_figures import answering
from yinghu.people.models import Post, Role, Unit, User
from yinghu.web.live.hub import desks_touched

pytestmark = pytest.mark.django_db
PAGE = "/desk/whistles"


def sections(client: Client) -> dict[str, str]:
    page = text_of(client.get(PAGE))
    return dict(re.findall(r'<section class="list-part" id="([\w-]+)"(.*?)</section>', page, re.S))


def badge(client: Client) -> str:
    """The count on the whistles tab, or "" if there is none."""
    page = text_of(client.get("/desk/badges"))
    tab = page.split(f'href="{PAGE}"')[1].split("</a>")[0]
    found = re.search(r'class="waiting">([0-9+]+)<', tab)
    return found[1] if found else ""


def act(client: Client, appeal: Appeal, verb: str, **given: Any) -> Any:
    return client.post(f"/desk/case/{appeal.number}/{verb}", {"back": "whistles", **given})


def typed(moment: datetime) -> str:
    """Format a time as a browser fills a datetime field, in the city's time zone."""
    return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M")


def test_whistle_runs_from_call_to_grade_on_the_page(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    caller, bureau, health = (
        browse(name) for name in ("community-head", "bureau-handler", "health-handler")
    )
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    assert (badge(caller), badge(bureau), badge(health)) == ("", "1", "1")
    assert "报到</button>" in sections(bureau)["for-us"]
    answer = act(bureau, appeal, "report_in", point="120.1037,29.3413", why="蒋科长")
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    said = sections(bureau)["for-us"]
    assert "报到</button>" not in said
    assert 'name="spoken_to"' in said
    assert re.search(r"离集合地点 \d+ 米", said)
    assert "不在现场" not in said
    assert (badge(caller), badge(bureau)) == ("1", "1")
    given = elements(received=appeal.whistles.get().at)
    given |= {name: typed(given[name]) for name in ("received", "until")}
    assert act(bureau, appeal, "measures", **given).status_code == 302
    assert badge(bureau) == ""
    assert "要求加装净化器" in sections(caller)["ours"]
    graded = act(caller, appeal, "grade", unit="bureau-environment", satisfaction="yes")
    assert graded.status_code == 302
    assert badge(caller) == ""
    # The absent unit can be graded once its time is up.
    pass_time(3, appeal)
    assert badge(caller) == "1"
    assert act(caller, appeal, "grade", unit="bureau-health", satisfaction="no").status_code == 302
    assert badge(caller) == ""
    assert (badge(bureau), badge(health)) == ("", "1")


def test_report_in_from_afar_is_shown_as_not_on_site(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    act(browse("bureau-handler"), appeal, "report_in", point="120.3,29.5")
    assert "不在现场" in sections(browse("community-head"))["ours"]


def test_rejected_contest_extends_the_time_to_report_in(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    whistle_actions.contest(appeal.pk, login("health-handler"), why="不归我们")
    pass_time(3, appeal)
    given: dict[str, Any] = {"unit": "bureau-health", "agree": False, "why": "要来"}
    whistle_actions.judge(appeal.pk, city.commander, **given)
    caller = browse("community-head")
    act(browse("health-handler"), appeal, "report_in")
    assert "迟到" not in sections(caller)["ours"]
    act(browse("bureau-handler"), appeal, "report_in")
    assert sections(caller)["ours"].count("迟到") == 1


def test_duplicate_report_in_is_recorded_once(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    bureau = browse("bureau-handler")
    for _press in range(2):
        assert act(bureau, appeal, "report_in", why="蒋科长").headers["Location"] == PAGE
    assert appeal.events.filter(verb="report_in").count() == 1
    # A repeat with other words is refused.
    assert act(bureau, appeal, "report_in", why="另一个人").status_code == 409


def test_whistles_page_is_limited_to_the_users_area(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    whistle_actions.contest(appeal.pk, login("health-handler"), why="油烟不归我们管")
    Post.objects.filter(user__username="supervisor").update(area="330782100")
    supervisor = browse("supervisor")
    assert "judge" not in sections(supervisor)
    page = text_of(supervisor.get(PAGE))
    assert appeal.number not in page
    assert "油烟" not in page
    assert "福田社区居委会" not in page
    assert badge(supervisor) == ""
    assert badge(browse("commander")) == "1"
    assert "油烟不归我们管" in sections(browse("commander"))["judge"]
    # A member of the whistling unit with another area does not see the case either.
    desk = Unit.objects.get(code="platform")
    whistle_actions.whistle(appeal.pk, city.clerk, **call(units=["bureau-education"]))
    other = User.objects.create_user("clerk-2")
    Post.objects.create(user=other, unit=desk, role=Role.CLERK, area_id="330782100")
    assert appeal.number not in text_of(browse("clerk-2").get(PAGE))
    assert appeal.number in sections(browse("clerk"))["ours"]
    for name in ("volunteer", "admin", "operator"):
        assert browse(name).get(PAGE).status_code == 403
    assert browse().get(PAGE).status_code == 302


def test_only_the_latest_call_to_a_unit_waits(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    community, health = login("community-head"), login("health-handler")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    whistle_actions.contest(appeal.pk, health, why="已经移交")
    whistle_actions.judge(appeal.pk, city.commander, unit="bureau-health", agree=True, why="属实")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    said = sections(browse("health-handler"))["for-us"]
    assert said.count("报到</button>") == 1
    assert "等裁定" not in said
    assert said.count("裁定不用来") == 1
    assert badge(browse("health-handler")) == "1"


def test_measures_go_to_the_call_that_was_reported_in_to(city: Cast) -> None:
    appeal = at_community(city)
    community, health = login("community-head"), login("health-handler")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    whistle_actions.report_in(appeal.pk, health)
    # The platform calls the same unit to the same case before it has entered measures.
    whistle_actions.whistle(appeal.pk, city.clerk, **call(units=["bureau-health"]))
    when = appeal.whistles.earliest("pk").at
    whistle_actions.measures(appeal.pk, health, **elements(received=when))
    first, second = Summons.objects.order_by("pk")
    assert (first.measures, second.measures) == ("要求加装净化器", "")
    whistle_actions.report_in(appeal.pk, health)
    whistle_actions.measures(appeal.pk, health, **elements(why="再查一次"))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.measures, second.measures) == ("要求加装净化器", "再查一次")


def test_closed_case_waits_only_for_its_grade(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    community = login("community-head")
    whistle_actions.whistle(appeal.pk, community, **call(units=["bureau-health"]))
    handling_actions.resolve(appeal.pk, community, words="办好了")
    closing_actions.close(appeal.pk, city.clerk)
    assert badge(browse("health-handler")) == ""
    assert "报到</button>" not in sections(browse("health-handler"))["for-us"]
    pass_time(3, appeal)
    assert badge(browse("community-head")) == "1"


def test_figures_by_called_unit_and_by_whistler(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    whistle_actions.report_in(appeal.pk, login("bureau-handler"))
    pass_time(3, appeal)
    now = appeal.moved_at
    together, *lines = answering(now, by="whistle__unit")
    assert [(line.unit.code, line.whistles, line.called) for line in lines if line.unit] == [
        ("community-futian", 1, 2)
    ]
    assert (together.whistles, together.called) == (1, 2)
    assert answering(now)[0].whistles == 1
    assert answering(now, scopes=("330782100",)) == answering(now, scopes=()) == []
    assert answering(now, scopes=("330782100", "330782008")) == answering(now)
    said = sections(browse("supervisor"))["figures"]
    assert "被叫的单位" in said
    assert "吹哨的单位" in said
    assert "figures" not in sections(browse("bureau-handler"))


def test_whistles_page_query_count_is_constant(browse: Browse, city: Cast) -> None:
    client = browse("health-handler")
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    one = queries_of(client, PAGE)
    for _ in range(4):
        appeal = at_community(city)
        whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    assert queries_of(client, PAGE) == one
    assert one <= 14


def test_whistles_desk_is_touched_by_whistle_events() -> None:
    for verb in ("whistle", "report_in", "measures", "contest", "judge", "grade", "close", "merge"):
        assert "whistles" in desks_touched(verb)
    for verb in ("sort", "note", "view", "notice", "chase"):
        assert "whistles" not in desks_touched(verb)


def test_each_button_acts_for_its_own_unit(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    both = call(units=["bureau-environment", "bureau-transport"])
    whistle_actions.whistle(appeal.pk, login("community-head"), **both)
    bureau = browse("bureau-handler")
    said = text_of(bureau.get("/desk/whistles"))
    for code in both["units"]:
        assert said.count(f'name="unit" value="{code}"') == 2
    form = {"back": "whistles", "point": "", "unit": "bureau-transport"}
    bureau.post(f"/desk/case/{appeal.number}/report_in", form)
    came = Summons.objects.filter(reported_at__isnull=False)
    assert [summons.unit.code for summons in came] == ["bureau-transport"]
    # The case page asks which unit a login with several units acts for.
    path = f"/desk/case/{appeal.number}"
    assert 'id="report_in-unit"' in text_of(bureau.get(path))
    assert "我的位置" not in text_of(bureau.get(path))


def test_case_page_does_not_ask_for_the_only_unit(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call(units=["bureau-health"]))
    health = browse("health-handler")
    path = f"/desk/case/{appeal.number}"
    assert "代表哪个单位" not in text_of(health.get(path))
    health.post(f"{path}/report_in", {"point": ""})
    assert Summons.objects.get().reported_at is not None


def test_rates_page_and_workbook_show_whistle_figures(browse: Browse, city: Cast) -> None:
    appeal = at_community(city)
    whistle_actions.whistle(appeal.pk, login("community-head"), **call())
    whistle_actions.report_in(appeal.pk, login("bureau-handler"))
    pass_time(3, appeal)
    client = browse("commander")
    page = text_of(client.get("/rates?period=days"))
    told = page.partition('id="whistles"')[2].partition("</section>")[0]
    rows = re.findall(r"<tr><th>([^<]+)</th>(.*?)</tr>", told, re.DOTALL)
    # The title of each column heading is repeated in the legend.
    heads = dict(re.findall(r'<th title="([^"]+)">([^<]+)</th>', told))
    means = {label: text for text, label in heads.items()}
    assert list(means) == ["吹哨", "叫了", "报到率", "按时", "满意率", "不用来"]
    legend = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", told))
    assert legend == means
    came = {name: re.findall(r"<b>(\d+)%</b>", row)[:1] for name, row in rows}
    assert (came["全部"], came["生态环境局"], came["卫生健康局"]) == (["50"], ["100"], ["0"])
    links = [link.replace("&amp;", "&") for link in re.findall(r'<a href="([^"]+)"', told)]
    assert len(links) == 2 + 2 + 1 + 2
    for link in links:
        assert appeal.number in text_of(client.get(link)), link
    assert "没有人吹过哨" in text_of(client.get("/rates?since=2020-01-01&until=2020-01-02"))
    assert "没有人吹过哨" in text_of(client.get("/rates?period=days&scope=330782100"))
    book = load_workbook(io.BytesIO(client.get("/rates.xlsx?period=days").content))
    said = list(book[book.sheetnames[-1]].values)
    assert ("吹哨报到 · 满意率", legend["满意率"]) in said
    called, callers = (list(book[name].values) for name in book.sheetnames[1:3])
    assert called[1] == ("全部", 1, 2, 2, 1, 0.5, 1, 0.5, 0, None, 0)
    formats = [cell.number_format for cell in book[book.sheetnames[1]][2]]
    assert [at for at, each in enumerate(formats) if each == "0.0%"] == [5, 7, 9]
    assert callers[2][0] == "福田社区居委会"
