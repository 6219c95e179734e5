"""Configuration types of units, logins, posts and skills."""

from yinghu.people.config_types.units import SKILLS, UNITS
from yinghu.people.config_types.users import POSTS, USERS

TYPES = (UNITS, USERS, POSTS, SKILLS)
