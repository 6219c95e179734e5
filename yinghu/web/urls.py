"""URLs of all pages, from the `urls.py` of each package."""

from django.urls import include, path

urlpatterns = [
    path("", include("yinghu.web.citizen.urls")),
    path("", include("yinghu.web.guardian.urls")),
    # Before `field`, whose /field/<number>/<verb> would match /field/-/me.
    path("", include("yinghu.web.volunteers.urls")),
    path("", include("yinghu.web.field.urls")),
    path("", include("yinghu.web.case.urls")),
    path("", include("yinghu.web.accounts.urls")),
    path("", include("yinghu.web.queues.urls")),
    path("", include("yinghu.web.cases.urls")),
    path("", include("yinghu.web.admin.urls")),
    path("", include("yinghu.web.oversight.urls")),
    path("", include("yinghu.web.notifications.urls")),
    path("", include("yinghu.web.statistics.urls")),
    path("", include("yinghu.ui.urls")),
]
