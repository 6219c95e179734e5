"""Browsers of the cast, as Django's client: the fixtures of `tests/web`."""

from tests.web.conftest import _fresh as _fresh
from tests.web.conftest import browse as browse
