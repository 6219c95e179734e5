"""Addresses of the set-up, below /setup/. A lone - stands where a row's key would."""

from django.urls import path

from yinghu.web.setup import files, histories, sheet, views

urlpatterns = [
    path("", views.index, name="setup"),
    path("history", histories.everything, name="setup_history"),
    path("place/-/sheet", sheet.page, name="setup_sheet"),
    path("<slug:name>/", views.listing, name="setup_list"),
    path("<slug:name>/-/new", views.new, name="setup_new"),
    path("<slug:name>/-/export", files.export, name="setup_export"),
    path("<slug:name>/-/import", files.take_in, name="setup_import"),
    path("<slug:name>/<str:key>", views.row, name="setup_row"),
    path("<slug:name>/<str:key>/history", histories.of_row, name="setup_row_history"),
    path("<slug:name>/<str:key>/retire", views.retire, name="setup_retire"),
    path("<slug:name>/<str:key>/restore", views.restore, name="setup_restore"),
]
