"""URLs of the page of one case."""

from django.urls import path

from yinghu.web.case import errands, views

urlpatterns = [
    path("t/<str:token>/photo/<int:photo_id>", views.requester_photo, name="own_photo"),
    path("desk/case/<str:number>", views.case_detail, name="case"),
    path("desk/case/<str:number>/errands", errands.errands_page, name="errands"),
    path("desk/case/<str:number>/errands/<str:verb>", errands.errands_act, name="errands_act"),
    path("desk/case/<str:number>/reveal", views.case_reveal, name="reveal"),
    path("desk/case/<str:number>/<str:verb>", views.case_act, name="act"),
    path("photo/<int:photo_id>", views.staff_photo, name="photo"),
]
