"""URLs for those who hand out strips."""

from django.urls import path

from yinghu.web.guardian import tag_activation, tag_batches, tag_page

urlpatterns = [
    path("desk/guardian", tag_batches.batches_page, name="guardian_tags"),
    path("desk/guardian/batch/new", tag_batches.batch_new, name="guardian_batch_new"),
    path("desk/guardian/batch/<int:pk>", tag_batches.batch_page, name="guardian_batch"),
    path(
        "desk/guardian/batch/<int:pk>/mark/<str:step>",
        tag_batches.batch_mark,
        name="guardian_batch_mark",
    ),
    path(
        "desk/guardian/batch/<int:pk>/sheets/<int:section>",
        tag_batches.batch_sheets,
        name="guardian_sheets",
    ),
    path(
        "desk/guardian/batch/<int:pk>/addresses",
        tag_batches.batch_addresses,
        name="guardian_addresses",
    ),
    path("desk/guardian/activate", tag_activation.activate_page, name="guardian_activate"),
    path(
        "desk/guardian/activate/<str:code>",
        tag_activation.activate_page,
        name="guardian_activate_code",
    ),
    path("desk/guardian/tag", tag_page.tag_find, name="guardian_tag_find"),
    path("desk/guardian/tag/<str:number>", tag_page.tag_one, name="guardian_tag"),
    path("desk/guardian/tag/<str:number>/<str:step>", tag_page.tag_act, name="guardian_tag_act"),
]
