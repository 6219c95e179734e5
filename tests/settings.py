"""Test settings: the product's, with a database server started for this run.

If DATABASE_URL is set, that server is used; its role must be allowed to create databases. Each
pytest-xdist worker has its own database and home.
"""

import os
import shutil
import tempfile
from pathlib import Path

# In memory if there is room: a run copies and drops hundreds of databases.
MEMORY = Path("/dev/shm")
ROOMY = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= 4 * 2**30
SCRATCH = MEMORY if ROOMY else Path(tempfile.gettempdir())
# Not YINGHU_*: unknown names with this prefix are refused.
RUN = Path(os.environ.get("PYTEST_RUN_OF_YINGHU") or tempfile.mkdtemp("", "yh-test-", SCRATCH))
RUN.chmod(0o711)
os.environ["PYTEST_RUN_OF_YINGHU"] = str(RUN)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
HOME_OF_WORKER = RUN / WORKER
os.environ["YINGHU_HOME"] = str(HOME_OF_WORKER)
if (RUN / "main" / "secrets").is_dir() and not HOME_OF_WORKER.exists():
    # The template's demo city is encrypted with the keys of the process that starts the workers.
    HOME_OF_WORKER.mkdir()
    shutil.copytree(RUN / "main" / "secrets", HOME_OF_WORKER / "secrets")

from yinghu.config.settings import *  # noqa: E402, F403  # reads YINGHU_HOME; all settings
from yinghu.config.settings import DATABASES, ENV, STORAGES, database_settings  # noqa: E402  # reads YINGHU_HOME
from yinghu.server import embedded  # noqa: E402  # reads YINGHU_HOME

SERVER_URL = ENV.database_url or embedded.url(RUN)
DATABASE_URL = SERVER_URL
TEMPLATE, EMPTY = "test_template", "test_empty"
if not ENV.embedded:
    # Other runs may use the same server.
    TEMPLATE, EMPTY = (f"{name}_{RUN.name.replace('-', '_')}" for name in (TEMPLATE, EMPTY))
DATABASES["default"] = database_settings(SERVER_URL) | {"CONN_HEALTH_CHECKS": False}
DATABASES["default"]["OPTIONS"].pop("pool")

DEMO = True
SECOND_FACTOR_REQUIRED = False
PASSWORD_HASHERS = ["tests.hashers.QuickHasher"]
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}

# Reload areas at once: cached areas of one test must not reach the next.
AREAS_POLL_SECONDS = 0
