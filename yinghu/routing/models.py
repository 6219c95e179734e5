"""Routing rules, which say to which unit an appeal goes."""

from django.db import models


class RoutingRule(models.Model):
    """Every condition that is set must hold; the first active rule in `order` chooses the unit.

    `category` and `area` match as prefixes, `field` names one of the category's questions (such as
    `hospital`) whose answer must equal `value`.
    """

    order = models.PositiveIntegerField(unique=True)
    category = models.CharField(max_length=60, blank=True)
    klass = models.CharField(max_length=8, blank=True)
    area = models.CharField(max_length=24, blank=True)
    channel = models.CharField(max_length=40, blank=True)
    field = models.CharField(max_length=40, blank=True)
    value = models.CharField(max_length=80, blank=True)
    unit = models.ForeignKey("people.Unit", models.PROTECT)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("order",)

    def __str__(self) -> str:
        return f"{self.order}: {self.category or '*'} → {self.unit}"
