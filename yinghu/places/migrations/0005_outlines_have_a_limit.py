"""Outlines of more points than may be imported now are simplified as far as it takes."""

import json

import shapely
from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from shapely.geometry import shape

from yinghu.places.importing import MAX_POINTS, limit_points


def limit_outlines(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    for name in ("Area", "Zone"):
        rows = apps.get_model("places", name).objects.exclude(outline=None)
        for pk, outline in rows.values_list("pk", "outline").iterator(chunk_size=50):
            geometry = shape(outline) if outline else None
            if geometry is not None and shapely.get_num_coordinates(geometry) > MAX_POINTS:
                limited = limit_points(geometry, 1.0)
                rows.filter(pk=pk).update(outline=json.loads(shapely.to_geojson(limited)))


class Migration(migrations.Migration):
    dependencies = [("places", "0004_errands")]
    operations = [migrations.RunPython(limit_outlines, migrations.RunPython.noop)]
