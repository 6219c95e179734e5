"""The kinds of the set-up, in the order in which a city is set up."""

from __future__ import annotations

from yinghu.web.setup.areas import AREAS
from yinghu.web.setup.categories import CATEGORIES
from yinghu.web.setup.chases import CHASES
from yinghu.web.setup.errands import ERRANDS
from yinghu.web.setup.helpers import HELPERS
from yinghu.web.setup.kinds import Kind
from yinghu.web.setup.limits import LIMITS
from yinghu.web.setup.people import POSTS, USERS
from yinghu.web.setup.places import PLACES
from yinghu.web.setup.policies import POLICY
from yinghu.web.setup.replies import REPLIES
from yinghu.web.setup.rules import RULES
from yinghu.web.setup.skills import SKILLS
from yinghu.web.setup.texts import TEXTS
from yinghu.web.setup.units import UNITS
from yinghu.web.setup.workdays import WORKDAYS
from yinghu.web.setup.zones import ZONES

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
