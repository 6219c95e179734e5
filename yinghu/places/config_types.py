"""Configuration types of places and working time."""

from yinghu.places.config_areas import AREAS
from yinghu.places.config_workdays import WORKDAYS

TYPES = (AREAS, WORKDAYS)
