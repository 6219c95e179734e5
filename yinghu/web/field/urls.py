"""URLs of the pages for volunteers and grid workers outdoors."""

from django.urls import path

from yinghu.web.field import legs, offline_sync, pwa, shopping, views

urlpatterns = [
    path("manifest.webmanifest", pwa.show_manifest, name="manifest"),
    path("sw.js", pwa.serve_service_worker, name="worker"),
    path("app-icon/<slug:name>.png", pwa.serve_app_icon, name="app_icon"),
    path("field", views.field, name="field"),
    path("field/-/map", views.around, name="field_map"),
    path("field/-/done", views.done, name="field_done"),
    path("field/-/offline", pwa.show_offline_page, name="offline"),
    path("field/-/records", offline_sync.sync_records, name="records"),
    path("field/-/leg/<int:leg_id>", legs.page, name="leg"),
    path("field/-/leg/<int:leg_id>/photo/<int:photo_id>", legs.photo, name="leg_photo"),
    path("field/-/leg/<int:leg_id>/<str:verb>", legs.act, name="leg_act"),
    path("field/-/shopping", shopping.page, name="shopping"),
    path("field/-/shopping/<str:verb>", shopping.act, name="shopping_act"),
    path("field/<str:number>", views.task, name="task"),
    path("field/<str:number>/<str:verb>", views.act, name="field_act"),
]
