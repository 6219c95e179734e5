"""Health endpoints: /healthz for load balancers, /metrics for Prometheus."""

import hmac
from contextlib import AbstractContextManager

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from yinghu.config.environment import is_loopback
from yinghu.intake.acceptance import acceptance

LATE_JOB_SECONDS = 120.0
"""A due job that waits longer means that no worker lives, or that it cannot keep up."""

_requests = Counter("yinghu_http_requests", "Requests answered.", ["door", "method", "status"])
_seconds = Histogram(
    "yinghu_http_seconds",
    "Seconds from a request's head to the head of its answer.",
    ["door"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
_running = Gauge("yinghu_http_requests_in_progress", "Requests being answered.", ["door"])
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(door: str, method: str, status: int, seconds: float) -> None:
    """Count one response; `door` is a path of DOORS, or "django"."""
    # Methods are arbitrary text, and each label value costs memory.
    _requests.labels(door, method if method in _METHODS else "other", str(status)).inc()
    _seconds.labels(door).observe(seconds)


def in_progress(door: str) -> AbstractContextManager[None]:
    """Count one request for as long as it runs, which may be longer than its client listens."""
    return _running.labels(door).track_inprogress()


def unapplied_migrations() -> list[str]:
    """List the migrations that the database lacks."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def oldest_waiting_job() -> float:
    """Return the seconds for which the oldest due job has waited; 0 if none waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(
                extract(epoch FROM now() - min(greatest(job.scheduled_at, event.at))), 0)
            FROM procrastinate_jobs job
            JOIN LATERAL (
                SELECT max(at) AS at FROM procrastinate_events
                WHERE job_id = job.id AND type IN ('deferred', 'deferred_for_retry')
            ) event ON true
            WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
            """
        )
        return float(cursor.fetchone()[0])


def is_read_only() -> bool:
    """Can nothing be written, as on a standby?"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only')::bool")
        return bool(cursor.fetchone()[0])


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if requests can be served, else 503; the body says what is wrong."""
    try:
        missing = unapplied_migrations()
        late = 0.0 if missing else oldest_waiting_job()
        refused = bool(missing) or is_read_only() or acceptance.is_refusing()
    except Error as error:
        # The error's text may name hosts and users; Django's log has it.
        body = {"ok": False, "database": type(error).__name__, "filings": "refused"}
        return JsonResponse(body, status=503)
    body = {
        "ok": not refused,
        "database": "ok",
        "migrations": missing or "ok",
        "filings": "refused" if refused else "ok",
        "oldest_waiting_job_seconds": round(late, 3),
        "jobs": "ok" if late <= LATE_JOB_SECONDS else "late",
    }
    return JsonResponse(body, status=503 if refused else 200)


def _may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    # Behind a proxy on this machine, everybody has its address.
    forwarded = getattr(request, "scope", {}).get("state", {}).get("forwarded", False)
    return is_loopback(request.META.get("REMOTE_ADDR", "")) and not forwarded


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the metrics of this process and of the job queue."""
    if not _may_read_metrics(request):
        return HttpResponse("set YINGHU_METRICS_TOKEN and send it as a bearer token\n", status=403)
    registry = CollectorRegistry()
    jobs = Gauge("yinghu_jobs", "Jobs in the queue.", ["status"], registry=registry)
    for status, count in ProcrastinateJob.objects.values_list("status").annotate(Count("pk")):
        jobs.labels(status).set(count)
    oldest = Gauge(
        "yinghu_oldest_waiting_job_seconds", "Age of the oldest due job.", registry=registry
    )
    oldest.set(oldest_waiting_job())
    return HttpResponse(
        generate_latest() + generate_latest(registry), content_type=CONTENT_TYPE_LATEST
    )
