"""Settings of the server that `yinghu bench pages` measures: production's, with one page more."""

from yinghu.config.settings import *  # noqa: F403  # all of it

ROOT_URLCONF = "benchmarks.urls"
