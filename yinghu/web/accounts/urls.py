"""URLs of logging in and invitations."""

from django.urls import path

from yinghu.web.accounts import invitations, views

urlpatterns = [
    path("login", views.login_page, name="login"),
    path("demo-login", views.demo_login, name="demo_login"),
    path("demo-pass", views.demo_pass_time, name="demo_pass"),
    path("desk", views.home, name="desk"),
    path("setup/user/<str:key>/invite", invitations.invite_login, name="invite"),
    path("setup/user/<str:key>/revoke", invitations.revoke_invitation, name="invite_revoke"),
    path("invite/<str:secret>", invitations.accept_invitation, name="invited"),
]
