"""The Django project's settings; what a process is told comes from the environment (`env.py`)."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

ROOT = Path(__file__).resolve().parent
HOME = Path(os.environ.get("YINGHU_HOME", "var"))
SECRET_KEY = "dev"
DATA_KEYS = (b"k" * 32,)
PHONE_REGION = "CN"
MEDIA_ROOT = HOME / "media"
DEBUG = False
DEMO = True
ALLOWED_HOSTS = ["*"]
SITE_URL = "http://127.0.0.1:8000"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "ninja",
    "csp",
    "procrastinate.contrib.django",
    "yinghu.places",
    "yinghu.people",
    "yinghu.appeals",
    "yinghu.triage",
    "yinghu.dispatch",
    "yinghu.channels",
    "yinghu.insight",
    "yinghu.web",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
AUTH_USER_MODEL = "people.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "yinghu.urls"
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
LANGUAGE_CODE = "zh-hans"
_u = urlsplit(os.environ.get("DATABASE_URL", "postgresql://postgres@/yinghu"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _u.path.lstrip("/"),
        "USER": unquote(_u.username or ""),
        "PASSWORD": unquote(_u.password or ""),
        "HOST": dict(parse_qsl(_u.query)).get("host", _u.hostname or ""),
        "PORT": _u.port or os.environ.get("PGPORT", ""),
    }
}
