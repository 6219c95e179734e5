"""Counters behind the board. `tally.py` folds events into them; nothing else writes them."""

from django.db import models


class Tally(models.Model):
    """How many appeals filed on `day` stand at `status` now, along one dimension.

    `dim` is all, klass, category, unit, town or channel; `key` its value ("" for unknown).
    """

    day = models.DateField()
    dim = models.CharField(max_length=10)
    key = models.CharField(max_length=60)
    status = models.CharField(max_length=10)
    n = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("dim", "day", "key", "status"), name="tally_once"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.dim}={self.key} {self.status}: {self.n}"
