"""Production's URLs and the bare page, which other pages are compared with."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from yinghu.appeals.models import Category
from yinghu.site.urls import handler400
from yinghu.site.urls import urlpatterns as production

__all__ = ["handler400", "urlpatterns"]


def bare_page(request: HttpRequest) -> HttpResponse:
    """Render the base template without content or user, after one query."""
    Category.objects.filter(code="milk").first()
    return render(request, "ui/base.html")


urlpatterns = [path("bare", bare_page), *production]
