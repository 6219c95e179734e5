"""A requester with a small phone and a bad network: nothing is lost or filed twice."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests import browser_checks
from tests.cast import Cast, file_one, taken_milk
from tests.conftest import DESK, PHONE
from tests.live import Live
from yinghu.appeals import closing_actions, handling_actions
from yinghu.appeals.models import Appeal, Attachment
from yinghu.common import photos
from yinghu.common.privacy.opening import unseal
from yinghu.intake.models import Code
from yinghu.people.access import requester_of
from yinghu.places.models import Area

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
WORDS = "我父亲高血压的药只够明天一天了，请帮忙到中心医院配药。"


def photo(name: str, size: tuple[int, int], turned: bool = False) -> FilePayload:
    """A JPEG as from a phone: noisy, so that it is large; `turned` sets an EXIF rotation."""
    picture = Image.effect_noise(size, 60).convert("RGB")
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95, exif=exif)
    return {"name": name, "mimeType": "image/jpeg", "buffer": out.getvalue()}


def filed(page: Page) -> Appeal:
    """Wait for the page after filing; return the only appeal."""
    expect(page).to_have_url(re.compile(r"/t/[^/]+/filed$"))
    return Appeal.objects.get()


def drafts(page: Page) -> int:
    found: int = page.evaluate(
        "Object.keys(localStorage).filter(key => key.startsWith('yinghu-draft:')).length"
    )
    return found


def test_offline_filing_is_kept_and_sent_once_online(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.goto("/p/xiuhu")
    page.fill("[name=words]", WORDS)
    page.fill("[name=phone]", "13812345678")
    page.set_input_files("[name=photos]", [photo("药盒.jpg", (2400, 1800))])
    expect(page.locator(".strip li")).to_have_count(1)
    page.context.set_offline(True)
    page.click("#pick-food")
    expect(page.locator("#tray")).to_contain_text("这一类的问题暂时显示不出来")
    expect(page.locator("#pick-food")).to_have_attribute("aria-pressed", "true")
    page.click("button.send")
    expect(page.locator("#tray")).to_contain_text("一有网络就自动提交")
    browser_checks.no_violations(page)
    browser_checks.fits(page)
    # The form can be completed while it waits.
    page.fill("[name=where]", "3号楼501")
    page.click("#tray [data-again]")
    expect(page.locator("#tray")).to_contain_text("一有网络就自动提交")
    assert Appeal.objects.count() == 0
    page.context.set_offline(False)
    appeal = filed(page)
    assert (appeal.body, unseal(appeal.address)) == (WORDS, "3号楼501")
    assert appeal.category_id == "food"
    assert appeal.attachments.count() == 1
    assert drafts(page) == 0
    # Going back shows the form as it was; sending it again files no second appeal.
    page.go_back()
    expect(page.locator("#tray")).to_contain_text("已经提交过了")
    expect(page.locator("[name=words]")).to_have_value(WORDS)
    page.click("button.send")
    filed(page)
    expect(page.locator("#messages")).to_contain_text("没有重复登记")
    # The next appeal starts with an empty form.
    page.click("text=再提一件")
    expect(page.locator("[name=words]")).to_have_value("")


def test_lost_response_creates_no_second_appeal(live: Live, live_city: Cast, page: Page) -> None:
    page.goto("/p/xiuhu")
    lost: list[int] = []

    def swallow(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.fetch(max_redirects=0).status)
        route.abort("connectionreset")

    page.route("**/p/xiuhu", swallow)
    page.fill("[name=words]", WORDS)
    page.dblclick("button.send")
    expect(page.locator("#tray")).to_contain_text("正在自动再试")
    assert lost == [201]
    # The user closes the page and opens it again.
    again = page.context.new_page()
    page.close()
    again.goto("/p/xiuhu")
    expect(again.locator("#tray")).to_contain_text("已经放回来了")
    expect(again.locator("[name=words]")).to_have_value(WORDS)
    again.click("button.send")
    filed(again)
    expect(again.locator("#messages")).to_contain_text("已经提交过了")


def test_draft_survives_page_and_language_but_not_two_days(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.goto("/file")
    page.fill("[name=words]", WORDS)
    page.click("#pick-medicine")
    page.get_by_label("中心医院", exact=True).check()
    page.fill("[name=q_medicine]", "缬沙坦 80mg")
    page.fill("[name=phone]", "13812345678")
    context = page.context
    page.close()
    page = context.new_page()
    page.goto("/file")
    expect(page.locator("#tray")).to_contain_text("已经放回来了")
    expect(page.locator("[name=words]")).to_have_value(WORDS)
    expect(page.locator("[name=q_medicine]")).to_have_value("缬沙坦 80mg")
    expect(page.get_by_label("中心医院", exact=True)).to_be_checked()
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Ask for help")
    expect(page.locator("[name=words]")).to_have_value(WORDS)
    expect(page.locator("[name=q_medicine]")).to_have_value("缬沙坦 80mg")
    expect(page.locator("#pick-medicine")).to_have_attribute("aria-pressed", "true")

    page.click("#tray [data-clear]")
    expect(page.locator("[name=words]")).to_have_value("")
    assert drafts(page) == 0
    page.fill("[name=words]", WORDS)
    assert drafts(page) == 1
    page.goto("/find")
    page.evaluate(
        """for (const key of Object.keys(localStorage)) if (key.startsWith("yinghu-draft:")) {
             const draft = JSON.parse(localStorage[key]);
             draft.at -= 2 * 86400e3;
             localStorage[key] = JSON.stringify(draft);
           }"""
    )
    # Any page removes expired drafts, not only the page of the form.
    page.goto("/")
    assert drafts(page) == 0


def test_two_tabs_share_one_form_and_one_appeal(live: Live, live_city: Cast, page: Page) -> None:
    page.goto("/p/xiuhu")
    page.fill("[name=words]", WORDS)
    second = page.context.new_page()
    second.goto("/p/xiuhu")
    expect(second.locator("[name=words]")).to_have_value(WORDS)
    page.click("button.send")
    filed(page)
    second.click("button.send")
    filed(second)
    expect(second.locator("#messages")).to_contain_text("没有重复登记")


def test_language_switch_keeps_the_input(live: Live, live_city: Cast, page: Page) -> None:
    appeal = taken_milk(live_city)
    page.goto(f"/t/{appeal.token}")
    page.get_by_text("补充情况").click()
    page.fill("#supply-words", "是一段，不是二段")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#supply-words")).to_be_visible()
    expect(page.locator("#supply-words")).to_have_value("是一段，不是二段")
    page.set_input_files("form[action$=supply] [name=photos]", [photo("罐.jpg", (2000, 1000))])
    expect(page.locator(".strip li")).to_have_count(1)
    page.click("form[action$=supply] button[type=submit]")
    expect(page.locator(".story")).to_contain_text("是一段，不是二段")
    expect(page.locator(".story img")).to_have_count(1)
    # A sent text is not offered again.
    page.reload()
    expect(page.locator("#supply-words")).to_have_value("")
    page.goto("/find")
    page.fill("[name=number]", "0000-0001")
    page.fill("[name=phone]", "13812345678")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("[name=number]")).to_have_value("0000-0001")
    expect(page.locator("[name=phone]")).to_have_value("13812345678")
    # The phone number is not kept for the next user of this computer.
    page.goto("/find")
    expect(page.locator("[name=phone]")).to_have_value("")


def test_invalid_or_expired_form_keeps_words_and_photos(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.goto("/p/xiuhu?category=medical")
    page.get_by_label("透析", exact=True).check()
    page.fill("[name=words]", "明天透析没有车")
    page.fill("[name=phone]", "12")
    page.set_input_files("[name=photos]", [photo("证明.jpg", (300, 200))])
    page.click("button.send")
    expect(page.locator(".wrong")).to_contain_text("这个号码打不通")
    expect(page.locator("[name=phone]")).to_be_focused()
    expect(page.locator(".strip li")).to_have_count(1)
    assert Appeal.objects.count() == 0
    # The form was open for so long that the cookies have expired.
    page.context.clear_cookies()
    page.fill("[name=phone]", "13812345678")
    page.click("button.send")
    appeal = filed(page)
    assert "透析" in appeal.answers.values()
    assert appeal.attachments.count() == 1


def test_all_errors_are_shown_at_once_without_field_icons(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.goto("/p/xiuhu")
    page.click("button.send")
    expect(page.locator("#f-words-error")).to_contain_text("请写几个字")
    page.fill("[name=words]", "路灯坏了")
    expect(page.locator(".wrong")).to_have_count(0)
    page.fill("[name=words]", "")
    page.goto("/p/xiuhu?category=medical")
    page.fill("[name=phone]", "12")
    page.click("button.send")
    expect(page.locator("#f-q_reason-error")).to_contain_text("请回答这一项")
    expect(page.locator("#f-phone-error")).to_contain_text("这个号码打不通")
    expect(page.locator("[name=phone]")).to_have_css("background-image", "none")
    browser_checks.no_violations(page)
    # An answer is enough without words.
    page.get_by_label("透析", exact=True).check()
    page.fill("[name=phone]", "")
    page.click("button.send")
    assert filed(page).body == "就医：就医原因 透析"


def test_photos_are_resized_turned_upright_and_removable(
    live: Live, live_city: Cast, page: Page
) -> None:
    page.goto("/p/xiuhu")
    page.fill("[name=words]", WORDS)
    big = photo("横着拍.jpg", (3000, 2000), turned=True)
    page.set_input_files("[name=photos]", [big, photo("错的.jpg", (200, 100))])
    expect(page.locator(".strip li")).to_have_count(2)
    # A second selection adds to the first.
    page.set_input_files("[name=photos]", [photo("还有.jpg", (200, 100))])
    expect(page.locator(".strip li")).to_have_count(3)
    page.get_by_role("button", name="去掉这张照片 2").click()
    expect(page.locator(".strip li")).to_have_count(2)
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    inside = page.evaluate(
        """Promise.all(Array.from(document.querySelector("[name=photos]").files, (file) =>
             createImageBitmap(file).then((b) => [file.name, b.width, b.height, file.size])))"""
    )
    assert [each[:3] for each in inside] == [["横着拍.jpg", 1067, 1600], ["还有.jpg", 200, 100]]
    assert inside[0][3] < len(big["buffer"]) / 3
    too_many = [photo(f"{n}.jpg", (60, 40)) for n in range(photos.MAX_PHOTOS)]
    page.set_input_files("[name=photos]", too_many)
    expect(page.locator(".strip li")).to_have_count(photos.MAX_PHOTOS)
    expect(page.locator("#tray")).to_contain_text("多出来的没有加进来")
    page.click("button.send")
    filed(page)
    sizes = list(Attachment.objects.order_by("id").values_list("width", "height"))
    assert sizes == [(1067, 1600), (200, 100), *[(60, 40)] * 4]


def test_position_is_shown_and_filed_with_the_appeal(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    area = Area.objects.get(pk="330782001004001")
    assert area.lon is not None
    assert area.lat is not None
    here = {"longitude": area.lon, "latitude": area.lat, "accuracy": 30}
    page = open_page(PHONE, geolocation=here, permissions=["geolocation"])
    page.goto("/file")
    page.fill("[name=words]", WORDS)
    page.get_by_role("button", name="用我的位置").click()
    expect(page.locator(".where-found")).to_contain_text(area.name)
    expect(page.locator(".where-found")).to_contain_text("误差约 30 米")
    page.get_by_role("button", name="在地图上指").click()
    expect(page.locator("#where-map .pin-me")).to_be_visible()
    browser_checks.no_violations(page)
    page.click("button.send")
    appeal = filed(page)
    assert str(appeal.area_id).startswith(area.pk)
    assert appeal.lon == pytest.approx(area.lon)
    assert appeal.lat == pytest.approx(area.lat)

    # Without permission, the page asks for the location in words or on the map.
    shy = open_page(PHONE)
    shy.goto("/file")
    shy.get_by_role("button", name="用我的位置").click()
    expect(shy.locator(".where-found")).to_contain_text("请写地点，或在地图上指")
    browser_checks.taps(shy)


def test_requester_lists_own_cases_by_phone_code(
    live: Live, live_city: Cast, page: Page, open_page: OpenPage
) -> None:
    mine = [file_one(f"第{n}次求助，家里断粮了") for n in range(22)]
    other = file_one("别人的事", phone="+8613900001111")
    page.goto("/")
    page.get_by_text("用手机验证码查").click()
    page.fill("[name=phone]", "138 1234 5678")
    page.click("text=发验证码")
    code = page.locator(".demo-code b").inner_text()
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    page.fill("[name=code]", "000000" if code != "000000" else "111111")
    page.click("text=看我的诉求")
    expect(page.locator(".wrong")).to_contain_text("验证码不对")
    page.fill("[name=code]", f"{code[:3]} {code[3:]}")
    page.click("text=看我的诉求")
    expect(page.locator("h1")).to_have_text("我提过的")
    expect(page.locator(".mine li")).to_have_count(20)
    assert mine[-1].number in page.locator(".mine li").first.inner_text()
    assert other.number not in page.content()
    browser_checks.no_violations(page)
    browser_checks.taps(page)
    browser_checks.fits(page)
    page.click("text=更早的")
    expect(page.locator(".mine li")).to_have_count(2)
    page.locator(".mine a").last.click()
    expect(page).to_have_url(re.compile(re.escape(mine[0].token)))
    page.goto("/mine")
    page.click("text=看完了，退出")
    page.goto("/mine")
    expect(page.locator("[name=phone]")).to_be_visible()
    assert Code.objects.get().used_at is not None


def test_clock_fits_its_box_in_large_type(live: Live, live_city: Cast, page: Page) -> None:
    appeal = taken_milk(live_city)
    handling_actions.resolve(appeal.pk, live_city.milk, words="送到了")
    page.goto(f"/t/{appeal.token}")
    page.get_by_role("button", name="大字").click()
    expect(page.locator(".facts-list .clock")).to_be_visible()
    beyond = """Array.from(document.querySelectorAll(".facts-list dd"), (box) =>
        box.scrollWidth - box.clientWidth).filter((much) => much > 0)"""
    assert page.evaluate(beyond) == []


def test_large_type_stays_and_page_is_read_aloud(live: Live, live_city: Cast, page: Page) -> None:
    page.goto("/p/xiuhu")
    before = page.locator("h1").bounding_box()
    page.get_by_role("button", name="大字").click()
    after = page.locator("h1").bounding_box()
    assert before is not None
    assert after is not None
    assert after["height"] > before["height"]
    for address in ("/", "/p/xiuhu?category=medicine", "/mine", "/find"):
        page.goto(address)
        assert "large" in (page.locator("html").get_attribute("class") or "")
        browser_checks.fits(page)
        browser_checks.taps(page)
    aloud = page.get_by_role("button", name="朗读")
    aloud.click()
    # Headless browsers have no voice, and the page says so; others speak.
    spoken = page.locator('[data-aloud][aria-pressed="true"], #tray:has-text("读不出来")')
    expect(spoken).to_be_visible()


def test_first_visit_is_light_and_contacts_no_other_host(
    live: Live, live_city: Cast, open_page: OpenPage
) -> None:
    appeal = file_one()
    for address in ("/", "/p/xiuhu", f"/t/{appeal.token}", f"/t/{appeal.token}/filed", "/mine"):
        page = open_page(PHONE)
        counted = browser_checks.sent(page)
        browser_checks.watch_shifts(page)
        page.goto(address, wait_until="load")
        page.wait_for_function("document.querySelector('[data-large]').ariaPressed === 'false'")
        browser_checks.shifts(page)
        page.wait_for_function("performance.getEntriesByType('resource').length >= 6")
        assert counted.hosts == {live.url.removeprefix("http://")}
        assert 30_000 < counted.bytes < 90_000, (address, counted.by_url)
        page.close()


def cases(city: Cast) -> dict[str, str]:
    """Addresses of citizens' pages by name, with cases in the states that look different."""
    fresh, held, done = file_one(), taken_milk(city), taken_milk(city)
    handling_actions.report(held.pk, city.milk, words="正在路上，十分钟后到")
    handling_actions.urge(held.pk, requester_of(held.pk), words="快一点")
    handling_actions.resolve(done.pk, city.milk, words="已送到小区门口，家属签收")
    gone = file_one("不需要了的事")
    closing_actions.withdraw(gone.pk, requester_of(gone.pk))
    return {
        "start": "/",
        "file": "/p/hospital-central?category=medicine",
        "unknown": "/p/nowhere",
        "find": "/find",
        "mine": "/mine",
        "filed": f"/t/{fresh.token}/filed",
        "fresh": f"/t/{fresh.token}",
        "held": f"/t/{held.token}",
        "done": f"/t/{done.token}",
        "gone": f"/t/{gone.token}",
    }


