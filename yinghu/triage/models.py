"""Machine suggestions, duplicates, search words and trained models."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Suggestion(models.Model):
    """Category, class, area and urgency suggested for an appeal, each with a confidence, 0 to 1.

    Without evidence the urgency is 1 and its confidence 0. `why` holds the matched words; `source`
    is "requester", "lexicon" or "classifier <version>".
    """

    appeal = models.OneToOneField("appeals.Appeal", models.CASCADE, primary_key=True)
    category = models.ForeignKey("appeals.Category", models.CASCADE, null=True, db_index=False)
    category_confidence = models.FloatField(default=0)
    klass = models.CharField(max_length=8, blank=True)
    klass_confidence = models.FloatField(default=0)
    area = models.ForeignKey("places.Area", models.CASCADE, null=True, db_index=False)
    area_confidence = models.FloatField(default=0)
    urgency = models.PositiveSmallIntegerField(default=1)
    urgency_confidence = models.FloatField(default=0)
    why = models.JSONField(default=list)
    source = models.CharField(max_length=40)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = (
            # What may be urgent, however many wait.
            models.Index(fields=("appeal",), name="suggestion_urgent", condition=Q(urgency__gt=1)),
        )

    def __str__(self) -> str:
        return f"{self.appeal_id}: {self.category_id} ({self.source})"


class Duplicate(models.Model):
    """`other` is earlier, and likely the same matter as `appeal`; `score` is from 0 to 1, `why` the
    names of reasons (`likeness.REASONS`), separated by spaces.
    """

    appeal = models.ForeignKey("appeals.Appeal", models.CASCADE, related_name="duplicates")
    other = models.ForeignKey("appeals.Appeal", models.CASCADE, related_name="repeated_by")
    score = models.FloatField()
    why = models.CharField(max_length=40)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("appeal", "other"), name="duplicate_once"),)

    def __str__(self) -> str:
        return f"{self.appeal_id} ~ {self.other_id}"


class Words(models.Model):
    """An appeal's words as a search vector: character bigrams for Chinese, else whole words; and
    the bands by which appeals with nearly the same words are found (`signatures`).
    """

    appeal = models.OneToOneField("appeals.Appeal", models.CASCADE, primary_key=True)
    vector = SearchVectorField()
    bands = ArrayField(models.IntegerField(), null=True)

    class Meta:
        indexes = (
            GinIndex(fields=("vector",), name="words_vector"),
            GinIndex(fields=("bands",), name="words_bands"),
        )

    def __str__(self) -> str:
        return str(self.appeal_id)


class TrainedModel(models.Model):
    """A model trained on people's decisions, as npz: the newest one `in_use` of its subject.

    `accuracy` is its own, `baseline_accuracy` that of what it replaces: the lexicon, or for urgency
    a model without the judged alarms. `base` is the version of the shipped model beside which one
    of urgency was trained; beside another it is not used.
    """

    class Subject(models.TextChoices):
        CATEGORY = "category"
        URGENCY = "urgency"

    subject = models.CharField(
        max_length=10,
        choices=Subject.choices,
        default=Subject.CATEGORY,
        db_default=Subject.CATEGORY,
    )
    weights = models.BinaryField()
    decisions = models.PositiveIntegerField()
    accuracy = models.FloatField()
    baseline_accuracy = models.FloatField()
    base = models.CharField(max_length=64, blank=True, default="", db_default="")
    in_use = models.BooleanField(default=False)
    made_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"classifier {self.pk}"
