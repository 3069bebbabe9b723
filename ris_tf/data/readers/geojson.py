"""Read GeoJSON as QuPath writes it: NAME.geojson or NAME.json beside NAME.tif, polygons in pixels of the stored image.

A file holds a FeatureCollection, a list of features or one feature. Polygons and multipolygons, with their holes, are
objects; other geometries are left out. The category is the name of a feature's classification.
"""

from collections import Counter
from functools import partial

from ris_tf.data.readers.beside import beside
from ris_tf.data.readers.json_files import read_json
from ris_tf.data.readers.outlines import Annotated, Outline, paint_polygons
from ris_tf.errors import DataError
from ris_tf.wording import counted

_EXPECTED = "expected GeoJSON with polygons in pixels"
_CELLS = {"cell", "detection"}  # QuPath's types of objects that lie in annotations
_REGIONS = ("tile", "tma_core", "root")  # its types of regions that are no objects


def features(file):
    """Reads the features of a GeoJSON file: list.

    Raises:
        DataError: the file cannot be read, or is no GeoJSON.
    """
    content = read_json(file, _EXPECTED)
    if isinstance(content, dict):
        content = content.get("features") if content.get("type") == "FeatureCollection" else [content]
    if not isinstance(content, list):
        raise DataError(f"{file}: has no list of features; {_EXPECTED}")
    return content


def _parse(file, image_file):
    outlines, wrong, kinds = [], Counter(), Counter()
    for feature in features(file):
        try:
            properties = feature.get("properties") or {}
            kind, polygons = polygons_of(feature["geometry"])
            stands_for = properties.get("objectType")
            if stands_for in _REGIONS:
                wrong[f"of the type {stands_for!r}"] += 1
            elif polygons:
                kinds[stands_for] += 1
                outlines.append(Outline(category_of(properties), partial(paint_polygons, polygons)))
            else:
                wrong[f"of the type {str(kind)[:20]!r}"] += 1
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError):
            wrong["without the coordinates of a polygon"] += 1
    cells = sum(kinds[kind] for kind in _CELLS)
    if cells and kinds["annotation"]:
        found = counted(cells, "cell or detection", "cells or detections")
        raise DataError(
            f"{file}: has {counted(kinds['annotation'], 'annotation')} and {found}; expected one kind, because "
            "annotations may be regions that contain the cells; in QuPath, export only the objects"
        )
    return Annotated(outlines, wrong)


def polygons_of(geometry):
    """The type of a geometry, and its polygons for `paint_polygons`; an empty list for another type."""
    kind, coordinates = geometry["type"], geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon"):
        return kind, []
    polygons = [coordinates] if kind == "Polygon" else coordinates
    found = [(_flat(rings[0]), [_flat(ring) for ring in rings[1:]]) for rings in polygons]
    if not found:
        raise ValueError
    return kind, found


def _flat(ring):
    points = [(float(point[0]), float(point[1])) for point in ring]
    if points[0] == points[-1]:
        points = points[:-1]  # rings end where they begin
    if len(points) < 3:
        raise ValueError
    return [value for point in points for value in point]


def category_of(properties):
    found = properties.get("classification")
    return str((found.get("name") if isinstance(found, dict) else found) or "")


def _is_one(file):
    if file.suffix.lower() == ".geojson":
        return True  # if it is not, `_parse` says so
    try:
        return all("geometry" in feature for feature in features(file))
    except (DataError, TypeError):
        return False


LAYOUT = beside("GeoJSON", (".geojson", ".json"), _is_one, _parse, as_viewed=False)
