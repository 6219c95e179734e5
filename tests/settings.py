"""Settings of the tests: the project's own, on a database server that this run starts for itself.

With DATABASE_URL in the environment, that server is used; its role must be allowed to make
databases. Each worker of pytest-xdist has a database and a home of its own.
"""

import os
import shutil
import tempfile
from pathlib import Path

# In memory, where there is room: hundreds of databases are copied and dropped in a run.
MEMORY = Path("/dev/shm")
ROOMY = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= 4 * 2**30
SCRATCH = MEMORY if ROOMY else Path(tempfile.gettempdir())
# Not YINGHU_*: the environment's strict reading would refuse the name.
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

from yinghu.config.settings import *  # noqa: E402, F403  # likewise, and all of it
from yinghu.config.settings import DATABASES, ENV, STORAGES, database  # noqa: E402  # reads YINGHU_HOME
from yinghu.server import embedded  # noqa: E402  # reads YINGHU_HOME

SERVER_URL = ENV.database_url or embedded.url(RUN)
DATABASE_URL = SERVER_URL
TEMPLATE = "test_template"
if not ENV.embedded:
    # Other runs may use the same server.
    TEMPLATE += f"_{RUN.name.replace('-', '_')}"
DATABASES["default"] = database(SERVER_URL) | {"CONN_HEALTH_CHECKS": False}
DATABASES["default"]["OPTIONS"].pop("pool")

DEMO = True
SECOND_FACTOR_REQUIRED = False
PASSWORD_HASHERS = ["tests.hashers.QuickHasher"]
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}

# Areas are kept in memory; a test's own must not live on into the next.
AREAS_POLL_SECONDS = 0
