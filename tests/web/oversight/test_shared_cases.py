"""The page of cases shared with task forces: who sees them, and naming a contact."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.cast import Cast, dispatched, file_one, taken_milk
from tests.oversight.test_rulings import login
from tests.web.conftest import Browse, text_of
from tests.web.queues.test_views import queries_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.errands import actions as errand_actions
from yinghu.oversight import sharing_actions
from yinghu.oversight.models import Contact
from yinghu.people.models import Post
from yinghu.web.live.hub import desks_touched

pytestmark = pytest.mark.django_db
PAGE = "/desk/shared"


def shared(city: Cast, unit: str = "force-supplies", why: str = "请调一箱奶粉") -> Appeal:
    appeal = taken_milk(city)
    sharing_actions.share(appeal.pk, city.milk, unit=unit, why=why)
    return appeal


def parts(client: Client, query: str = "") -> dict[str, str]:
    """The HTML of each list on the page, by its id."""
    page = text_of(client.get(PAGE + query))
    heads = re.split(r'<section class="list-part" id="([\w-]+)"', page)
    return dict(zip(heads[1::2], heads[2::2], strict=True))


def test_both_sides_see_a_shared_case_and_its_contacts(browse: Browse, city: Cast) -> None:
    appeal = shared(city)
    handling_actions.note(appeal.pk, city.milk, why="奶粉在二号仓")
    force, milk = browse("supplies-handler"), browse("milk-handler")
    theirs = parts(force)["for-us"]
    for words in (appeal.number, "请调一箱奶粉", "奶粉组小李", "奶粉在二号仓", "我来对接"):
        assert words in theirs
    assert "还没有对接人" in parts(milk)["by-us"]
    assert "我来对接" not in parts(milk)["by-us"]
    on_case = text_of(milk.get(f"/desk/case/{appeal.number}"))
    assert re.search(r"物资保障专班.*还没有对接人 · [^<]*\d\d:\d\d", on_case)
    answer = force.post(
        f"/desk/case/{appeal.number}/contact", {"back": "shared", "unit": "force-supplies"}
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    assert "我来对接" not in parts(force)["for-us"]
    handling_actions.note(appeal.pk, login("supplies-handler"), why="下午三点送到")
    given = parts(milk)["by-us"]
    assert "物资专班老梁" in given
    assert "下午三点送到" in given
    assert "奶粉在二号仓" not in given
    # A repeated press changes nothing.
    again = force.post(
        f"/desk/case/{appeal.number}/contact", {"back": "shared", "unit": "force-supplies"}
    )
    assert again.status_code == 302
    assert appeal.events.filter(verb="contact").count() == 1


def test_shared_details_are_hidden_from_others(browse: Browse, city: Cast) -> None:
    appeal = shared(city)
    actions.hand(appeal.pk, city.milk, user="volunteer")
    sharing_actions.contact(appeal.pk, login("supplies-handler"))
    for name in ("medical-handler", "food-handler", "town-head", "urban-handler"):
        assert appeal.number not in text_of(browse(name).get(PAGE))
        assert browse(name).get(f"/desk/case/{appeal.number}").status_code == 404
    volunteer = browse("volunteer")
    assert volunteer.get(PAGE).status_code == 403
    for address in (f"/desk/case/{appeal.number}", f"/field/{appeal.number}", "/field"):
        page = text_of(volunteer.get(address))
        assert "老梁" not in page
        assert "请调一箱奶粉" not in page
    track = text_of(Client().get(f"/t/{appeal.token}"))
    assert "物资保障专班" in track
    assert "老梁" not in track
    sharing_actions.unshare(appeal.pk, city.milk, unit="force-supplies", why="好了")
    force = browse("supplies-handler")
    assert appeal.number not in text_of(force.get(PAGE))
    assert force.get(f"/desk/case/{appeal.number}").status_code == 404


def test_desks_see_shared_cases_of_their_area(browse: Browse, city: Cast) -> None:
    appeal = shared(city)
    for name in ("dispatcher", "commander"):
        assert appeal.number in parts(browse(name))["by-us"]
    Post.objects.filter(user__username="dispatcher").update(area="330782100")
    assert appeal.number not in text_of(browse("dispatcher").get(PAGE))
    assert browse("clerk").get(PAGE).status_code == 403


def test_filter_shows_shared_cases_without_a_contact(browse: Browse, city: Cast) -> None:
    bare, named = shared(city), shared(city)
    sharing_actions.contact(named.pk, login("supplies-handler"))
    for name, part in (("supplies-handler", "for-us"), ("milk-handler", "by-us")):
        found = parts(browse(name), "?contact=none")[part]
        assert bare.number in found
        assert named.number not in found


def test_shared_list_is_filtered_by_unit_and_paginated(browse: Browse, city: Cast) -> None:
    cases = [shared(city) for _case in range(31)]
    other = shared(city, "force-medical")
    milk = browse("milk-handler")
    page = parts(milk)["by-us"]
    assert page.count('class="share-line"') == 11
    assert "看物资保障专班的全部" in page
    assert other.number in page
    first = parts(milk, "?list=by_us&unit=force-supplies")["by-us"]
    assert first.count('class="share-line"') == 30
    more = re.search(r'hx-get="([^"]+)"', first)
    assert more
    rest = text_of(milk.get(more[1].replace("&amp;", "&")))
    assert rest.count('class="share-line"') == 1
    assert cases[-1].number in rest
    for odd in (
        "?list=x",
        "?unit=nope",
        "?list=by_us&unit=nope&part=rows",
        "?unit=%00",
        "?after=~~",
    ):
        assert milk.get(PAGE + odd).status_code in (200, 404)


def test_shared_page_query_count_is_constant(browse: Browse, city: Cast) -> None:
    shared(city)
    force = browse("supplies-handler")
    force.get(PAGE)
    few = queries_of(force, PAGE)
    for _case in range(6):
        appeal = shared(city)
        errand_actions.say(appeal.pk, city.milk, why="到了")
    assert queries_of(force, PAGE) == few


def test_shared_tab_shows_for_task_forces_and_sharing_units(browse: Browse, city: Cast) -> None:
    def tab(name: str) -> bool:
        return f'href="{PAGE}"' in text_of(browse(name).get("/desk/notices"))

    assert not tab("milk-handler")
    assert tab("supplies-handler")
    shared(city)
    assert tab("milk-handler")
    assert tab("dispatcher")
    assert not tab("urban-handler")
    badge = text_of(browse("supplies-handler").get("/desk/badges")).split(f'href="{PAGE}"')[1]
    assert 'class="waiting">1<' in badge.split("</a>")[0]
    assert {"shared"} <= desks_touched("share") & desks_touched("contact") & desks_touched(
        "unshare"
    )


def test_case_page_shares_and_unshares(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    milk = browse("milk-handler")
    where = f"/desk/case/{appeal.number}"
    page = text_of(milk.get(where))
    assert 'id="act-share"' in page
    assert 'id="act-unshare"' not in page
    refused = milk.post(
        f"{where}/share", {"unit": "food", "why": "请办", "version": appeal.version}
    )
    assert refused.status_code == 422
    assert "不是专班" in text_of(refused)
    given = {"unit": "force-medical", "why": "请看病情"}
    assert milk.post(f"{where}/share", given).status_code == 302
    page = text_of(milk.get(where))
    assert "和专班共享" in page
    assert 'id="act-unshare"' in page
    force = browse("medical-handler")
    assert force.post(f"{where}/contact", {"user": "milk-handler"}).status_code == 422
    assert not Contact.objects.filter(appeal=appeal, unit__code="force-medical").exists()
    assert force.post(f"{where}/unshare", {"unit": "force-medical"}).status_code == 422
    ended = force.post(f"{where}/unshare", {"unit": "force-medical", "why": "看好了"})
    assert ended.status_code == 302
    assert force.get(where).status_code == 404


def test_task_force_lists_the_cases_it_holds(browse: Browse, city: Cast) -> None:
    appeal = dispatched(file_one(), city, category="milk", unit="force-community")
    force = browse("community-handler")
    assert appeal.number in parts(force)["for-us"]
    assert "我来对接" in parts(force)["for-us"]
    sharing_actions.share(appeal.pk, login("community-handler"), unit="food", why="请备菜")
    assert "请备菜" in parts(force)["by-us"]
    assert "请备菜" in parts(browse("food-handler"))["for-us"]
