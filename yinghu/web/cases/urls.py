"""Addresses of the pages for all cases."""

from django.urls import path

from yinghu.web.cases import batch, views

urlpatterns = [
    path("desk/search", views.page, name="search"),
    path("desk/cases", views.page, name="cases"),
    path("desk/cases.csv", views.export, name="cases_csv"),
    path("desk/cases/save", views.save_view, name="save_view"),
    path("desk/cases/view/<int:pk>/rename", views.rename_view, name="rename_view"),
    path("desk/cases/view/<int:pk>/delete", views.delete_view, name="delete_view"),
    path("desk/batch", batch.batch, name="batch"),
    path("desk/batch/undo", batch.undo, name="batch_undo"),
]
