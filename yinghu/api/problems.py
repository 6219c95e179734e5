"""Errors of the API as RFC 9457 `application/problem+json`.

    {"type": "urn:yinghu:problem:unknown_area", "title": "内容有误", "status": 422,
     "detail": "没有这个区域：999", "code": "unknown_area",
     "errors": [{"field": "area", "code": "unknown_area", "detail": "没有这个区域：999"}]}

`code` is stable and for programs; `title` and `detail` are for people, in their language.
`errors` names each field at fault by its path in the request (`answers.hospital`).
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import get_supported_language_variant, gettext_noop
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from pydantic_core import PydanticCustomError

from yinghu.appeals.moving import Refused

MEDIA_TYPE = "application/problem+json"

TITLES: dict[int, str] = {
    400: gettext_noop("请求有误"),
    401: gettext_noop("需要登录或令牌"),
    403: gettext_noop("没有权限"),
    404: gettext_noop("没有找到"),
    405: gettext_noop("不支持这种方法"),
    408: gettext_noop("网络太慢，没有收到"),
    409: gettext_noop("情况已经变化"),
    413: gettext_noop("内容太大"),
    415: gettext_noop("不支持这种格式"),
    422: gettext_noop("内容有误"),
    429: gettext_noop("请求太频繁"),
    500: gettext_noop("服务器出错了"),
    503: gettext_noop("暂时无法处理"),
}
"""Title of each HTTP status."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault: its path in the request, a stable code, and what to do about it."""

    field: str
    code: str
    detail: str


