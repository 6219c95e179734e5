"""What belongs to a desk and its user, and is no part of any appeal."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Skip(models.Model):
    """A case that somebody left for later: out of their own list until `until`, then back."""

    user = models.ForeignKey("people.User", models.CASCADE)
    appeal = models.ForeignKey("appeals.Appeal", models.CASCADE, related_name="skips")
    until = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "appeal"), name="skip_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.appeal_id}"


class SavedView(models.Model):
    """A filter of the list of cases that somebody keeps: `query` is what stands behind the ?."""

    user = models.ForeignKey("people.User", models.CASCADE, related_name="views")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=600)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="view_once"),)

    def __str__(self) -> str:
        return self.name


class Viewing(models.Model):
    """Somebody has this case open: said again while the page lives, forgotten when it is old."""

    user = models.ForeignKey("people.User", models.CASCADE)
    appeal = models.ForeignKey("appeals.Appeal", models.CASCADE, related_name="viewings")
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=("appeal", "user"), name="viewing_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.appeal_id}"


class GuidePutOff(models.Model):
    """An administrator who does not want to begin at the first-run guide any more."""

    user = models.OneToOneField("people.User", models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.user_id}"
