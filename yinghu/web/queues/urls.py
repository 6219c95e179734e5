"""URLs of the desks and worklists."""

from django.urls import path

from yinghu.web.queues import alarms, snooze, views, worklists

urlpatterns = [
    path("desk/triage", views.desk_page("triage"), name="triage"),
    path("desk/dispatch", views.desk_page("dispatch"), name="dispatch"),
    path("desk/inbox", views.desk_page("inbox"), name="inbox"),
    path("desk/callback", views.desk_page("callback"), name="callback"),
    path("desk/skip", snooze.skip, name="skip"),
    path("desk/unskip", snooze.unskip, name="unskip"),
    path("desk/own", worklists.show_own_worklist, name="own"),
    path("desk/oversight", worklists.show_oversight_worklist, name="oversight"),
    path("desk/alarms", alarms.show_alarms, name="alarms"),
    path("desk/badges", views.desk_badges, name="badges"),
    path("desk/areas", views.desk_area_hints, name="areas"),
]
