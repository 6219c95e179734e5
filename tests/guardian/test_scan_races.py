"""Races of scans and alerts, on real connections."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.utils import timezone

from tests.cities import City, in_threads
from tests.guardian.scanned import a_report, jobs_of, protect, told_steps
from yinghu.guardian import alerts, scans
from yinghu.guardian.models import Scan, ScanEntry


def test_any_number_of_workers_tell_each_step_once(own_city: City) -> None:
    """Threads advance the same scans at the same time."""
    people = [protect() for _each in range(6)]
    found = [scans.report_by_code(person.code, a_report()) for person in people]
    later = timezone.now() + timedelta(minutes=4)
    in_threads(*[lambda: alerts.advance_due(later)] * 4)
    for scan in found:
        assert (told_steps(scan), jobs_of(scan)) == ([1, 2], [1, 2])


def test_double_taps_at_the_same_time_are_one_report(own_city: City) -> None:
    """One form of an active and of an unknown tag, four times each."""
    person = protect()
    for code in (person.code, "x" * 24):
        in_threads(*[partial(scans.report_by_code, code, a_report())] * 4)
    assert ScanEntry.objects.filter(kind="report").count() == 2
    assert Scan.objects.count() == 2


def test_pages_opened_at_the_same_time_are_told_once(own_city: City) -> None:
    person = protect()
    in_threads(*[lambda: scans.open_tag(person.code, counts=True)] * 6)
    in_threads(*[alerts.advance_due] * 4)
    alerts.advance_due()
    assert ScanEntry.objects.filter(kind="seen").count() == 1
    assert sum(Scan.objects.values_list("opened", flat=True)) == 6
