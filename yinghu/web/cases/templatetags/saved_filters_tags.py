"""Template tag for the filter chips."""

from __future__ import annotations

from typing import Any

from django import template

from yinghu.web.cases import saved_filters

register = template.Library()


@register.inclusion_tag("cases/views.html", takes_context=True)
def saved_views(context: template.Context, address: str = "") -> dict[str, Any]:
    """Draw the filter chips, whose counts load later; `address` is the query of the open one."""
    return {"views": saved_filters.filter_chips(context["request"], address), "here": address}
