"""URLs of the set-up; "-" stands in place of a row key for actions without a row."""

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
    path("", admin_views.show_setup, name="setup"),
    path("history", histories.list_all_changes, name="setup_history"),
    path("guide", first_run.show_guide, name="guide"),
    path("guide/later", first_run.dismiss_guide, name="guide_later"),
    path("guide/starter", first_run.add_starter_rows, name="guide_starter"),
    path("guide/alone", first_run.take_all_posts, name="guide_alone"),
    path("place/-/sheet", sticker_sheet.show_stickers, name="setup_sheet"),
    path("rule/", routing_rules.list_rules, name="rules"),
    path("rule/-/send", routing_rules.send_by_rules, name="rule_send"),
    path("rule/-/new", routing_rules.create_rule, name="rule_new"),
    path("rule/<str:key>/preview", routing_rules.preview_rule, name="rule_preview"),
    path("rule/<str:key>/move", routing_rules.move_rule, name="rule_move"),
    path("<slug:name>/", admin_views.list_rows, name="setup_list"),
    path("<slug:name>/-/new", admin_views.create_row, name="setup_new"),
    path("<slug:name>/-/export", files.export_rows, name="setup_export"),
    path("<slug:name>/-/import", files.import_rows, name="setup_import"),
    path("rule/<str:key>", routing_rules.edit_rule, name="rule"),
    path("<slug:name>/<str:key>", admin_views.edit_row, name="setup_row"),
    path("<slug:name>/<str:key>/history", histories.list_row_changes, name="setup_row_history"),
    path("<slug:name>/<str:key>/retire", admin_views.retire_row, name="setup_retire"),
    path("<slug:name>/<str:key>/restore", admin_views.restore_row, name="setup_restore"),
]

urlpatterns = [
    path("setup/", include(_SETUP)),
    path("desk/try", routing_sandbox.try_rules, name="try_rules"),
]
