"""Registry of all configuration types, in the order in which a city is set up."""

from yinghu.appeals import config_types as appeals
from yinghu.common.config_types.config_type import ConfigType
from yinghu.errands import config_types as errands
from yinghu.oversight import config_types as oversight
from yinghu.people import config_types as people
from yinghu.places import config_types as places
from yinghu.routing import config_types as routing

_ORDER = (
    *("area", "unit", "user", "post", "category", "limit", "workday", "chase", "policy", "rule"),
    *("place", "skill", "zone", "errand", "helper", "text", "reply"),
)

_PACKAGES = (places, people, appeals, oversight, routing, errands)
_BY_NAME = {each.name: each for package in _PACKAGES for each in package.TYPES}
TYPES: dict[str, ConfigType] = {name: _BY_NAME[name] for name in sorted(_BY_NAME, key=_ORDER.index)}
