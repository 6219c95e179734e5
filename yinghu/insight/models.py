"""Counters of the board, written by `tally.py` only."""

from datetime import date
from typing import Final

from django.db import models

EVER: Final = date.min
"""The `day` of the counters over all days, so that the whole history is a few rows."""


class Tally(models.Model):
    """How many appeals filed on `day` in `town` have `status` now, by one dimension.

    `town` is the first nine characters of the area code ("" for unknown). `dim` is all, klass,
    category, unit or channel, and `key` its value ("" for unknown): a unit by its id, the others by
    their codes.
    """

    day = models.DateField()
    town = models.CharField(max_length=9, default="")
    dim = models.CharField(max_length=10)
    key = models.CharField(max_length=60)
    status = models.CharField(max_length=10)
    n = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("dim", "day", "town", "key", "status"), name="tally_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.town} {self.dim}={self.key} {self.status}: {self.n}"
