"""Configuration types of the appeals package."""

from yinghu.appeals.config_categories import CATEGORIES
from yinghu.appeals.config_limits import LIMITS
from yinghu.appeals.config_policies import POLICY_TYPE
from yinghu.appeals.config_replies import REPLIES
from yinghu.appeals.config_stickers import STICKERS
from yinghu.appeals.config_texts import TEXTS

TYPES = (CATEGORIES, LIMITS, POLICY_TYPE, STICKERS, TEXTS, REPLIES)
