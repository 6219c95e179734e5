"""HTTP methods of all addresses: HEAD wherever GET is, OPTIONS, and 405 with the right `Allow`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase

from yinghu.site.doors import DOORS

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class MethodMiddleware:
    """Answers what no view should: HEAD as GET without its body, OPTIONS, and foreign methods.

    The first middleware: those after it would refuse a PUT for its missing CSRF token.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "HEAD":
            return self._get_response(request)
        # Views tell a shown form from a sent one by GET.
        request.method = "GET"
        return _without_body(self._get_response(request))

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Answer OPTIONS, and methods that the view does not have."""
        methods = methods_of(view)
        if methods is None or request.method in methods:
            return None
        beside = {method for method, path in DOORS if path == request.path}
        allowed = allow_header(methods | beside)
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": ", ".join(allowed)})
        return HttpResponseNotAllowed(allowed)


def allow_header(methods: frozenset[str]) -> list[str]:
    """Return all methods that are answered where a view has these."""
    head = {"HEAD"} if "GET" in methods else set()
    return sorted((methods & _METHODS) | head | {"OPTIONS"})


def methods_of(view: Callable[..., Any]) -> frozenset[str] | None:
    """Return the methods of a view; None if it does not say."""
    # API operations by method of Ninja, and classes of Django.
    path_view = getattr(view, "__self__", None) or _closure(view).get("self")
    if (operations := getattr(path_view, "operations", None)) is not None:
        return frozenset(method for operation in operations for method in operation.methods)
    if (made_by := getattr(view, "view_class", None)) is not None:
        return frozenset(name.upper() for name in ("get", "post") if hasattr(made_by, name))
    at: Callable[..., Any] | None = view
    while at is not None:
        # Django's decorators keep their methods in a closure.
        if (listed := _closure(at).get("request_method_list")) is not None:
            return frozenset(listed)
        at = getattr(at, "__wrapped__", None)
    return None


def _closure(view: Callable[..., Any]) -> dict[str, Any]:
    return dict(inspect.getclosurevars(view).nonlocals) if inspect.isfunction(view) else {}


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = _nothing() if response.is_async else ()
    elif isinstance(response, HttpResponse):
        length = len(response.content)
        response.content = b""
        response.headers["Content-Length"] = str(length)
    return response


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for part in nothing:
        yield part
