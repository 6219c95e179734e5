"""URLs for finders and families, and of the desk's scans."""

from django.urls import path

from yinghu.web.guardian import family_scan_views, finder_views, scan_views

urlpatterns = [
    path("g", finder_views.number_page, name="guardian_number"),
    path("g/s/<str:token>", finder_views.scan_page, name="guardian_scan"),
    path("g/w/<str:token>", family_scan_views.watch_page, name="guardian_watch"),
    path(
        "g/w/<str:token>/photo/<int:entry_id>",
        family_scan_views.watch_photo,
        name="guardian_watch_photo",
    ),
    path("g/<str:code>", finder_views.tag_page, name="guardian_tag"),
    path("desk/guardian/scans", scan_views.list_scans, name="guardian_scans"),
    path("desk/guardian/scans/report", scan_views.report_call, name="guardian_scan_report"),
    path("desk/guardian/scans/<int:scan_id>", scan_views.show_scan_page, name="guardian_scan_one"),
    path(
        "desk/guardian/scans/<int:scan_id>/photo/<int:entry_id>",
        scan_views.scan_photo,
        name="guardian_scan_photo",
    ),
]
