"""Messages from outside as they were received, and one-time codes."""

from django.db import models
from django.db.models.functions import Now


class Message(models.Model):
    """A message of one channel, sealed as `raw`; `appeal` is null if it failed with `error`."""

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
    """A single-use code sent to a phone, which proves that the sender holds the phone.

    `caller` is the phone's blind index, `digest` a keyed hash of the code and its purpose, `sender`
    one of the phone and the address that asked. `known`: that device had proved the phone before.
    """

    id = models.BigAutoField(primary_key=True)
    caller = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    sender = models.BinaryField(max_length=16, default=b"", db_default=b"")
    known = models.BooleanField(default=False, db_default=False)
    tries = models.PositiveSmallIntegerField(default=0)
    tries_elsewhere = models.PositiveSmallIntegerField(default=0, db_default=0)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("caller", "-id"), name="code_of"),)

    def __str__(self) -> str:
        return str(self.pk)
