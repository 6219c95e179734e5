"""URLs of the bell and the list of notices."""

from django.urls import path

from yinghu.web.notifications import views

urlpatterns = [
    path("desk/notices", views.notices_page, name="notices"),
    path("desk/notices/bell", views.bell_part, name="bell"),
    path("desk/notices/read", views.mark_notices_read, name="notices_read"),
    path("desk/notices/failed", views.failed_deliveries, name="notices_failed"),
    path("desk/notices/again", views.retry_deliveries, name="notices_again"),
    path("desk/notices/<int:pk>", views.open_notice, name="notice"),
]
