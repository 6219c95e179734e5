"""URLs of the board and the rates."""

from django.urls import path

from yinghu.web.statistics import dashboard, rates

urlpatterns = [
    path("board", dashboard.board_page, name="board"),
    path("rates", rates.rates_page, name="rates"),
    path("rates.xlsx", rates.export_rates, name="rates_xlsx"),
]
