"""Addresses of the set-up. A lone - stands where a row's key would."""

from django.urls import include, path

from yinghu.web.admin import (
    files,
    first_run,
    histories,
    routing_rules,
    routing_sandbox,
    sticker_sheet,
)
from yinghu.web.admin import views as admin_views

_SETUP = [
    path("", admin_views.index, name="setup"),
    path("history", histories.everything, name="setup_history"),
    path("guide", first_run.page, name="guide"),
    path("guide/later", first_run.later, name="guide_later"),
    path("guide/starter", first_run.starter, name="guide_starter"),
    path("guide/alone", first_run.alone, name="guide_alone"),
    path("place/-/sheet", sticker_sheet.page, name="setup_sheet"),
    path("rule/", routing_rules.listing, name="rules"),
    path("rule/-/send", routing_rules.rule_send, name="rule_send"),
    path("rule/-/new", routing_rules.rule_new, name="rule_new"),
    path("rule/<str:key>/preview", routing_rules.rule_preview, name="rule_preview"),
    path("rule/<str:key>/move", routing_rules.rule_move, name="rule_move"),
    path("<slug:name>/", admin_views.listing, name="setup_list"),
    path("<slug:name>/-/new", admin_views.new, name="setup_new"),
    path("<slug:name>/-/export", files.export, name="setup_export"),
    path("<slug:name>/-/import", files.take_in, name="setup_import"),
    path("rule/<str:key>", routing_rules.rule, name="rule"),
    path("<slug:name>/<str:key>", admin_views.edit, name="setup_row"),
    path("<slug:name>/<str:key>/history", histories.of_row, name="setup_row_history"),
    path("<slug:name>/<str:key>/retire", admin_views.retire, name="setup_retire"),
    path("<slug:name>/<str:key>/restore", admin_views.restore, name="setup_restore"),
]

urlpatterns = [
    path("setup/", include(_SETUP)),
    path("desk/try", routing_sandbox.try_rules, name="try_rules"),
]
