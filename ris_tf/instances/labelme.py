"""Writes objects as annotations that labelme opens, so that a person can correct them."""

import json

from ris_tf.files.writing import write_text
from ris_tf.instances.yolo import joined


def write(path, objects, shape, image, label):
    """Writes the annotations of an image.

    A piece of an object is a polygon along the edges of its pixels; pieces of one object have the same group. Holes are
    joined to the polygon by cuts of no width.

    Args:
        path: Path in an existing folder.
        objects: iterable of `outlines.Outlined`, as they fit the upright image.
        shape: (H, W) of the upright image.
        image: name of the image's file in the same folder.
        label: what all objects are called.
    """
    shapes = []
    for one in objects:
        for polygon in one.polygons:
            shapes.append(
                {
                    "label": label,
                    "points": joined([polygon]).tolist(),
                    "group_id": one.label if len(one.polygons) > 1 else None,
                    "shape_type": "polygon",
                    "description": f"score {one.score:.3f}",
                    "flags": {},
                }
            )
    size = {"imageHeight": shape[0], "imageWidth": shape[1]}
    content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None, **size}
    write_text(path, json.dumps(content, indent=1) + "\n")
