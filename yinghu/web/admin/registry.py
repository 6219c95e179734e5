"""The kinds of the set-up, in the order in which a city is set up."""

from __future__ import annotations

from yinghu.web.admin.areas import AREAS
from yinghu.web.admin.categories import CATEGORIES
from yinghu.web.admin.chases import CHASES
from yinghu.web.admin.errands import ERRANDS
from yinghu.web.admin.helpers import HELPERS
from yinghu.web.admin.kinds import Kind
from yinghu.web.admin.limits import LIMITS
from yinghu.web.admin.people import POSTS, USERS
from yinghu.web.admin.places import PLACES
from yinghu.web.admin.policies import POLICY
from yinghu.web.admin.replies import REPLIES
from yinghu.web.admin.rules import RULES
from yinghu.web.admin.skills import SKILLS
from yinghu.web.admin.texts import TEXTS
from yinghu.web.admin.units import UNITS
from yinghu.web.admin.workdays import WORKDAYS
from yinghu.web.admin.zones import ZONES

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        AREAS,
        UNITS,
        USERS,
        POSTS,
        CATEGORIES,
        LIMITS,
        WORKDAYS,
        CHASES,
        POLICY,
        RULES,
        PLACES,
        SKILLS,
        ZONES,
        ERRANDS,
        HELPERS,
        TEXTS,
        REPLIES,
    )
}
