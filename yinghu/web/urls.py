"""Addresses of the pages."""

from django.urls import include, path

from yinghu.web import account, case, citizen, command, desk, field, geo, styleguide

urlpatterns = [
    path("", citizen.start, name="start"),
    path("file", citizen.file, name="file"),
    path("find", citizen.find, name="find"),
    path("p/<slug:place_code>", citizen.file, name="file_at"),
    path("p/<slug:place_code>/qr.svg", citizen.place_qr, name="place_qr"),
    path("t/<str:token>", citizen.track, name="track"),
    path("t/<str:token>/filed", citizen.filed, name="filed"),
    path("t/<str:token>/qr.svg", citizen.track_qr, name="track_qr"),
    path("t/<str:token>/photo/<int:photo_id>", case.own_photo, name="own_photo"),
    path("t/<str:token>/<str:verb>", citizen.say, name="say"),
    path("login", account.login_page, name="login"),
    path("demo-login", account.demo_login, name="demo_login"),
    path("desk", account.desk, name="desk"),
    path("desk/triage", desk.triage, name="triage"),
    path("desk/dispatch", desk.dispatch, name="dispatch"),
    path("desk/inbox", desk.inbox, name="inbox"),
    path("desk/callback", desk.callback, name="callback"),
    path("desk/search", desk.search, name="search"),
    path("desk/areas", desk.areas, name="areas"),
    path("desk/places", desk.places, name="places"),
    path("desk/places/<slug:place_code>/sticker", desk.sticker, name="sticker"),
    path("desk/case/<str:number>", case.page, name="case"),
    path("desk/case/<str:number>/reveal", case.reveal, name="reveal"),
    path("desk/case/<str:number>/<str:verb>", case.act, name="act"),
    path("photo/<int:photo_id>", case.photo, name="photo"),
    path("field", field.field, name="field"),
    path("field/<str:number>", field.task, name="task"),
    path("field/<str:number>/<str:verb>", field.act, name="field_act"),
    path("board", command.page, name="board"),
    path("setup/", include("yinghu.web.setup.urls")),
    path("styleguide", styleguide.page, name="styleguide"),
    path("geo/at", geo.at, name="geo_at"),
    path("geo/<str:code>.json", geo.area, name="geo_area"),
]
