"""Tables of the staff pages: data of users that is not part of an appeal."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Skip(models.Model):
    """A snoozed case: hidden from the user's own lists until `until`."""

    user = models.ForeignKey("people.User", models.CASCADE)
    appeal = models.ForeignKey("appeals.Appeal", models.CASCADE, related_name="skips")
    until = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "appeal"), name="skip_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.appeal_id}"


class SavedView(models.Model):
    """A saved filter of the case list; `query` is the URL's query string, without the `?`."""

    user = models.ForeignKey("people.User", models.CASCADE, related_name="views")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=600)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="view_once"),)

    def __str__(self) -> str:
        return self.name


class Viewing(models.Model):
    """A user has this case open. Renewed while the page is open; old rows are deleted."""

    user = models.ForeignKey("people.User", models.CASCADE)
    appeal = models.ForeignKey("appeals.Appeal", models.CASCADE, related_name="viewings")
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=("appeal", "user"), name="viewing_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.appeal_id}"


class GuidePutOff(models.Model):
    """An administrator who has dismissed the first-run guide as landing page."""

    user = models.OneToOneField("people.User", models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.user_id}"
