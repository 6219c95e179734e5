"""Template tag that shows who else has a case open."""

from __future__ import annotations

from typing import Any

from django import template

from yinghu.appeals.models import Appeal
from yinghu.ui import requests
from yinghu.web.live import presence as presence_now

register = template.Library()


@register.inclusion_tag("live/viewers.html", takes_context=True)
def viewers(context: template.Context, appeal: Appeal) -> dict[str, Any]:
    """Draw the names of others who have the case open, for staff."""
    return {"viewers": presence_now.others(requests.who(context["request"]), appeal)}
