"""URLs for those who look after protected people."""

from django.urls import path

from yinghu.web.guardian import family_views, people_views

_PEOPLE = "desk/guardian/people"

urlpatterns = [
    path("family", family_views.family_page, name="family"),
    path("family/apply", family_views.family_apply, name="family_apply"),
    path("family/leave", family_views.family_leave, name="family_leave"),
    path("family/<int:pk>", family_views.family_person, name="family_person"),
    path("family/<int:pk>/photo", family_views.family_photo, name="family_photo"),
    path(_PEOPLE, people_views.people_page, name="guardian_people"),
    path(f"{_PEOPLE}/new", people_views.person_new, name="guardian_person_new"),
    path(f"{_PEOPLE}/<int:pk>", people_views.person_page, name="guardian_person"),
    path(f"{_PEOPLE}/<int:pk>/edit", people_views.person_edit, name="guardian_person_edit"),
    path(f"{_PEOPLE}/<int:pk>/photo", people_views.person_photo, name="guardian_person_photo"),
    path(f"{_PEOPLE}/<int:pk>/<str:verb>", people_views.person_act, name="guardian_person_act"),
]
