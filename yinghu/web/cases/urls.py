"""URLs of the case list."""

from django.urls import path

from yinghu.web.cases import batch, views

urlpatterns = [
    path("desk/search", views.cases_page, name="search"),
    path("desk/cases", views.cases_page, name="cases"),
    path("desk/cases.csv", views.export_cases, name="cases_csv"),
    path("desk/cases/save", views.save_view, name="save_view"),
    path("desk/cases/view/<int:pk>/rename", views.rename_view, name="rename_view"),
    path("desk/cases/view/<int:pk>/delete", views.delete_view, name="delete_view"),
    path("desk/batch", batch.batch_page, name="batch"),
    path("desk/batch/undo", batch.undo_batch, name="batch_undo"),
]
