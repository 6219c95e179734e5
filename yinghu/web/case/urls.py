"""URLs of the page of one case."""

from django.urls import path

from yinghu.web.case import errands, views

urlpatterns = [
    path("t/<str:token>/photo/<int:photo_id>", views.own_photo, name="own_photo"),
    path("desk/case/<str:number>", views.page, name="case"),
    path("desk/case/<str:number>/errands", errands.page, name="errands"),
    path("desk/case/<str:number>/errands/<str:verb>", errands.act, name="errands_act"),
    path("desk/case/<str:number>/reveal", views.reveal, name="reveal"),
    path("desk/case/<str:number>/<str:verb>", views.act, name="act"),
    path("photo/<int:photo_id>", views.photo, name="photo"),
]
