"""Django settings; values that differ between processes come from the environment."""

from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONCE, NONE, SELF
from django.contrib.messages import constants as message_levels
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool.base import AttemptWithBackoff

from yinghu.config import PROJECT, log_config
from yinghu.config.environment import Environment
from yinghu.server import embedded

ENV = Environment()
HOME = ENV.home
SITE_URL = ENV.site_url
DEMO = ENV.demo
DEBUG = ENV.debug
DEFAULT_EXCEPTION_REPORTER_FILTER = "yinghu.ui.errors.Discreet"
SECRET_KEY = ENV.secret_key
DATA_KEYS = ENV.data_keys
PHONE_REGION = ENV.phone_region
METRICS_TOKEN = ENV.metrics_token
SMS_URL = ENV.sms_url
SMS_TOKEN = ENV.sms_token
NOTIFICATION_TRANSPORTS = ENV.notice_providers
RATE_LIMITS = {"pixels": (ENV.photo_budget, 3600 / ENV.photo_budget)}
MAP_TILES = ENV.map_tiles
MAP_CREDIT = ENV.map_credit
MAP_DATUM = ENV.map_datum

HTTPS = SITE_URL.startswith("https:")
ALLOWED_HOSTS = list(ENV.allowed_hosts)
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    # Before allauth, whose templates ours override.
    "yinghu.ui",
    "yinghu.web",
    "yinghu.web.accounts",
    "yinghu.web.admin",
    "yinghu.web.case",
    "yinghu.web.cases",
    "yinghu.web.citizen",
    "yinghu.web.field",
    "yinghu.web.guardian",
    "yinghu.web.live",
    "yinghu.web.notifications",
    "yinghu.web.oversight",
    "yinghu.web.queues",
    "yinghu.web.statistics",
    "yinghu.web.volunteers",
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
    "yinghu.routing",
    "yinghu.errands",
    "yinghu.oversight",
    "yinghu.guardian",
    "yinghu.intake",
    "yinghu.insight",
    "yinghu.notifications",
]
MIDDLEWARE = [
    "yinghu.site.methods.MethodMiddleware",
    # Before all others, so that the API answers with a problem document whatever fails behind it.
    "yinghu.api.app.always_problems",
    # Before anything is read.
    "yinghu.web.live.middleware.note_live_mark",
    "yinghu.site.compression.CompressionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "yinghu.common.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "yinghu.people.logins.second_factor",
]
# Tabler's classes, by the level of a message.
MESSAGE_TAGS = {
    message_levels.DEBUG: "alert-info",
    message_levels.INFO: "alert-info",
    message_levels.SUCCESS: "alert-success",
    message_levels.WARNING: "alert-warning",
    message_levels.ERROR: "alert-danger",
}
ROOT_URLCONF = "yinghu.site.urls"
ASGI_APPLICATION = "yinghu.site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]


# Delays before the pool replaces a connection that an outage broke, and before it reconnects. Its
# default of 1, 2, 4, 8 seconds would prolong every outage.
AttemptWithBackoff.INITIAL_DELAY = 0.02
AttemptWithBackoff.DELAY_BACKOFF = 1.2


def database_settings(url: str) -> dict[str, Any]:
    """Django's description of a database from its URL; libpq's other parameters stay options."""
    options: dict[str, Any] = {**conninfo_to_dict(url)}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname", ""),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": str(options.pop("port", "")),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options | {"pool": {"min_size": 0, "max_size": 20, "timeout": 15}},
    }


DATABASE_URL = ENV.database_url or embedded.url(HOME)
DATABASES = {"default": database_settings(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""
PROCRASTINATE_IMPORT_PATHS = [
    "yinghu.reactions",
    "yinghu.site.failed_jobs",
    "yinghu.site.periodic_jobs",
    "yinghu.insight.tally",
    "yinghu.intake.one_time_codes",
    "yinghu.errands.membership",
    "yinghu.errands.rezoning",
    "yinghu.guardian.alerts",
    "yinghu.oversight.clock_changes",
    "yinghu.oversight.orphan_cases",
    "yinghu.oversight.succession",
    "yinghu.oversight.sweep",
    "yinghu.notifications.delivery",
    "yinghu.notifications.digest",
    "yinghu.notifications.guardian_alerts",
    "yinghu.notifications.membership",
]

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "yinghu.people.logins.ClosedAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Strangers must not cause mail to addresses without an account.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_FORMS = {"login": "yinghu.web.accounts.login_forms.LoginForm"}
MFA_FORMS = {
    "authenticate": "yinghu.web.accounts.login_forms.CodeForm",
    "activate_totp": "yinghu.web.accounts.login_forms.FirstCodeForm",
}
MFA_ADAPTER = "yinghu.people.logins.SealedMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "应呼 Yinghu"
# The demo's one-click logins have no second factor.
SECOND_FACTOR_REQUIRED = not DEMO

SESSION_ENGINE = "yinghu.people.sessionstore"
SESSION_COOKIE_NAME = "yinghu_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 365 * 86400 if HTTPS else 0


def _origin(address: str) -> list[str]:
    """The origin of an address for a content security policy; {s} stands for any subdomain."""
    parts = urlsplit(address)
    host = parts.netloc.replace("{s}.", "*.")
    return [f"{parts.scheme}://{host}"] if host else []


CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:", *_origin(MAP_TILES)],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "yinghu_language"
LOCALE_PATHS = [PROJECT / "yinghu" / "locale"]
TIME_ZONE = ENV.time_zone

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
MEDIA_ROOT = HOME / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage."
        + ("StaticFilesStorage" if DEBUG else "ManifestStaticFilesStorage")
    },
}
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
DATA_UPLOAD_MAX_NUMBER_FILES = 20

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # Failed logins are counted here: made-up names must not push a real one out.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}


def _mail(url: str, *, demo: bool) -> dict[str, Any]:
    """Django's mail settings from smtp://, smtp+tls:// or smtps://.

    Without a server, mails are dropped, because login links must not be logged; in demo mode, which
    has no secrets, they are written to the terminal.
    """
    parts = urlsplit(url)
    if not url:
        nowhere = "console" if demo else "dummy"
        return {"EMAIL_BACKEND": f"django.core.mail.backends.{nowhere}.EmailBackend"}
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 20,
    }


globals().update(_mail(ENV.email_url, demo=DEMO))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.email_from

LOGGING_CONFIG = None
log_config.configure(ENV.log_format, debug=DEBUG)
