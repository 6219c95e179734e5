"""URLs of the requesters' pages."""

from django.urls import path

from yinghu.web.citizen import requester_cases, views

urlpatterns = [
    path("", views.start_page, name="start"),
    path("file", views.file_page, name="file"),
    path("find", views.find_page, name="find"),
    path("mine", requester_cases.show_my_cases, name="mine"),
    path("mine/leave", requester_cases.close_my_cases, name="mine_leave"),
    path("p/<slug:place_code>", views.file_page, name="file_at"),
    path("p/<slug:place_code>/qr.svg", views.place_qr, name="place_qr"),
    path("t/<str:token>", views.track_page, name="track"),
    path("t/<str:token>/filed", views.filed_page, name="filed"),
    path("t/<str:token>/qr.svg", views.track_qr, name="track_qr"),
    path("t/<str:token>/<str:verb>", views.track_act, name="say"),
]
