"""Addresses of the pages for logging in and invitations."""

from django.urls import path

from yinghu.web.accounts import invitations, views

urlpatterns = [
    path("login", views.login_page, name="login"),
    path("demo-login", views.demo_login, name="demo_login"),
    path("demo-pass", views.demo_pass, name="demo_pass"),
    path("desk", views.desk, name="desk"),
    path("setup/user/<str:key>/invite", invitations.invite, name="invite"),
    path("setup/user/<str:key>/revoke", invitations.revoke, name="invite_revoke"),
    path("invite/<str:secret>", invitations.invited, name="invited"),
]
