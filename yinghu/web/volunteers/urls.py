"""URLs of the pages for volunteers and their coordinators."""

from django.urls import path

from yinghu.web.volunteers import joining, roster, views, volunteer_profile

urlpatterns = [
    path("join/<slug:unit_code>", joining.join, name="join"),
    path("join/<slug:unit_code>/qr.svg", joining.join_qr, name="join_qr"),
    path("volunteer", joining.log_in_by_phone, name="volunteer"),
    path("desk/volunteers", views.volunteers_page, name="volunteers"),
    path("desk/volunteers/-/add", views.volunteer_add, name="volunteer_add"),
    path("desk/volunteers/-/roster", roster.show_roster, name="roster"),
    path("desk/volunteers/-/roster/<int:pk>/remove", roster.remove_shift, name="shift_remove"),
    path("desk/volunteers/-/poster/<slug:unit_code>", joining.poster, name="join_poster"),
    path("desk/volunteers/<str:key>", views.volunteer_page, name="volunteer_one"),
    path("desk/volunteers/<str:key>/<str:verb>", views.volunteer_act, name="volunteer_act"),
    path("field/-/me", volunteer_profile.profile_page, name="field_me"),
    path("field/-/me/<str:verb>", volunteer_profile.profile_act, name="field_me_act"),
    path("field/-/certificate", volunteer_profile.certificate_page, name="certificate"),
    path("certificate/<str:token>", volunteer_profile.certificate_check, name="certificate_check"),
]
