"""The Ninja API: routers, error handlers, OpenAPI document. Filing bypasses it (`intake.py`)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Swagger
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.renderers import JSONRenderer
from pydantic_core import from_json

from yinghu.api import cases, catalogue, problems, verbs
from yinghu.api.auth import KNOWN
from yinghu.api.document import add_filing
from yinghu.appeals.moving import Refused
from yinghu.common.database_errors import is_unavailable
from yinghu.common.language import language_of

MAX_BODY = 256 * 1024

_log = structlog.get_logger(__name__)


class StrictParser(Parser):
    """Strict RFC 8259 JSON: no NaN, no lone surrogates, limited nesting."""

    def parse_body(self, request: HttpRequest) -> Any:
        if len(request.body) > MAX_BODY:
            raise problems.too_large(MAX_BODY)
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if request.body and kind != "application/json":
            raise problems.not_json()
        try:
            return from_json(request.body, allow_inf_nan=False)
        except ValueError as error:
            raise problems.bad_json() from error


class Renderer(JSONRenderer):
    """JSON with unescaped Chinese, a third of the bytes."""

    json_dumps_params: Mapping[str, Any] = MappingProxyType({"ensure_ascii": False})


class Api(NinjaAPI):
    """Ninja API whose document includes the filing endpoint."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        add_filing(schema)
        return schema


api = Api(
    title="Yinghu",
    version="1",
    urls_namespace="api",
    description=(
        "应呼：提交诉求、跟踪、办理。File appeals, follow them and work on them. "
        "Errors are RFC 9457 problems in the language of Accept-Language (zh-hans, en)."
    ),
    docs=Swagger(settings={"persistAuthorization": False, "docExpansion": "list"}),
    docs_decorator=lambda view: require_safe(ensure_csrf_cookie(view)),
    auth=KNOWN,
    parser=StrictParser(),
    renderer=Renderer(),
)
api.add_router("", cases.router)
api.add_router("", verbs.router)
api.add_router("", catalogue.router)


def _problem_of(request: HttpRequest, error: Any) -> problems.Problem:
    match error:
        case problems.Problem():
            return error
        case Refused():
            return problems.refused(error)
        case ValidationError():
            return problems.invalid(problems.field_errors(error.errors))
        case Http404():
            return problems.not_found()
        case HttpError(status_code=401):
            return problems.no_key()
        # Ninja wraps what the parser raised.
        case HttpError(__cause__=problems.Problem() as cause):
            return cause
        case RequestDataTooBig() | HttpError(__cause__=RequestDataTooBig()):
            return problems.too_large(MAX_BODY)
        case HttpError():
            return problems.of_status(error.status_code)
        case SuspiciousOperation():
            return problems.of_status(400)
        case _ if is_unavailable(error):
            _log.error("api without a database", path=request.path, error=str(error))
            return problems.no_database()
    _log.exception("api request failed", path=request.path, method=request.method)
    return problems.broken()


# Ninja has handlers of its own for these; the first one gets all other errors.
for _kind in (Exception, Http404, HttpError, ValidationError):
    api.add_exception_handler(_kind, lambda request, error: _problem_of(request, error).response())


def always_problems(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that turns every error under /api/ into a problem.

    Django makes such errors itself: 404, 405, a forged host, the redirect to the second factor.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not request.path.startswith("/api/"):
            return response
        # Answers have personal data; nobody between may keep them.
        response.headers.setdefault("Cache-Control", "no-store")
        kind = response.headers.get("Content-Type", "")
        with override(language_of(request)):
            if response.status_code == 302:
                problem = problems.forbidden(_("请先设置动态码"), "second_factor")
            elif response.status_code >= 400 and not kind.startswith(problems.MEDIA_TYPE):
                problem = problems.of_status(response.status_code)
            else:
                return response
            if "Allow" in response.headers:
                problem.headers["Allow"] = response.headers["Allow"]
            problem.headers["Cache-Control"] = "no-store"
            return problem.response()

    return middleware
