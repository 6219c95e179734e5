"""Configuration types of errands."""

from yinghu.dispatch.config_errands import ERRANDS
from yinghu.dispatch.config_helpers import HELPERS
from yinghu.dispatch.config_zones import ZONES

TYPES = (ZONES, ERRANDS, HELPERS)
