"""URLs of the pages for whistles and task forces."""

from django.urls import path

from yinghu.web.oversight import shared_cases, whistle_create, whistles

urlpatterns = [
    path("desk/whistles", whistles.whistles_page, name="whistles"),
    path("desk/whistles/new", whistle_create.whistle_create_page, name="whistle_new"),
    path("desk/shared", shared_cases.list_shared_cases, name="shared"),
]
