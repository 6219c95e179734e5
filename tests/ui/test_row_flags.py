"""Marks and holders in lists of cases, and which case opens next."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import unquote

from django.utils import timezone

from tests.cast import Cast, file_one, requester, taken_milk
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, closing_actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.oversight import actions as oversight_actions
from yinghu.people.models import Post, Unit, User
from yinghu.triage import suggest
from yinghu.ui.pagination import PAGE_SIZE


def marks(browse: Browse, username: str, path: str, appeal: Appeal) -> list[str]:
    """The marks in the row of an appeal."""
    page = text_of(browse(username).get(path))
    row = page.partition(f'id="row-{appeal.number}"')[2].partition("</a>")[0]
    found = re.findall(r'<span class="badge status-badge mark[^>]*>(.*?)</span>', row, re.S)
    return [re.sub(r"<[^>]+>", "", each).strip() for each in found]


def test_urge_and_supply_are_marked_until_the_next_report(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    assert marks(browse, "milk-handler", "/desk/inbox", appeal) == []
    handling_actions.urge(appeal.pk, requester(appeal))
    handling_actions.supply(appeal.pk, requester(appeal), words="还剩半罐")
    assert marks(browse, "milk-handler", "/desk/inbox", appeal) == ["催办", "有补充"]

    # A report to the requester clears the marks.
    handling_actions.report(appeal.pk, city.milk, words="已备货，下午送")
    assert marks(browse, "milk-handler", "/desk/inbox", appeal) == []
    page = text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))
    assert "催办" not in page.partition("case-grid")[0]


def test_unsolved_and_reopened_cases_are_marked(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    for turn in (1, 2):
        handling_actions.resolve(appeal.pk, city.milk, words="已送到")
        closing_actions.rate(appeal.pk, requester(appeal), solved=False, satisfaction="no")
        assert "说没有解决" in marks(browse, "clerk", "/desk/callback", appeal)
        closing_actions.reopen(appeal.pk, requester(appeal), words="没有收到")
        appeal.refresh_from_db()
        if appeal.holder_id is None:
            actions.accept(appeal.pk, city.milk)
        said = ["重办"] if turn == 1 else ["重办 2 次"]
        assert marks(browse, "milk-handler", "/desk/inbox", appeal) == said
        head = text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))
        assert said[0] in head.partition("case-grid")[0]


def test_returned_case_is_marked_for_the_dispatcher(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    actions.return_(appeal.pk, city.milk, why="不归我们管")
    assert marks(browse, "dispatcher", "/desk/dispatch", appeal) == ["退回"]
    assert marks(browse, "dispatcher", "/desk/cases", appeal) == ["退回"]
    actions.assign(appeal.pk, city.dispatcher, unit="food")
    assert marks(browse, "dispatcher", "/desk/cases", appeal) == []


def test_colleague_sees_the_holder_and_can_take_over(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    colleague = User.objects.create_user("colleague", password="x", display_name="李师傅")
    Post.objects.create(user=colleague, role="handler", unit=Unit.objects.get(code="milk"))
    ours, theirs = browse("milk-handler"), browse("colleague")
    assert "我在办" in text_of(ours.get("/desk/inbox"))
    holder = str(User.objects.get(username="milk-handler"))
    page = text_of(theirs.get(f"/desk/inbox?case={appeal.number}"))
    assert holder in page.partition('id="case"')[0]
    assert f"现在是 {holder} 在办" in page
    # No form is open that a colleague could send in place of the holder.
    assert not re.search(r'<details class="act[^>]* open', page)
    hand = page.partition('data-act="hand"')[2].partition("</details>")[0]
    assert 'value="colleague"' in hand
    assert 'value="milk-handler"' not in hand

    version = Appeal.objects.get(pk=appeal.pk).version
    over = {"user": "colleague", "version": version, "back": "inbox"}
    assert theirs.post(f"/desk/case/{appeal.number}/hand", over).status_code == 302
    appeal.refresh_from_db()
    assert appeal.holder_id == colleague.pk
    assert re.search(
        r'<details class="act[^>]* open', text_of(theirs.get(f"/desk/case/{appeal.number}"))
    )


def test_rating_form_is_open_on_the_callback_desk(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    handling_actions.resolve(appeal.pk, city.milk, words="已送到")
    page = text_of(browse("operator").get(f"/desk/callback?case={appeal.number}"))
    assert re.search(r'<details class="act[^>]* open\s+data-act="rate"', page)
    assert "在办</span>" not in page


def test_resolving_a_case_opens_the_next_one(browse: Browse, city: Cast) -> None:
    appeal, other = taken_milk(city), file_one(phone="+8613900000000")
    actions.sort(other.pk, city.clerk, category="milk")
    actions.assign(other.pk, city.dispatcher, unit="milk")
    client = browse("milk-handler")
    appeal.refresh_from_db()
    sent = {"words": "已送到", "version": appeal.version, "back": "inbox"}
    answer = client.post(f"/desk/case/{appeal.number}/resolve", sent, follow=True)
    assert f'id="case" data-keep-typed data-number="{other.number}"' in text_of(answer)


def test_suggested_urgency_is_listed_until_the_case_is_sorted(browse: Browse, city: Cast) -> None:
    appeal = file_one("父亲高血压，降压药只剩两天的量")
    suggest.suggest([appeal])
    row = text_of(browse("clerk").get("/desk/triage?part=rows"))
    assert "建议：紧急" in row
    actions.sort(appeal.pk, city.clerk, category="medicine", urgency=1)
    assert "建议：" not in text_of(browse("clerk").get("/desk/cases"))


def test_urgent_cases_come_first_and_each_is_listed_once(browse: Browse, city: Cast) -> None:
    calm = [file_one(f"第 {n} 盏路灯坏了", phone=f"+86139{n:08d}") for n in range(PAGE_SIZE + 2)]
    decided = file_one("老人摔倒了", urgency=3, phone="+8613700000001")
    pressing = file_one("父亲的胰岛素明天就没了", phone="+8613700000002")
    suggest.suggest([*calm, decided, pressing])
    client = browse("clerk")

    def rows(page: object) -> list[str]:
        return re.findall(r'id="row-([0-9-]+)"', text_of(page))

    page = client.get("/desk/triage?part=rows")
    first = rows(page)
    assert first[:3] == [decided.number, pressing.number, calm[0].number]
    more = re.search(r'hx-get="\?part=rows&amp;after=([^"&]+)', text_of(page))
    assert more is not None
    both = first + rows(client.get(f"/desk/triage?part=rows&after={unquote(more[1])}"))
    assert sorted(both) == sorted(each.number for each in [*calm, decided, pressing])


def test_sorting_opens_the_following_case_of_the_list(browse: Browse, city: Cast) -> None:
    cases = [file_one(phone=f"+86139{n:08d}") for n in range(4)]
    sent = {"category": "milk", "version": 1, "back": "triage", "then": cases[2].number}
    answer = browse("clerk").post(f"/desk/case/{cases[1].number}/sort", sent, follow=True)
    assert f'data-number="{cases[2].number}"' in text_of(answer)


def test_released_case_is_marked_until_accepted_or_reassigned(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    actions.release(appeal.pk, city.milk, why="车坏了")
    assert marks(browse, "milk-handler", "/desk/inbox", appeal) == ["放回"]
    actions.accept(appeal.pk, city.milk)
    assert marks(browse, "milk-handler", "/desk/inbox", appeal) == []
    actions.release(appeal.pk, city.milk, why="下班")
    actions.assign(appeal.pk, city.dispatcher, unit="food", why="奶粉组没有人")
    assert marks(browse, "food-handler", "/desk/inbox", appeal) == []


def test_answered_supervision_is_marked_until_the_next_demand(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    until = timezone.now() + timedelta(days=2)

    def page() -> str:
        return text_of(browse("supervisor").get("/desk/oversight"))

    oversight_actions.supervise(appeal.pk, city.commander, until=until, why="说明原因")
    assert "督办，已回复" not in page()
    oversight_actions.account(appeal.pk, city.milk, why="货在路上")
    assert "督办，已回复" in page()
    oversight_actions.supervise(appeal.pk, city.commander, until=until, why="到了没有")
    assert "督办，已回复" not in page()


def test_clerk_accounts_for_a_supervised_case_before_sorting(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    until = timezone.now() + timedelta(days=2)
    oversight_actions.supervise(appeal.pk, city.commander, until=until, why="为什么没有研判")
    clerk = browse("clerk")
    answer = clerk.post(f"/desk/case/{appeal.number}/account", {"why": "正在核实"}, follow=True)
    assert f"{appeal.number}：已回复督办" in text_of(answer)
    assert not appeal.clocks.filter(kind="account", stopped_at=None).exists()


def test_resolve_form_asks_for_a_reason_while_help_is_pending(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    until = timezone.now() + timedelta(days=2)
    asked = "食品组还没有回复协办，不等的理由"
    assert asked not in text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))
    oversight_actions.invite(appeal.pk, city.milk, unit="food", until=until, why="借车")
    assert asked in text_of(browse("milk-handler").get(f"/desk/case/{appeal.number}"))
