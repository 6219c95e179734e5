"""Requesters without a phone: told what that means, and able to leave a phone or address later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import PHONE, Cast, dispatched, file_one
from tests.web.conftest import Browse, form_of, text_of
from yinghu.appeals import actions
from yinghu.appeals.models import Appeal, Event
from yinghu.common.privacy.opening import unseal
from yinghu.people.models import User
from yinghu.reactions import react

NUMBER = "139 0000 1111"
E164 = "+8613900001111"
DOOR = "3幢二单元 501"


def leave(client: Any, appeal: Appeal, **typed: str) -> Any:
    return client.post(f"/t/{appeal.token}/leave_contact", typed)


def test_filing_without_phone_says_what_that_means(browse: Browse, city: Cast) -> None:
    client = browse()
    assert "我们就没法打电话给您" in text_of(client.get("/file"))
    hidden = form_of(client)
    filed = client.post("/file", hidden | {"words": "楼下路灯坏了", "phone": ""}, follow=True)
    said = text_of(filed)
    assert "您没有留电话" in said
    appeal = Appeal.objects.get()
    link = f"/t/{appeal.token}?open=leave_contact#act-leave_contact"
    assert f'href="{link}"' in said
    page = text_of(client.get(link.partition("#")[0]))
    assert '<details class="act" id="act-leave_contact" open>' in page
    told = file_one(phone=PHONE)
    for path in ("", "/filed"):
        assert "您没有留电话" not in text_of(client.get(f"/t/{told.token}{path}"))


def test_phone_and_address_left_later_are_sealed_and_reach_the_holder(
    browse: Browse, city: Cast
) -> None:
    appeal = dispatched(file_one(phone="", name=""), city)
    actions.accept(appeal.pk, city.milk)
    client = browse()
    assert leave(client, appeal, phone=NUMBER, address=DOOR).status_code == 302
    appeal.refresh_from_db()
    assert (unseal(appeal.phone), unseal(appeal.address)) == (E164, DOOR)
    event = appeal.events.get(verb="leave_contact")
    assert (event.words, event.facts) == ("", {"added": ["phone", "address"]})
    react([event.pk])
    told = event.notifications.values_list("user__username", flat=True)
    assert list(told) == ["milk-handler"]
    holder = text_of(browse("milk-handler").get(f"/field/{appeal.number}"))
    assert f"tel:{E164}" in holder
    assert DOOR in holder
    desk = text_of(browse("commander").get(f"/desk/case/{appeal.number}"))
    assert "补留了电话和地址" in desk
    assert NUMBER not in desk
    # The number now finds the case, as one given at filing does.
    found = client.post("/find", {"number": appeal.number, "phone": NUMBER})
    assert found["Location"] == f"/t/{appeal.token}"
    assert "act-leave_contact" not in text_of(client.get(f"/t/{appeal.token}"))


def test_phone_with_extension_is_kept_as_written(browse: Browse, city: Cast) -> None:
    appeal = file_one(phone="")
    client = browse()
    written = "0571-88888888-801"
    assert leave(client, appeal, phone=written).status_code == 302
    appeal.refresh_from_db()
    # An extension may be another person, so it tells of nobody's other cases.
    assert (unseal(appeal.phone), appeal.caller) == (written, None)
    # A second press of the same form is not refused, and adds nothing.
    assert leave(client, appeal, phone=written).status_code == 302
    assert appeal.events.filter(verb="leave_contact").count() == 1
    found = client.post("/find", {"number": appeal.number, "phone": written})
    assert found["Location"] == f"/t/{appeal.token}"


def test_what_is_known_is_not_replaced(browse: Browse, city: Cast) -> None:
    appeal = file_one()
    client = browse()
    page = text_of(client.get(f"/t/{appeal.token}"))
    assert 'id="leave_contact-address"' in page
    assert 'id="leave_contact-phone"' not in page
    refused = leave(client, appeal, phone=NUMBER)
    assert refused.status_code == 409
    assert "已经留过了" in text_of(refused)
    appeal.refresh_from_db()
    assert unseal(appeal.phone) == PHONE
    assert leave(client, appeal, address=DOOR).status_code == 302
    # A second press of the same form is not refused, and adds nothing.
    assert leave(client, appeal, address=DOOR).status_code == 302
    assert leave(client, appeal, address="4幢").status_code == 409
    assert appeal.events.filter(verb="leave_contact").count() == 1


@pytest.mark.parametrize(
    ("typed", "status", "said"),
    [
        ({"phone": "12"}, 422, "这个号码打不通"),
        ({"phone": "", "address": " "}, 422, "请写电话或者地址"),
        ({"address": "长" * 201}, 422, "200"),
    ],
)
def test_unusable_contact_is_refused_beside_its_field(
    browse: Browse, city: Cast, typed: dict[str, str], status: int, said: str
) -> None:
    appeal = file_one(phone="")
    answer = leave(browse(), appeal, **typed)
    assert (answer.status_code, said in text_of(answer)) == (status, True)
    assert not Event.objects.filter(verb="leave_contact").exists()


def test_contact_cannot_be_left_by_staff_nor_after_the_end(browse: Browse, city: Cast) -> None:
    appeal = file_one(phone="")
    assert User.objects.filter(username="clerk").exists()
    staff = browse("clerk").post(f"/desk/case/{appeal.number}/leave_contact", {"phone": NUMBER})
    assert staff.status_code in (403, 404)
    client = browse()
    fresh = Appeal.objects.get(pk=appeal.pk)
    client.post(f"/t/{appeal.token}/withdraw", {"version": fresh.version})
    assert leave(client, appeal, phone=NUMBER).status_code == 409
