"""Every case verb: by an allowed actor, by a refused one, and without required fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.oversight.clock import pass_time
from yinghu.appeals.models import Appeal, Event
from yinghu.appeals.moving import MAX_WORDS
from yinghu.oversight.models import Whistle
from yinghu.verbs import VERBS

Check = Callable[..., dict[str, Any]]
REQUESTER = "requester"

LATER = f"{date.today() + timedelta(days=200)}T00:00:00+08:00"
HELP = {"unit": "food", "until": LATER, "why": "借车"}
DEMAND = {"until": LATER, "why": "今天办好"}
CALL = {
    "occasion": "people",
    "units": ["bureau-health"],
    "until": LATER,
    "place": "社区东门",
    "why": "老人缺药",
}
SHARED = {"unit": "force-medical", "why": "请协调床位"}
WHISTLED = "when the whistle was blown"
"""Replaced when it is sent: a test may run minutes after the import."""

# verb: (source status, actor, fields, target status, refused actor, refusal status)
CASES: dict[str, tuple[str, str, dict[str, Any], str, str, int]] = {
    "sort": ("filed", "clerk", {"category": "other", "urgency": 2}, "sorted", "milk-handler", 404),
    "answer": ("filed", "clerk", {"words": "凭身份证即可"}, "resolved", REQUESTER, 403),
    "assign": ("sorted", "dispatcher", {"unit": "milk"}, "assigned", "clerk", 403),
    "accept": ("assigned", "milk-handler", {}, "handling", "food-handler", 404),
    "release": ("handling", "milk-handler", {"why": "换班"}, "assigned", "clerk", 403),
    "return": ("assigned", "milk-handler", {"why": "不归我们管"}, "sorted", "clerk", 403),
    "ask": ("handling", "milk-handler", {"words": "几段的？"}, "waiting", REQUESTER, 403),
    "hand": ("assigned", "milk-handler", {"user": "volunteer"}, "handling", "clerk", 403),
    "supply": ("waiting", REQUESTER, {"words": "一段"}, "handling", "commander", 403),
    "report": (
        "handling",
        "milk-handler",
        {"words": "在路上", "arrived": True},
        "handling",
        "clerk",
        403,
    ),
    "note": ("filed", "clerk", {"why": "同一人第三次来电"}, "filed", REQUESTER, 403),
    "urge": ("assigned", REQUESTER, {}, "assigned", "milk-handler", 403),
    "extend": (
        "handling",
        "dispatcher",
        {"until": f"{date.today() + timedelta(days=200)}T00:00:00+08:00", "why": "等货"},
        "handling",
        REQUESTER,
        403,
    ),
    "escalate": ("handling", "milk-handler", {"why": "要跨镇协调"}, "assigned", REQUESTER, 403),
    "resolve": ("handling", "milk-handler", {"words": "已送到"}, "resolved", "volunteer", 403),
    "rate": (
        "resolved",
        REQUESTER,
        {"solved": True, "satisfaction": "yes"},
        "resolved",
        "milk-handler",
        403,
    ),
    "reopen": ("resolved", REQUESTER, {"words": "没有收到"}, "handling", "dispatcher", 403),
    "close": ("resolved", "clerk", {}, "closed", "milk-handler", 403),
    "correct": (
        "handling",
        "dispatcher",
        {"urgency": 2, "why": "有危险"},
        "handling",
        "milk-handler",
        403,
    ),
    "merge": ("filed", "clerk", {}, "merged", "operator", 403),
    "decline": ("filed", "clerk", {"words": "不属于受理范围"}, "declined", "operator", 403),
    "withdraw": ("filed", REQUESTER, {}, "withdrawn", "clerk", 403),
    "rule": ("assigned", "dispatcher", {"agree": True, "why": "不归他们"}, "sorted", "clerk", 403),
    "invite": ("handling", "milk-handler", HELP, "handling", REQUESTER, 403),
    "reply": ("handling", "food-handler", {"why": "车已到"}, "handling", "milk-handler", 403),
    "supervise": ("handling", "commander", DEMAND, "handling", "milk-handler", 403),
    "account": ("handling", "milk-handler", {"why": "下午办好"}, "handling", "commander", 403),
    "lift": ("handling", "commander", {"why": "已经办好"}, "handling", "milk-handler", 403),
    "whistle": ("handling", "milk-handler", CALL, "handling", REQUESTER, 403),
    "report_in": ("handling", "health-handler", {}, "handling", "food-handler", 404),
    "measures": (
        "handling",
        "health-handler",
        {"received": WHISTLED, "spoken_to": "社区老王", "why": "派车", "until": LATER},
        "handling",
        "food-handler",
        404,
    ),
    "contest": ("handling", "health-handler", {"why": "不归我们"}, "handling", "food-handler", 404),
    "judge": (
        "handling",
        "commander",
        {"unit": "bureau-health", "agree": True, "why": "确实不归"},
        "handling",
        "health-handler",
        403,
    ),
    "grade": (
        "handling",
        "milk-handler",
        {"unit": "bureau-health", "satisfaction": "yes"},
        "handling",
        "food-handler",
        404,
    ),
    "share": ("handling", "milk-handler", SHARED, "handling", REQUESTER, 403),
    "contact": ("handling", "medical-handler", {}, "handling", "food-handler", 404),
    "unshare": (
        "handling",
        "milk-handler",
        {"unit": "force-medical", "why": "已经协调好"},
        "handling",
        "supplies-handler",
        404,
    ),
    "leave_contact": (
        "handling",
        REQUESTER,
        {"address": "3幢501"},
        "handling",
        "milk-handler",
        403,
    ),
    "no_answer": ("resolved", "operator", {}, "resolved", "milk-handler", 403),
    "alarm": ("handling", "milk-handler", {"why": "没有反应"}, "handling", "food-handler", 404),
    "acknowledge": ("handling", "commander", {}, "handling", "milk-handler", 403),
    "confirm_alarm": ("handling", "operator", {}, "handling", "milk-handler", 403),
    "dismiss_alarm": ("handling", "clerk", {"why": "已没事"}, "handling", REQUESTER, 403),
}

BEFORE: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "rule": [("milk-handler", "return", {"why": "不归我们管"})],
    "reply": [("milk-handler", "invite", HELP)],
    "account": [("commander", "supervise", DEMAND)],
    "lift": [("commander", "supervise", DEMAND)],
    "report_in": [("milk-handler", "whistle", CALL)],
    "measures": [("milk-handler", "whistle", CALL), ("health-handler", "report_in", {})],
    "contest": [("milk-handler", "whistle", CALL)],
    "judge": [
        ("milk-handler", "whistle", CALL),
        ("health-handler", "contest", {"why": "不归我们"}),
    ],
    "grade": [("milk-handler", "whistle", CALL), ("health-handler", "report_in", {})],
    "contact": [("milk-handler", "share", SHARED)],
    "unshare": [("milk-handler", "share", SHARED)],
    "acknowledge": [("milk-handler", "alarm", {"why": "没有反应"})],
    "confirm_alarm": [("milk-handler", "alarm", {"why": "没有反应"})],
    "dismiss_alarm": [("milk-handler", "alarm", {"why": "没有反应"})],
}
"""Steps that must precede a verb, besides reaching its source status."""


def test_every_case_verb_is_covered() -> None:
    assert set(CASES) == {name for name, row in VERBS.items() if row.function and not row.errand}


def test_verbs_check_actor_version_and_fields(
    api: Api, problem: Check, subtests: pytest.Subtests
) -> None:
    # One test for all verbs: restoring the database of `live` takes longer than a verb.
    for verb in CASES:
        with subtests.test(verb):
            _check_verb(api, problem, verb)


def _check_verb(api: Api, problem: Check, verb: str) -> None:
    source, right, fields, target, wrong, refusal = CASES[verb]
    filed = api.reach(source)
    number = filed["number"]
    if verb == "merge":
        fields = {"master": api.file()["number"]}

    def who(name: str) -> str:
        return filed["token"] if name == REQUESTER else name

    for earlier, done, given in BEFORE.get(verb, ()):
        assert api.do(earlier, number, done, **given).status_code == 200
    if fields.get("received") == WHISTLED:
        fields = fields | {"received": Whistle.objects.latest("pk").at.isoformat()}
    before = Appeal.objects.get(pk=filed["id"])
    code = "not_found" if refusal == 404 else "not_allowed"
    problem(api.do(who(wrong), number, verb, **fields), refusal, code)
    problem(api.do("", number, verb, **fields), 401, "no_key")
    problem(api.do(who(right), number, verb, **fields, version=before.version + 1), 409, "moved_on")
    for field in VERBS[verb].fields:
        if field.required:
            short = {name: value for name, value in fields.items() if name != field.name}
            body = problem(api.do(who(right), number, verb, **short), 422, "invalid")
            assert [error["field"] for error in body["errors"]] == [field.name]
    assert Event.objects.filter(appeal=before).count() == before.version

    answer = api.do(who(right), number, verb, **fields, version=before.version)
    assert answer.status_code == 200, answer.text
    event = answer.json()["event"]
    assert (event["verb"], event["status"], event["seq"]) == (verb, target, before.version + 1)
    after = Appeal.objects.get(pk=filed["id"])
    # An answered case is then classified by the platform itself.
    since = after.events.filter(seq__gt=before.version).exclude(actor_kind="system")
    assert after.status == target
    assert list(since.values_list("seq", flat=True)) == [before.version + 1]
    assert answer.json()["appeal"]["version"] == before.version + 1
    assert ("why" in event) == (right != REQUESTER)


def test_unit_that_never_reported_in_can_only_be_graded_no(api: Api, problem: Check) -> None:
    filed = api.reach("handling")
    number = filed["number"]
    assert api.do("milk-handler", number, "whistle", **CALL).status_code == 200
    pass_time(24 * 400, Appeal.objects.get(pk=filed["id"]))
    rating = {"unit": "bureau-health", "satisfaction": "fairly"}
    body = problem(api.do("milk-handler", number, "grade", **rating), 422, "never_came")
    assert [error["field"] for error in body["errors"]] == ["satisfaction"]
    answer = api.do("milk-handler", number, "grade", **rating | {"satisfaction": "no"})
    assert answer.status_code == 200, answer.text


def test_case_lists_available_verbs(api: Api) -> None:
    filed = api.reach("assigned")
    path = f"/appeals/{filed['number']}"
    own = {"supply", "leave_contact", "urge", "withdraw"}
    assert set(api.get(path, filed["token"]).json()["can"]) == own
    handler = api.get(path, "milk-handler").json()
    assert set(handler["can"]) == {
        "accept",
        "alarm",
        "hand",
        "return",
        "ask",
        "supply",
        "note",
        "extend",
        "escalate",
        "invite",
        "whistle",
        "share",
        "contact",
    }
    for verb in handler["can"]:
        assert verb in VERBS


def test_wrong_status_or_values_change_nothing(api: Api, problem: Check) -> None:
    filed = api.file()
    number = filed["number"]
    problem(api.do("clerk", number, "close"), 409, "wrong_status")
    body = problem(api.do("clerk", number, "sort", category="nope"), 422, "unknown_category")
    assert body["errors"][0]["field"] == "category"
    for fields, field in (
        ({"category": "other", "urgency": 9}, "urgency"),
        ({"category": "other", "urgency": "2"}, "urgency"),
        ({"category": "other", "klass": "x"}, "klass"),
        ({"category": "other", "colour": "red"}, "colour"),
        ({"category": "other\x00"}, "category"),
        ({"category": "other", "why": "长" * (MAX_WORDS + 1)}, "why"),
        ({"category": "other", "version": 10**30}, "version"),
        ({"category": ["other"]}, "category"),
    ):
        answer = api.post(f"/appeals/{number}/sort", "clerk", json=fields)
        body = problem(answer, 422, "invalid")
        assert [error["field"] for error in body["errors"]] == [field]
    problem(api.do("clerk", number, "merge", master=number), 422, "own_master")
    problem(api.do("clerk", number, "merge", master="1234-5678-9"), 422, "unknown_master")
    problem(
        api.do(filed["token"], number, "rate", solved="yes", satisfaction="yes"), 422, "invalid"
    )
    assert Appeal.objects.get(pk=filed["id"]).version == 1


def test_requester_cannot_access_another_appeal(api: Api, problem: Check) -> None:
    mine, other = api.file(), api.file()
    problem(api.do(mine["token"], other["number"], "urge"), 404, "not_found")
    problem(api.get(f"/appeals/{other['number']}", mine["token"]), 404, "not_found")
    forged = mine["token"][:-1] + ("a" if mine["token"][-1] != "a" else "b")
    problem(api.get(f"/appeals/{mine['number']}", forged), 401, "bad_key")
