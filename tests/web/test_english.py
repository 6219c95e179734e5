"""No Chinese on English pages: in a city whose own data is in English, and of the demo city only
what has no English name (people and places).
"""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from pytest_django import Settings

from tests.cast import Cast, file_one
from tests.errands.errands import helper, hospital, legs_of, proof, react_to
from tests.web.conftest import Browse, text_of
from yinghu.appeals import actions, handling_actions
from yinghu.appeals.models import Category, ReplyTemplate
from yinghu.errands import leg_actions
from yinghu.people.models import Change, Unit, User
from yinghu.places.models import Area, AreaAlias, Place
from yinghu.routing.models import RoutingRule
from yinghu.triage.models import Suggestion

CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
"""Chinese characters and punctuation; “” … — are used in both languages."""

NOT_SAID = re.compile(
    # Language names, text marked as Chinese, and words used only for searching.
    r'<option value="zh-hans"[^>]*>[^<]*|<[^>]* lang="zh[^>]*>[^<]*|data-(words|initials)="[^"]*"'
    r"|<!--.*?-->|<script.*?</script>",
    re.S,
)


def upload(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("table.csv", data, "text/csv")


SETUP = ("area", "unit", "user", "post", "category", "limit", "rule", "place", "reply")
"""All configuration types except the city's texts, which are shown in both languages."""
PAGES = {
    "": ("/", "/file", "/file?category=medicine", "/find", "/mine", "/p/xiuhu", "{track}"),
    "clerk": ("/desk/triage", "/desk/callback", "/desk/cases", "/desk/case/{number}"),
    "dispatcher": (
        "/desk/dispatch",
        "/desk/try",
        "/setup/rule/",
        "/desk/cases?status=filed&late=1",
    ),
    "milk-handler": ("/desk/inbox", "/desk/case/{number}", "/field"),
    "volunteer": ("/field", "/field/-/map", "/field/-/done"),
    "commander": ("/board?period=all", "/board?wall=1"),
    "admin": (
        *("/setup/", "/setup/guide", "/setup/history", "/setup/place/-/sheet?code=xiuhu"),
        *(f"/setup/{kind}/" for kind in SETUP),
        *(f"/setup/{kind}/-/import" for kind in SETUP),
        *(f"/setup/{kind}/-/new" for kind in SETUP),
        *("/setup/area/330782", "/setup/unit/milk", "/setup/unit/milk/retire"),
        *("/setup/area/330782008/retire", "/setup/category/medicine/retire"),
        *("/setup/user/clerk", "/setup/user/milk-handler/retire", "/setup/category/medicine"),
        *("/setup/place/xiuhu", "/setup/place/xiuhu/retire", "/setup/limit/:1"),
        *("/setup/reply/{reply}", "/setup/rule/{rule}", "/setup/rule/{rule}/retire"),
        "/setup/unit/milk/history",
    ),
}


@pytest.fixture
def english(city: Cast, settings: Settings) -> dict[str, Any]:
    """The small city with English data only, and a case in hand."""
    settings.DEMO = False  # its cast has Chinese names
    appeal = file_one("Help, please", name="Wang", category="medicine")
    actions.sort(appeal.pk, city.clerk, category="medicine")
    actions.assign(appeal.pk, city.dispatcher, unit="milk", why="why")
    actions.accept(appeal.pk, city.milk)
    handling_actions.report(appeal.pk, city.milk, words="under way")
    file_one("Help, please", name="Li")
    Area.objects.update(name=F("code"))
    AreaAlias.objects.all().delete()
    Unit.objects.update(name=F("code"))
    Place.objects.update(name=F("code"), address="")
    User.objects.update(display_name=F("username"))
    ReplyTemplate.objects.update(name="reply", words="Hello")
    RoutingRule.objects.filter(field="hospital").update(field="", value="")
    Suggestion.objects.update(why=[])
    for category in Category.objects.all():
        for question in category.questions:
            question["label"] = question["label_en"]
            if "choices" in question:
                question["choices"] = question["choices_en"]
        category.name = category.name_en
        category.save()
    Unit.objects.create(code="empty", name="empty", kind="department")
    rule = RoutingRule.objects.create(order=900, unit=Unit.objects.get(code="empty"))
    return {
        "number": appeal.number,
        "track": f"/t/{appeal.token}",
        "rule": rule.pk,
        "reply": ReplyTemplate.objects.create(verb="resolve", name="x", words="Hello").pk,
    }


def without_recorded(said: str) -> str:
    """Remove the city's own words that the history recorded in Chinese."""
    recorded: set[str] = set()
    for name, after in Change.objects.values_list("name", "after"):
        recorded |= {name, *(value for value in after.values() if isinstance(value, str))}
    for text in sorted(filter(CHINESE.search, recorded), key=len, reverse=True):
        said = said.replace(text, "")
    return said


@pytest.mark.parametrize("who", PAGES)
def test_no_chinese_on_an_english_page(browse: Browse, english: dict[str, Any], who: str) -> None:
    client = browse(who, headers={"accept-language": "en"})
    found = []
    for path in PAGES[who]:
        where = path.format(**english)
        page = client.get(where)
        assert page.status_code == 200, where
        said = html.unescape(NOT_SAID.sub("", text_of(page)))
        if where.endswith("/history"):
            said = without_recorded(said)
        found += [
            f"{where}: {said[max(0, at.start() - 40) : at.end() + 20]!r}"
            for at in list(CHINESE.finditer(said))[:3]
        ]
    assert not found, "\n".join(found)


def test_no_chinese_in_english_previews_and_form_errors(
    browse: Browse, english: dict[str, Any]
) -> None:
    admin = browse("admin", headers={"accept-language": "en"})
    for where, given in {
        "/setup/rule/-/preview": {"unit": "empty", "order": "1"},
        "/setup/rule/-/new": {"unit": "nobody", "order": "x", "field": "hospital"},
        "/setup/post/-/new": {"user": "clerk", "unit": "nobody", "role": "x"},
        "/setup/area/-/new": {"code": "!", "name": "", "level": "9", "lon": "200"},
        "/setup/category/-/import": {"file": upload(b"code,name,klass,what\nx,X,odd,1\n")},
        "/setup/unit/-/import": {"file": upload(b"code,name,kind\nfood,Food 2,town\nx,,odd\n")},
    }.items():
        said = html.unescape(NOT_SAID.sub("", text_of(admin.post(where, given))))
        at = CHINESE.search(said)
        assert at is None, (where, said[max(0, at.start() - 60) : at.end() + 40])


NAMED_ONCE = {
    "": ("/", "/file?category=medicine", "{track}", "{track}/filed", "/mine", "/volunteer"),
    "{helper}": (
        *("/field", "/field/-/map", "/field/-/done", "/field/-/reported", "/field/-/shopping"),
        *("/field/-/leg/{buy}", "/field/-/leg/{carry}", "/field/-/me", "/desk/notices"),
    ),
    "medicine-handler": ("/desk/inbox", "/desk/case/{number}", "/desk/case/{number}/errands"),
    "clerk": ("/desk/case/{number}", "/desk/cases", "/desk/triage", "/desk/callback"),
    "commander": ("/board?period=all", "/rates", "/desk/oversight", "/desk/whistles"),
    "care-head": ("/desk/volunteers", "/desk/volunteers/{helper}"),
}
"""Pages by login that show areas, units, categories, questions, answers, legs, skills and zones."""


@pytest.fixture
def errand(city: Cast, settings: Settings) -> dict[str, Any]:
    """A medicine case of the demo city, filed in Chinese choices, whose errand is half done."""
    settings.DEMO = False  # its cast has Chinese names
    ReplyTemplate.objects.update(name="reply", words="Hello")  # in the requester's language
    hospital()
    someone = helper("Dong", skills=("medicine",))
    questions = Category.objects.get(pk="medicine").questions
    answers = {q["key"]: q["choices"][0] for q in questions if q.get("choices")}
    appeal = file_one("Pills, please", name="Wang", area="330782001004001", answers=answers)
    actions.sort(appeal.pk, city.clerk, category="medicine", urgency=2)
    actions.assign(appeal.pk, city.dispatcher, unit="medicine-central")
    react_to(appeal)
    first, *_more, last = legs_of(appeal)
    leg_actions.take(first.pk, someone)
    leg_actions.finish(first.pk, someone, photos=proof(), paid=4250)
    react_to(appeal)
    return {
        "helper": User.objects.get(pk=someone.user_id or 0).username,
        "number": appeal.number,
        "track": f"/t/{appeal.token}",
        "buy": first.pk,
        "carry": last.pk,
    }


def without_names(said: str) -> str:
    """Remove what has no English name: people, places and their addresses, small areas."""
    names = set(User.objects.values_list("display_name", flat=True))
    names |= set(Area.objects.filter(name_en="").values_list("name", flat=True))
    for pair in Place.objects.values_list("name", "address"):
        names |= set(pair)
    for name in sorted(filter(CHINESE.search, names), key=len, reverse=True):
        said = said.replace(name, "")
    return said


@pytest.mark.parametrize("who", NAMED_ONCE)
def test_what_has_an_english_name_is_shown_in_it(
    browse: Browse, errand: dict[str, Any], who: str
) -> None:
    client = browse(who.format(**errand), headers={"accept-language": "en"})
    found = []
    for path in NAMED_ONCE[who]:
        where = path.format(**errand)
        page = client.get(where)
        assert page.status_code == 200, where
        said = without_names(html.unescape(NOT_SAID.sub("", text_of(page))))
        found += [
            f"{where}: {said[max(0, at.start() - 60) : at.end() + 20]!r}"
            for at in list(CHINESE.finditer(said))[:4]
        ]
    assert not found, "\n".join(found)
