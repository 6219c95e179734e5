"""Logging of a process: lines for people on a terminal, JSON for machines."""

import logging
import logging.config
import re
import sys

import structlog

_LINK = re.compile(r"(/t/\d{1,18}-)[^/\s?#\"'<>\\]+")
_INVITATION = re.compile(r"(/invit(?:e|ation)/)[A-Za-z0-9_-]{16,}")
_TOKEN = re.compile(r"(?<!\d)(\d{1,18}(?:-|%2[dD]))[a-z2-7]{24}(?![a-z2-7])")


def without_secrets(text: str) -> str:
    """`text` without the secrets of tracking links and invitations: `/t/17-…`.

    Such a secret opens an appeal or an account, so readers of the log must not see it.
    """
    return _INVITATION.sub(r"\1…", _TOKEN.sub(r"\1…", _LINK.sub(r"\1…", text)))


def _without_traceback(record: logging.LogRecord) -> bool:
    """Drop the traceback of refusals (403, 404): the message already names the path."""
    if record.levelno < logging.ERROR:
        record.exc_info = None
    return True


def configure(form: str, *, debug: bool = False) -> None:
    """Send stdlib's and structlog's records to stderr, as `console` lines or as `json`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[structlog.typing.Processor]
    if form == "json":
        last = [
            # Local variables hold decrypted names and phones.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structlog": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        *last,
                        # After the renderer: no path, message, traceback or field escapes it.
                        lambda _logger, _method, line: without_secrets(str(line)),
                    ],
                }
            },
            "filters": {"refusals": {"()": lambda: _without_traceback}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "structlog"},
            },
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "django": {"level": "DEBUG" if debug else "INFO"},
                "django.db.backends": {"level": "INFO"},
                "django.request": {"filters": ["refusals"]},
                "django.template": {"level": "INFO"},
                "django.utils.autoreload": {"level": "INFO"},
                # Internet scanners cause these all the time; django.request logs the 400.
                "django.security.DisallowedHost": {"level": "CRITICAL"},
                # On INFO it logs three lines per job.
                "procrastinate": {"level": "WARNING"},
                "psycopg.pool": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
