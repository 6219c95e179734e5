"""All addresses of the site, from its URL configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

_PART = re.compile(r"<(?:(\w+):)?(\w+)>")


def routes(within: Any = None, above: str = "/") -> Iterator[tuple[str, Any]]:
    """(template, view) of all addresses, such as `/desk/case/<str:number>`."""
    for route in get_resolver().url_patterns if within is None else within:
        template = above + str(route.pattern)
        if isinstance(route, URLResolver):
            yield from routes(route.url_patterns, template)
        elif isinstance(route, URLPattern) and "(" not in template:
            yield template, route.callback


def parts_of(template: str) -> list[tuple[str, str]]:
    """(kind, name) of the parts of an address."""
    return [(kind or "str", name) for kind, name in _PART.findall(template)]


def fill(template: str, **given: object) -> str:
    """An address with these parts; a part that is not given becomes 1 or x."""

    def value(found: re.Match[str]) -> str:
        kind, name = found[1] or "str", found[2]
        return str(given.get(name, "1" if kind == "int" else "x"))

    return _PART.sub(value, template)
