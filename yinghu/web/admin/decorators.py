"""What all set-up views share: who may enter, and which type and row an address means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import Http404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from yinghu.administration.registry import TYPES
from yinghu.common.config_type import ConfigType
from yinghu.ui.decorators import staff

V = TypeVar("V", bound=Callable[..., Any])


def door(*methods: str) -> Callable[[V], V]:
    """A view of the set-up: administrators only, never kept by a browser."""

    def wrap(view: V) -> V:
        guarded: Any = never_cache(require_http_methods(list(methods))(staff("setup")(view)))
        return guarded  # type: ignore[no-any-return]  # the same signature as the view's

    return wrap


def type_of(name: str) -> ConfigType:
    """The configuration type of an address; 404 for none."""
    if name not in TYPES:
        raise Http404
    return TYPES[name]


def row_of(config_type: ConfigType, key: str) -> Any:
    """The row of an address; 404 for none."""
    row = None if "\x00" in key else config_type.find(key)
    if row is None:
        raise Http404
    return row