@dataclass(eq=False)
class Problem(Exception):
    """An error that ends a request; its texts are already in the asker's language."""

    status: int
    code: str
    detail: str
    errors: list[FieldError] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the problem as JSON."""
        problem: dict[str, Any] = {
            "type": f"urn:yinghu:problem:{self.code}",
            "title": _(TITLES[self.status]),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            problem["errors"] = [asdict(error) for error in self.errors]
        return json.dumps(problem, ensure_ascii=False).encode("utf-8", "replace")

    def response(self) -> HttpResponse:
        """Return the problem as a Django response."""
        return HttpResponse(
            self.body(), status=self.status, content_type=MEDIA_TYPE, headers=self.headers
        )


def language_of(header: str) -> str:
    """Choose our best language for an Accept-Language header, else the default."""
    for wanted, _quality in parse_accept_lang_header(header.lower()[:200]):
        with suppress(LookupError):
            return str(get_supported_language_variant(wanted))
    return settings.LANGUAGE_CODE


def refused(error: Refused) -> Problem:
    """The problem for a `Refused`."""
    errors = [FieldError(error.field, error.code, error.message)] if error.field else []
    return Problem(error.status, error.code, error.message, errors)


def invalid(errors: Iterable[FieldError]) -> Problem:
    """Invalid fields; the detail is that of the first, for clients that show only one."""
    found = list(errors)
    return Problem(422, "invalid", f"{found[0].field}: {found[0].detail}", found)


def one_field(name: str, code: str, detail: str) -> Problem:
    """One invalid field."""
    return Problem(422, code, detail, [FieldError(name, code, detail)])


def bad_json() -> Problem:
    """Invalid JSON: broken, too deep, NaN, a lone surrogate."""
    return Problem(400, "bad_json", _("正文不是有效的 JSON（UTF-8 编码）"))


def not_json() -> Problem:
    """A body with another content type than JSON."""
    return Problem(415, "not_json", _("请用 Content-Type: application/json"))


def too_large(limit: int) -> Problem:
    """A body beyond `limit` bytes."""
    return Problem(413, "too_large", _("正文最多 %d KB") % (limit // 1024))


def no_key() -> Problem:
    """Neither session nor key."""
    detail = _("请用 Authorization: Bearer 出示令牌，或先登录")
    return Problem(401, "no_key", detail, headers={"WWW-Authenticate": "Bearer"})


def bad_key() -> Problem:
    """An invalid or revoked key."""
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, "bad_key", _("令牌无效或已停用"), headers=headers)


def flooded(seconds: int) -> Problem:
    """Too many requests from one sender."""
    detail = _("请求太频繁，请 %d 秒后再试") % seconds
    return Problem(429, "flood", detail, headers={"Retry-After": str(seconds)})


def busy() -> Problem:
    """More filings than can be written now."""
    return Problem(503, "busy", _("现在人太多，请稍后再试"), headers={"Retry-After": "1"})


def no_database() -> Problem:
    """No database connection; nothing was acknowledged."""
    detail = _("数据库暂时连不上，请稍后重试")
    return Problem(503, "no_database", detail, headers={"Retry-After": "2"})


def broken() -> Problem:
    """An internal error; see the log."""
    return of_status(500)


def not_found() -> Problem:
    """A missing object, or one that the asker may not know of."""
    return Problem(404, "not_found", _("没有这个地址或内容"))


def forbidden(detail: str, code: str = "forbidden") -> Problem:
    """Authenticated, but not permitted."""
    return Problem(403, code, detail)


def of_status(status: int) -> Problem:
    """A problem for a bare HTTP status."""
    known = status if status in TITLES else (500 if status >= 500 else 400)
    codes = {
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        408: "too_slow",
        413: "too_large",
    }
    return Problem(
        known, codes.get(known, "server_error" if known >= 500 else "bad_request"), _(TITLES[known])
    )


_MESSAGES: dict[str, str] = {
    "missing": gettext_noop("必须填写"),
    "extra_forbidden": gettext_noop("没有这个字段"),
    "string_type": gettext_noop("必须是文字"),
    "string_too_short": gettext_noop("不能为空"),
    "string_too_long": gettext_noop("最多 %(max_length)s 个字"),
    "string_pattern_mismatch": gettext_noop("格式不对"),
    "string_unicode": gettext_noop("有不能保存的字符"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), gettext_noop("必须是整数")),
    "int_parsing_size": gettext_noop("数字太大"),
    **dict.fromkeys(("float_type", "float_parsing"), gettext_noop("必须是数字")),
    "finite_number": gettext_noop("必须是有限的数字"),
    **dict.fromkeys(("bool_type", "bool_parsing"), gettext_noop("必须是 true 或 false")),
    **dict.fromkeys(("literal_error", "enum"), gettext_noop("只能是 %(expected)s")),
    "greater_than_equal": gettext_noop("不能小于 %(ge)s"),
    "greater_than": gettext_noop("必须大于 %(gt)s"),
    "less_than_equal": gettext_noop("不能大于 %(le)s"),
    "less_than": gettext_noop("必须小于 %(lt)s"),
    "timezone_aware": gettext_noop("时间要带时区，例如 2026-11-22T09:30:00+08:00"),
    "too_long": gettext_noop("最多 %(max_length)s 项"),
    **dict.fromkeys(
        ("dict_type", "model_type", "model_attributes_type"), gettext_noop("必须是对象")
    ),
    "list_type": gettext_noop("必须是数组"),
}
"""Messages by pydantic error type; the rest are "格式不对"."""


def field_errors(found: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Convert pydantic's errors (`ValidationError.errors()`), in the current language."""
    errors: list[FieldError] = []
    for item in found:
        kind, context = str(item["type"]), dict(item.get("ctx") or {})
        if "words" in context:
            code, detail = kind, str(context["words"])
        elif kind.startswith("datetime"):
            code, detail = "bad_time", _("必须是 ISO 8601 时间，例如 2026-11-22T09:30:00+08:00")
        else:
            code, detail = kind, _(_MESSAGES.get(kind, gettext_noop("格式不对"))) % context
        errors.append(FieldError(path_of(item["loc"]), code, detail))
    return errors


def validation_error(code: str, words: str) -> PydanticCustomError:
    """Make an error for our validators to raise: a stable code and its message."""
    return PydanticCustomError(code, "{words}", {"words": words})


def path_of(location: Iterable[object]) -> str:
    """Shorten `("body", "payload", "answers", "hospital")` to `answers.hospital`; () is `body`."""
    parts = [str(part) for part in location]
    while len(parts) > 1 and parts[0] in {"body", "query", "path", "payload", "filters"}:
        parts.pop(0)
    named = [part for part in parts if part not in {"str", "int", "float", "bool", "none"}]
    return ".".join(named)[:200] or "body"
