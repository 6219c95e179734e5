"""Configuration types of errands."""

from yinghu.errands.config_types.errands import ERRANDS
from yinghu.errands.config_types.helpers import HELPERS
from yinghu.errands.config_types.zones import ZONES

TYPES = (ZONES, ERRANDS, HELPERS)
