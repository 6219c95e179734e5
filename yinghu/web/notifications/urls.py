"""Addresses of the pages for the bell."""

from django.urls import path

from yinghu.web.notifications import views

urlpatterns = [
    path("desk/notices", views.page, name="notices"),
    path("desk/notices/bell", views.bell, name="bell"),
    path("desk/notices/read", views.read, name="notices_read"),
    path("desk/notices/failed", views.failed, name="notices_failed"),
    path("desk/notices/again", views.again, name="notices_again"),
    path("desk/notices/<int:pk>", views.open_one, name="notice"),
]
