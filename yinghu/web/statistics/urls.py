"""Addresses of the pages for the board and the rates."""

from django.urls import path

from yinghu.web.statistics import dashboard, rates

urlpatterns = [
    path("board", dashboard.page, name="board"),
    path("rates", rates.page, name="rates"),
    path("rates.xlsx", rates.export, name="rates_xlsx"),
]
