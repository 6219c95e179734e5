"""Configuration types of places and working time."""

from yinghu.places.config_types.areas import AREAS
from yinghu.places.config_types.workdays import WORKDAYS

TYPES = (AREAS, WORKDAYS)
