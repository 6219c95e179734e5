"""Who else has a case open, for the head of its page."""

from __future__ import annotations

from django import template
from django.template import Context

from yinghu.appeals.models import Appeal
from yinghu.people.models import User
from yinghu.web.presence import colleagues_at
from yinghu.web.shared import who

register = template.Library()


@register.simple_tag(takes_context=True)
def colleagues(context: Context, appeal: Appeal) -> list[User]:
    """Those who have the case open now, but for the reader; none where nobody reads."""
    request = context.get("request")
    return colleagues_at(appeal, who(request)) if request is not None else []