@pytest.mark.parametrize(
    ("look", "size"),
    [
        ({"color_scheme": "light"}, PHONE),
        ({"color_scheme": "dark", "locale": "en-US"}, PHONE),
        ({"color_scheme": "dark"}, DESK),
    ],
    ids=["zh-light", "en-dark", "desk-dark"],
)
def test_citizen_pages_are_accessible(
    live: Live, live_city: Cast, open_page: OpenPage, look: dict[str, str], size: dict[str, int]
) -> None:
    page = open_page(size, **look)
    browser_checks.watch_shifts(page)
    addresses = list(cases(live_city).values())
    # Dark pages share their styles: one in two on the phone, the others on the desk.
    others = {"color_scheme": "dark"} if size is DESK else {}
    part = slice(None) if look == {"color_scheme": "light"} else slice(1 if others else 0, None, 2)
    for address in addresses[part]:
        page.goto(address)
        browser_checks.shifts(page)
        for details in page.locator("main details").all():
            details.evaluate("part => { part.open = true }")
        if look == {"color_scheme": "light"}:
            browser_checks.no_violations(page)
        else:
            # The structure is the same with another theme or language.
            browser_checks.no_visual_violations(page)
        browser_checks.fits(page)
        if size is PHONE:
            browser_checks.taps(page)
            page.evaluate("document.documentElement.dir = 'rtl'")
            browser_checks.fits(page)
            browser_checks.taps(page)
            browser_checks.no_visual_violations(page)
