"""Who comes in, which kind and row an address means: what all views of the set-up share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import Http404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from yinghu.ui.decorators import staff
from yinghu.web.admin.kinds import Kind
from yinghu.web.admin.registry import KINDS

V = TypeVar("V", bound=Callable[..., Any])


def door(*methods: str) -> Callable[[V], V]:
    """A view of the set-up: administrators only, never kept by a browser."""

    def wrap(view: V) -> V:
        guarded: Any = never_cache(require_http_methods(list(methods))(staff("setup")(view)))
        return guarded  # type: ignore[no-any-return]  # the same signature as the view's

    return wrap


def kind_of(name: str) -> Kind:
    """The kind of an address; 404 for none."""
    if name not in KINDS:
        raise Http404
    return KINDS[name]


def row_of(kind: Kind, key: str) -> Any:
    """The row of an address; 404 for none."""
    thing = None if "\x00" in key else kind.find(key)
    if thing is None:
        raise Http404
    return thing
