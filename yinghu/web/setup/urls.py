"""Addresses of the set-up, below /setup/. A lone - stands where a row's key would."""

from django.urls import path

from yinghu.web import guide, rules
from yinghu.web.setup import files, histories, sheet, views

urlpatterns = [
    path("", views.index, name="setup"),
    path("history", histories.everything, name="setup_history"),
    path("guide", guide.page, name="guide"),
    path("guide/later", guide.later, name="guide_later"),
    path("guide/starter", guide.starter, name="guide_starter"),
    path("guide/alone", guide.alone, name="guide_alone"),
    path("place/-/sheet", sheet.page, name="setup_sheet"),
    path("rule/", rules.listing, name="rules"),
    path("rule/-/send", rules.rule_send, name="rule_send"),
    path("rule/-/new", rules.rule_new, name="rule_new"),
    path("rule/<str:key>/preview", rules.rule_preview, name="rule_preview"),
    path("rule/<str:key>/move", rules.rule_move, name="rule_move"),
    path("<slug:name>/", views.listing, name="setup_list"),
    path("<slug:name>/-/new", views.new, name="setup_new"),
    path("<slug:name>/-/export", files.export, name="setup_export"),
    path("<slug:name>/-/import", files.take_in, name="setup_import"),
    path("rule/<str:key>", rules.rule, name="rule"),
    path("<slug:name>/<str:key>", views.row, name="setup_row"),
    path("<slug:name>/<str:key>/history", histories.of_row, name="setup_row_history"),
    path("<slug:name>/<str:key>/retire", views.retire, name="setup_retire"),
    path("<slug:name>/<str:key>/restore", views.restore, name="setup_restore"),
]
