"""Addresses of the pages for the desks."""

from django.urls import path

from yinghu.web.queues import snooze, views, worklists

urlpatterns = [
    path("desk/triage", views.triage, name="triage"),
    path("desk/dispatch", views.dispatch, name="dispatch"),
    path("desk/inbox", views.inbox, name="inbox"),
    path("desk/callback", views.callback, name="callback"),
    path("desk/skip", snooze.skip, name="skip"),
    path("desk/unskip", snooze.unskip, name="unskip"),
    path("desk/own", worklists.own, name="own"),
    path("desk/oversight", worklists.oversight, name="oversight"),
    path("desk/badges", views.badges, name="badges"),
    path("desk/areas", views.areas, name="areas"),
]
