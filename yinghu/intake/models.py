"""Every message from outside, as it came, before anybody understood it."""

from django.db import models
from django.db.models.functions import Now


class Message(models.Model):
    """One message of one channel, once; `raw` is sealed, for it holds names and phones.

    `appeal` is null while nothing could be made of it; `error` then says why.
    """

    id = models.BigAutoField(primary_key=True)
    channel = models.CharField(max_length=40)
    external_id = models.CharField(max_length=120)
    raw = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())
    appeal = models.ForeignKey("appeals.Appeal", models.PROTECT, null=True, db_index=False)
    error = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("channel", "external_id"), name="message_once"),
        )

    def __str__(self) -> str:
        return f"{self.channel}/{self.external_id}"


class Code(models.Model):
    """A code that was sent to a phone, whose holder shows by it that they are: used once.

    `caller` is the phone's blind index, `digest` a keyed hash of the code and of what it opens.
    """

    id = models.BigAutoField(primary_key=True)
    caller = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    tries = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("caller", "-id"), name="code_of"),)

    def __str__(self) -> str:
        return str(self.pk)
