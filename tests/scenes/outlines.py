"""Small data sets with outlines in a file for each image, as Ultralytics, labelme, VIA and QuPath write them.

Each function writes two objects, BOX and LEAF, for every image, and `via` only LEAF. They do not overlap.
"""

import json

from scenes.layouts import HEIGHT, WIDTH, picture, save

BOX = [(2, 3), (10, 3), (10, 8), (2, 8)]  # rows 3 to 7, columns 2 to 9
LEAF = [(14.3, 5.2), (24.6, 9.1), (17.9, 20.4), (13.2, 13.3)]


def share(points):
    return " ".join(
        f"{value / side:.6f}" for point in points for value, side in zip(point, (WIDTH, HEIGHT), strict=True)
    )


YAML = "path: /somewhere/else\ntrain: images/train\nval: [images/val]\nnames:\n  0: box\n  1: leaf\n"


def yolo(root, lines=None, yaml=YAML):
    """Two splits of an image each, as Ultralytics lays them out."""
    for number, split in enumerate(("train", "val")):
        save(root / "images" / split / f"{split}_0.png", picture(number))
        file = root / "labels" / split / f"{split}_0.txt"
        file.parent.mkdir(parents=True)
        file.write_text("\n".join([f"0 {share(BOX)}", f"1 {share(LEAF)}", *(lines or [])]))
    if yaml:
        (root / "data.yaml").write_text(yaml)
    return root


def labelme(root, shapes=None, **more):
    """One image of a folder, as labelme saves it."""
    save(root / "a.png", picture(0))
    found = [{"label": "box", "points": BOX[::2], "shape_type": "rectangle", "group_id": None}]
    found += [{"label": "leaf", "points": LEAF, "shape_type": "polygon", "group_id": None, "flags": {}}]
    content = {"version": "5.4.1", "shapes": found + (shapes or []), "imagePath": "a.png", "imageData": None}
    (root / "a.json").write_text(json.dumps(content | {"imageHeight": HEIGHT, "imageWidth": WIDTH} | more))
    return root


def via(root):
    """One image of a folder, as VIA exports it."""
    save(root / "a.png", picture(0))
    xs, ys = zip(*LEAF, strict=True)
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    regions = [{"shape_attributes": shape, "region_attributes": {"name": "leaf"}}]
    entries = {"a.png1": {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {}}}
    (root / "via_region_data.json").write_text(json.dumps(entries))
    return root


def feature(kind, coordinates, name="", **properties):
    properties |= {"classification": {"name": name, "color": [1, 2, 3]}} if name else {}
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def geojson(root, features=None):
    """One image of a folder, as QuPath exports it."""
    save(root / "a.png", picture(0))
    found = [feature("Polygon", [[*BOX, BOX[0]]], "box"), feature("Polygon", [[*LEAF, LEAF[0]]], "leaf")]
    content = {"type": "FeatureCollection", "features": found + (features or [])}
    (root / "a.geojson").write_text(json.dumps(content))
    return root
