"""Configuration types of the places package."""

from yinghu.places.config_areas import AREAS
from yinghu.places.config_workdays import WORKDAYS

TYPES = (AREAS, WORKDAYS)
