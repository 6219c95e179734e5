"""Configuration types of the people package."""

from yinghu.people.config_units import SKILLS, UNITS
from yinghu.people.config_users import POSTS, USERS

TYPES = (UNITS, USERS, POSTS, SKILLS)
