"""Problems for errors outside our views; sessions, floods, the OpenAPI document and its page."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any

import httpx
import pytest
from django.test import Client
from playwright.sync_api import Page

from tests.api.conftest import Api
from tests.live import Live
from tests.loops import result_of
from yinghu.api import auth, intake, problems
from yinghu.appeals.verb import FieldKind, Subject
from yinghu.common import rate_limit
from yinghu.people.models import User
from yinghu.verbs import VERBS

Check = Callable[..., dict[str, Any]]


def test_unknown_paths_and_methods_are_problems(api: Api, problem: Check, live: Live) -> None:
    problem(api.get("/nothing"), 404, "not_found")
    problem(api.get("/appeals/0000-0001-3/nothing", "clerk"), 404, "not_found")
    answer = api.call("DELETE", "/appeals", "clerk")
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
    problem(api.call("PUT", "/appeals/0000-0001-3/sort", "clerk"), 405, "method_not_allowed")
    problem(api.get("/appeals", "clerk", headers={"Host": "evil.example"}), 400, "bad_request")
    # Django logs a forged host as an error, which is right.
    live.forgive()


def test_unreadable_bodies_are_problems(api: Api, problem: Check) -> None:
    path, kind = f"/appeals/{api.file()['number']}/sort", {"Content-Type": "application/json"}
    for raw in (b"{", b"\xff", b'{"why": "\\ud800"}', b"[" * 200_000, b"NaN"):
        problem(api.post(path, "clerk", content=raw, headers=kind), 400, "bad_json")
    problem(api.post(path, "clerk", content=b"[]", headers=kind), 422, "invalid")
    problem(api.post(path, "clerk", content=b"a=1"), 415, "not_json")
    big = b'{"why": "' + b"x" * 300_000 + b'"}'
    problem(api.post(path, "clerk", content=big, headers=kind), 413, "too_large")
    huge = b'{"why": "' + b"x" * 3_000_000 + b'"}'
    problem(api.post(path, "clerk", content=huge, headers=kind), 413, "too_large")


def test_unsupported_language_falls_back_to_chinese(api: Api) -> None:
    chinese = api.post("/appeals", "operator", json={"body": ""}).json()
    assert chinese["title"] == "内容有误"
    assert chinese["errors"][0]["detail"] == "不能为空"
    for language in ("xx", "*", "zh-CN,zh;q=0.9", "q=;;,", "zh" * 200):
        answer = api.post(
            "/appeals", "operator", json={"body": ""}, headers={"Accept-Language": language}
        )
        assert answer.json()["title"] == "内容有误"


@pytest.mark.django_db
def test_session_needs_a_csrf_token(django_user_model: type[User]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(
        User.objects.get(username="clerk"), "allauth.account.auth_backends.AuthenticationBackend"
    )
    assert browser.get("/api/v1/appeals").json() == {"items": [], "next": None}
    path = "/api/v1/appeals/0000-0001-3/note"
    refused = browser.post(path, {"why": "x"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    browser.get("/api/v1/docs")
    token = browser.cookies["csrftoken"].value
    told = browser.post(
        path, {"why": "x"}, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert (told.status_code, told.json()["code"]) == (404, "not_found")


def test_forged_forwarded_header_does_not_evade_the_key_limit() -> None:
    from yinghu.site.asgi import application

    async def knock() -> list[httpx.Response]:
        app: Any = application  # httpx types its own more narrowly.
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            answers = []
            # The bucket refills over time, so on a slow machine a few more tries get through.
            for number in range(2000):
                headers = {
                    "Authorization": "Bearer 1-wrong",
                    "X-Forwarded-For": f"10.0.0.{number % 250}",
                }
                answers.append(await http.get("/api/v1/appeals", headers=headers))
                if answers[-1].status_code == 429:
                    break
            return answers

    rate_limit.buckets.clear()
    answers = result_of(knock())
    codes = [answer.json()["code"] for answer in answers]
    assert codes[:200] == ["bad_key"] * 200
    assert codes[-1] == "flood"
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    rate_limit.buckets.clear()


def test_openapi_document_has_every_verb(api: Api) -> None:
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    for name, verb in VERBS.items():
        of_case = verb.subject is Subject.CASE
        path = f"/api/v1/appeals/{{number}}/{name}" if of_case else f"/api/v1/legs/{{leg}}/{name}"
        if name == "file":
            path = "/api/v1/appeals"
        elif verb.by_itself or verb.pages_only:
            assert path not in paths
            continue
        operation = paths[path]["post"]
        reference = operation["requestBody"]["content"]["application/json"]["schema"]
        if name == "file":
            continue
        shape = reference.get("$ref", f"/{name.title()}In").rpartition("/")[2]
        schema = document["components"]["schemas"][shape]
        assert set(schema["properties"]) == {
            field.name for field in verb.fields if field.kind is not FieldKind.PHOTOS
        } | ({"version"} if of_case else set())
        required = {field.name for field in verb.fields if field.required}
        assert set(schema.get("required", [])) == required
        assert "application/problem+json" in operation["responses"]["409"]["content"]
    assert paths["/api/v1/appeals"]["post"]["responses"]["201"]["headers"]["Location"]
    assert "get" in paths["/api/v1/appeals"]


ANY = "~"
"""For values known only at request time."""

ARGUMENTS: dict[Any, Any] = {
    str: ANY,
    int: 1,
    Iterable[problems.FieldError]: [problems.FieldError(ANY, ANY, ANY)],
}
"""Sample arguments by type."""


def refusals(source: str) -> Iterator[problems.Problem]:
    """Every problem that this source can make, directly or through `auth`."""
    for node in ast.walk(ast.parse(source)):
        given: list[ast.expr] = []
        match node:
            case ast.Attribute(ast.Name("auth"), name):
                yield from refusals(inspect.getsource(getattr(auth, name)))
                continue
            case ast.Call(ast.Attribute(ast.Name("problems"), name), given):
                pass
            case ast.Attribute(ast.Name("problems"), name) if name != "Problem":
                pass
            case _:
                continue
        maker = getattr(problems, name)
        typed = getattr(maker, "__annotations__", {})
        if name != "Problem" and typed.get("return") is not problems.Problem:
            continue
        wanted = [
            parameter.annotation
            for parameter in inspect.signature(maker).parameters.values()
            if parameter.default is parameter.empty
        ]
        yield maker(
            *(
                argument.value if isinstance(argument, ast.Constant) else ARGUMENTS[kind]
                for kind, argument in zip_longest(wanted, given[: len(wanted)])
            )
        )


def test_openapi_document_has_every_filing_response(api: Api) -> None:
    answers = api.get("/openapi.json").json()["paths"]["/api/v1/appeals"]["post"]["responses"]
    made = list(refusals(inspect.getsource(intake)))
    assert {409, 413, 415, 429, 503} <= {problem.status for problem in made}
    assert set(answers) == {"200", "201"} | {str(problem.status) for problem in made}
    for problem in made:
        answer = answers[str(problem.status)]
        assert problem.code == ANY or f"`{problem.code}`:" in answer["description"]
        assert set(answer.get("headers", {})) == set(problem.headers)
        assert list(answer["content"]) == ["application/problem+json"]


@pytest.mark.browser
def test_api_docs_page_loads_nothing_from_other_hosts(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/v1/docs")
    page.get_by_text("sort · 研判").first.wait_for()
    page.get_by_text("file · 提交").first.wait_for()
    home = page.url.partition("/api")[0]
    assert [url for url in asked if not url.startswith((home, "data:"))] == []
