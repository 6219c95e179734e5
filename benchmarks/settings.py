"""Settings of the server measured by `yinghu bench pages`: production's plus the bare page."""

from yinghu.config.settings import *  # noqa: F403  # all settings

ROOT_URLCONF = "benchmarks.urls"
