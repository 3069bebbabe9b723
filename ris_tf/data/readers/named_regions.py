"""Read regions of interest from GeoJSON: polygons with a name, in pixels of the stored image, as QuPath writes them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ris_tf.data.readers import geojson
from ris_tf.data.readers.outlines import paint_polygons
from ris_tf.errors import DataError

OUTSIDE = "outside"  # stands for what lies in no region


def read(file: Path | str) -> dict[str, list]:
    """Reads the regions of a file.

    The name of a region is the property `name` of its feature, or else that of its classification, or else "region 2"
    for the second feature. Features with the same name are one region.

    Args:
        file: GeoJSON file.

    Returns:
        {name: polygons for `outlines.paint_polygons`}, in the order of the file.

    Raises:
        DataError: the file cannot be read, has no feature, or has one that is no polygon.
    """
    found = {}
    for number, feature in enumerate(geojson.features(Path(file)), 1):
        said = f"{file}: feature {number}"
        try:
            properties = feature.get("properties") or {}
            name = str(properties.get("name") or geojson.category_of(properties) or f"region {number}")
            kind, polygons = geojson.polygons_of(feature["geometry"])
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{said} has no coordinates of a polygon; expected a polygon in pixels") from error
        if not polygons:
            raise DataError(f"{said} is of the type {str(kind)[:20]!r}; expected a Polygon or MultiPolygon in pixels")
        if name == OUTSIDE:
            raise DataError(f"{said} is named {OUTSIDE!r}, which stands for the rest of the image; give another name")
        found.setdefault(name, []).extend(polygons)
    if not found:
        raise DataError(f"{file}: has no feature; expected regions as polygons in pixels")
    return found


def draw(file: Path | str, regions: Mapping[str, list], image: str, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Draws the regions on the pixels of an image.

    Args:
        file: their file, for messages.
        regions: see `read`.
        image: name of the image, for messages.
        shape: (H, W) of the image as stored.

    Returns:
        {name: bool [H, W]}.

    Raises:
        DataError: a region has no pixel in the image.
    """
    masks = {}
    for name, polygons in regions.items():
        wrong = (
            f"{file}: the region {name!r} has no pixel in {image}, which is {shape[1]}x{shape[0]}; expected "
            "coordinates in pixels of the image, counted from its upper left corner"
        )
        masks[name] = np.zeros(shape, bool)
        try:
            top, left, window = paint_polygons(polygons, shape)
        except DataError as error:
            raise DataError(wrong) from error
        masks[name][top : top + window.shape[0], left : left + window.shape[1]] = window
        if not masks[name].any():
            raise DataError(wrong)
    return masks
