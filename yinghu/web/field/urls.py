"""URLs of the pages for volunteers and grid workers outdoors."""

from django.urls import path

from yinghu.web.field import legs, offline_sync, pwa, shopping, views

urlpatterns = [
    path("manifest.webmanifest", pwa.show_manifest, name="manifest"),
    path("sw.js", pwa.serve_service_worker, name="worker"),
    path("app-icon/<slug:name>.png", pwa.serve_app_icon, name="app_icon"),
    path("field", views.field_page, name="field"),
    path("field/-/map", views.field_map, name="field_map"),
    path("field/-/done", views.field_done, name="field_done"),
    path("field/-/reported", views.field_reported, name="field_reported"),
    path("field/-/offline", pwa.show_offline_page, name="offline"),
    path("field/-/records", offline_sync.sync_records, name="records"),
    path("field/-/leg/<int:leg_id>", legs.leg_page, name="leg"),
    path("field/-/leg/<int:leg_id>/photo/<int:photo_id>", legs.leg_photo, name="leg_photo"),
    path("field/-/leg/<int:leg_id>/<str:verb>", legs.leg_act, name="leg_act"),
    path("field/-/shopping", shopping.shopping_page, name="shopping"),
    path("field/-/shopping/<str:verb>", shopping.shopping_act, name="shopping_act"),
    path("field/<str:number>", views.task_page, name="task"),
    path("field/<str:number>/<str:verb>", views.task_act, name="field_act"),
]
