"""Settings of the tests: the project's own, on a database server that this run starts for itself.

With DATABASE_URL in the environment, that server is used; its role must be allowed to make
databases. Each worker of pytest-xdist has a database and a home of its own.
"""

import os
import tempfile
from pathlib import Path

# Not YINGHU_*: the environment's strict reading would refuse the name.
RUN = Path(os.environ.get("PYTEST_RUN_OF_YINGHU") or tempfile.mkdtemp(prefix="yh-test-"))
RUN.chmod(0o711)
os.environ["PYTEST_RUN_OF_YINGHU"] = str(RUN)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ["YINGHU_HOME"] = str(RUN / WORKER)

from yinghu.config.settings import *  # noqa: E402, F403  # likewise, and all of it
from yinghu.config.settings import DATABASES, ENV, STORAGES, database  # noqa: E402  # reads YINGHU_HOME
from yinghu.server import embedded  # noqa: E402  # reads YINGHU_HOME

SERVER_URL = ENV.database_url or embedded.url(RUN)
DATABASE_URL = SERVER_URL
DATABASES["default"] = database(SERVER_URL) | {
    "CONN_HEALTH_CHECKS": False,
    "TEST": {"NAME": f"test_{RUN.name.replace('-', '_')}"},
}
DATABASES["default"]["OPTIONS"].pop("pool")

DEMO = True
SECOND_FACTOR_REQUIRED = False
PASSWORD_HASHERS = ["tests.hashers.QuickHasher"]
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}

# Areas are kept in memory; a test's own must not live on into the next.
AREAS_POLL_SECONDS = 0
