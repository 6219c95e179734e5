"""The browsing fixtures of `tests/web`."""

from tests.web.conftest import _fresh as _fresh
from tests.web.conftest import browse as browse
