"""Writes objects as GeoJSON that QuPath imports: a detection for each object, in pixels of the image."""

import json

from ris_tf.files.writing import open_text


def write(path, objects, shape=None):
    """Writes a FeatureCollection, feature by feature, one on each line.

    An object of one piece is a Polygon, one of several pieces a MultiPolygon; both may have holes. Its name is its
    label, and its measurement "score" the score.

    Args:
        path: Path in an existing folder.
        objects: iterable of `outlines.Outlined`.
        shape: not used; GeoJSON does not say how large the image is.
    """
    with open_text(path) as stream:
        stream.write('{"type": "FeatureCollection", "features": [')
        for index, one in enumerate(objects):
            stream.write(f"{',' if index else ''}\n{json.dumps(_feature(one))}")
        stream.write("\n]}\n")


def _feature(one):
    parts = [[[*ring.tolist(), ring[0].tolist()] for ring in polygon] for polygon in one.polygons]  # rings are closed
    several = len(parts) > 1
    return {
        "type": "Feature",
        "geometry": {"type": "MultiPolygon" if several else "Polygon", "coordinates": parts if several else parts[0]},
        "properties": {
            "objectType": "detection",
            "name": str(one.label),
            "measurements": {"score": round(one.score, 5)},
        },
    }
