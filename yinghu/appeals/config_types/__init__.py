"""Configuration types of appeals: what can be asked for, by when, and in which words."""

from yinghu.appeals.config_types.categories import CATEGORIES
from yinghu.appeals.config_types.limits import LIMITS
from yinghu.appeals.config_types.policies import POLICY_TYPE
from yinghu.appeals.config_types.replies import REPLIES
from yinghu.appeals.config_types.stickers import STICKERS
from yinghu.appeals.config_types.texts import TEXTS

TYPES = (CATEGORIES, LIMITS, POLICY_TYPE, STICKERS, TEXTS, REPLIES)
