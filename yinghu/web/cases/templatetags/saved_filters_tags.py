"""The tag that lists saved filters."""

from __future__ import annotations

from typing import Any

from django import template

from yinghu.web.cases import saved_filters as filters

register = template.Library()


@register.inclusion_tag("cases/views.html", takes_context=True)
def saved_views(context: template.Context, address: str = "") -> dict[str, Any]:
    """The ready filters of the reader's desks and their own; how many each finds comes after the
    page. `address` is the query of the one that is open.
    """
    return {"views": filters.views_of(context["request"], address), "here": address}
