"""The list of one's own notifications, and failed deliveries for administrators."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from tests.cast import PHONE, Cast, file_one, requester, taken_milk
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Appeal
from yinghu.notifications.models import Delivery, Notification
from yinghu.notifications.texts import notification_text, units_of
from yinghu.people.models import Post, User
from yinghu.reactions import react
from yinghu.ui.pagination import PAGE_SIZE

LIST = "/desk/notices"


def urged(city: Cast, **given: Any) -> tuple[Appeal, Notification]:
    """An urged case and the notification of its holder."""
    appeal = taken_milk(city)
    event = handling_actions.urge(appeal.pk, requester(appeal), **given)
    react(events=[event.pk])
    return appeal, Notification.objects.get(event=event)


def shown(page: Any) -> list[str]:
    return [
        " ".join(re.sub(r"<[^>]+>", "", said).split())
        for said in re.findall(r'class="notice-said">(.*?)</span>\n', text_of(page), re.S)
    ]


def count_of(page: Any) -> str:
    found = re.search(r'class="bell-count">([0-9+]+)', text_of(page))
    return found[1] if found else ""


def test_notification_tells_the_event_and_opens_the_case(browse: Browse, city: Cast) -> None:
    appeal, notice = urged(city)
    client = browse("milk-handler")
    page = client.get(LIST)
    assert shown(page) == ["未读：诉求人催办"]
    assert "您在办" in text_of(page)
    assert appeal.number in text_of(page)
    assert count_of(page) == "1"
    opened = client.get(f"{LIST}/{notice.pk}")
    assert opened["Location"] == f"/desk/case/{appeal.number}"
    notice.refresh_from_db()
    assert notice.read_at is not None
    assert shown(client.get(LIST)) == ["诉求人催办"]
    assert count_of(client.get(LIST)) == ""
    assert shown(client.get(f"{LIST}?unread=1")) == []


def test_requesters_words_are_in_the_list_but_not_in_mails(browse: Browse, city: Cast) -> None:
    _appeal, notice = urged(city, words="孩子饿了一天，打 13800001111")
    page = text_of(browse("milk-handler").get(LIST))
    assert "“孩子饿了一天，打" in page
    assert "13800001111" not in page
    assert "孩子" not in notification_text(notice, units_of([notice]))


def test_list_opens_in_english(browse: Browse, city: Cast) -> None:
    urged(city)
    client = browse("milk-handler")
    client.post("/i18n/setlang/", {"language": "en"})
    assert client.get(LIST).status_code == 200


def test_list_shows_no_name_and_no_phone(browse: Browse, city: Cast) -> None:
    appeal = file_one(f"请打 {PHONE[3:]} 找我，没有奶粉了")
    actions.sort(appeal.pk, city.clerk, category="milk")
    react(events=[actions.assign(appeal.pk, city.dispatcher, unit="milk").pk])
    said = text_of(browse("milk-handler").get(LIST))
    assert "没有奶粉了" in said
    assert PHONE[3:] not in said
    assert "王小明" not in said


def test_volunteers_notification_opens_the_task(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    react(events=[actions.hand(appeal.pk, city.milk, user="volunteer").pk])
    client = browse("volunteer")
    notice = Notification.objects.get()
    assert shown(client.get(LIST)) == ["未读：奶粉组小李把这件诉求转给您办"]
    assert client.get(f"{LIST}/{notice.pk}")["Location"] == f"/field/{appeal.number}"


def test_notification_of_a_reassigned_case_hides_its_content(browse: Browse, city: Cast) -> None:
    appeal, notice = urged(city)
    actions.assign(appeal.pk, city.dispatcher, unit="food")
    client = browse("milk-handler")
    said = text_of(client.get(LIST))
    assert "已不在您这里" in said
    assert "奶粉了" not in said
    assert client.get(f"{LIST}/{notice.pk}")["Location"] == LIST
    assert "这件诉求已经不在您这里了" in text_of(client.get(LIST))


def test_notifications_of_others_cannot_be_read_or_marked(browse: Browse, city: Cast) -> None:
    _appeal, notice = urged(city)
    for attacker in ("food-handler", "admin", "commander"):
        client = browse(attacker)
        assert client.get(f"{LIST}/{notice.pk}").status_code == 404
        client.post(f"{LIST}/read", {"until": str(notice.pk + 1000)})
        assert shown(client.get(LIST)) == []
        assert count_of(client.get(f"{LIST}/bell")) == ""
    stranger = browse()
    for path in (LIST, f"{LIST}/bell", f"{LIST}/{notice.pk}", f"{LIST}/failed"):
        assert stranger.get(path)["Location"].startswith("/accounts/login/")
    assert stranger.post(f"{LIST}/read", {"until": "999999"}).status_code == 401
    notice.refresh_from_db()
    assert notice.read_at is None


def test_marking_read_leaves_newer_notifications_unread(browse: Browse, city: Cast) -> None:
    _appeal, before = urged(city)
    _appeal, after = urged(city)
    client = browse("milk-handler")
    said = client.post(f"{LIST}/read", {"until": str(before.pk)}, follow=True)
    assert "1 条已标为已读" in text_of(said)
    before.refresh_from_db()
    after.refresh_from_db()
    assert before.read_at is not None
    assert after.read_at is None


@pytest.mark.parametrize("until", ["", "x", "-1", "٣", "9" * 30, "1.5"])
def test_invalid_read_mark_changes_nothing(browse: Browse, city: Cast, until: str) -> None:
    _appeal, notice = urged(city)
    client = browse("milk-handler")
    said = client.post(f"{LIST}/read", {"until": until}, follow=True)
    assert "没有说到哪一条为止" in text_of(said)
    notice.refresh_from_db()
    assert notice.read_at is None
    assert client.get(f"{LIST}/read").status_code == 405
    assert client.get(f"{LIST}?before={until}").status_code == 200


def test_pagination_has_no_gaps_and_no_repeats(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    user = User.objects.get(username="milk-handler")
    events = [
        handling_actions.report(appeal.pk, city.milk, words=f"第{n}次")
        for n in range(PAGE_SIZE + 5)
    ]
    Notification.objects.bulk_create(
        Notification(user=user, event=event, appeal=appeal, reason="holder") for event in events
    )
    client = browse("milk-handler")
    first = text_of(client.get(LIST))
    ids = re.findall(r'id="notice-(\d+)"', first)
    more = re.search(r'href="\?before=(\d+)"', first)
    assert more is not None
    rest = text_of(client.get(f"{LIST}?before={more[1]}"))
    ids += re.findall(r'id="notice-(\d+)"', rest)
    newest_first = Notification.objects.order_by("-id").values_list("pk", flat=True)
    assert ids == [str(pk) for pk in newest_first]
    assert 'href="?before=' not in rest


def test_bell_counts_all_unread(browse: Browse, city: Cast) -> None:
    appeal = taken_milk(city)
    user = User.objects.get(username="milk-handler")
    events = [handling_actions.report(appeal.pk, city.milk, words=f"第{n}次") for n in range(103)]
    Notification.objects.bulk_create(
        Notification(user=user, event=event, appeal=appeal, reason="holder") for event in events
    )
    assert count_of(browse("milk-handler").get(f"{LIST}/bell")) == "103"


def failed_one(city: Cast) -> Delivery:
    _appeal, notice = urged(city)
    Delivery.objects.filter(notification=notice).delete()
    return Delivery.objects.create(
        notification=notice,
        transport="email",
        state="failed",
        attempts=6,
        tried_at=timezone.now(),
        error="451 <come back later>",
    )


def test_administrators_see_and_retry_failed_deliveries(browse: Browse, city: Cast) -> None:
    delivery = failed_one(city)
    client = browse("admin")
    said = text_of(client.get(f"{LIST}/failed"))
    assert "451 &lt;come back later&gt;" in said
    assert "奶粉组小李" in said
    assert "奶粉了" not in said
    done = client.post(f"{LIST}/again", {"delivery": str(delivery.pk)}, follow=True)
    assert "1 条已重新排队" in text_of(done)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("queued", 0)
    again = client.post(f"{LIST}/again", follow=True)
    assert "0 条已重新排队" in text_of(again)
    assert "都送到了" in text_of(again)


@pytest.mark.parametrize("delivery", ["x", "9" * 30])
def test_retry_of_an_unknown_delivery_is_refused(browse: Browse, city: Cast, delivery: str) -> None:
    kept = failed_one(city)
    said = browse("admin").post(f"{LIST}/again", {"delivery": delivery}, follow=True)
    assert "没有这条记录" in text_of(said)
    kept.refresh_from_db()
    assert kept.state == "failed"


def test_other_roles_cannot_see_or_retry_failed_deliveries(browse: Browse, city: Cast) -> None:
    delivery = failed_one(city)
    for attacker in ("milk-handler", "commander", "volunteer"):
        client = browse(attacker)
        assert client.get(f"{LIST}/failed").status_code == 403
        post = client.post(f"{LIST}/again", {"delivery": str(delivery.pk)})
        assert post.status_code == 403
    delivery.refresh_from_db()
    assert delivery.state == "failed"


def test_login_without_an_active_post_has_no_notifications(browse: Browse, city: Cast) -> None:
    _appeal, notice = urged(city)
    client = browse("milk-handler")
    Post.objects.filter(user__username="milk-handler").update(active=False)
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}/{notice.pk}").status_code == 403
