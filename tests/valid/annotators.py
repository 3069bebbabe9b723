"""Data sets as annotation programs export them: groups and image data of labelme, cells of QuPath, lists of CVAT."""

import base64
import io
import json

import numpy as np
import tifffile
from PIL import Image

from valid import COLOUR, HEIGHT, WIDTH, Set, folders
from valid.label_maps import LABELS

_HEAD = {"version": "5.4.1", "flags": {}, "imageHeight": HEIGHT, "imageWidth": WIDTH}


def _corners(index):
    rows, columns = np.nonzero(index == LABELS)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return [[float(x), float(y)] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


def _shape(index, kind="polygon", group=None, points=None):
    where = {"points": points or _corners(index), "group_id": group, "shape_type": kind}
    return {"label": "cell", **where, "description": "", "flags": {}, "mask": None}


def _labelme(shapes, path="a.png", data=None, file="a", **more):
    def write(folder):
        Image.fromarray(COLOUR).save(folder / f"{file}.png")
        content = {**_HEAD, "shapes": shapes, "imagePath": path, "imageData": data}
        (folder / f"{file}.json").write_text(json.dumps(content, indent=2))

    return Set(write, LABELS, **more)


def _halves(index):
    """An object in two parts that touch, as two polygons."""
    (left, top), (right, _), (_, bottom), _ = _corners(index)
    middle = (left + right) // 2
    return [
        [[left, top], [middle, top], [middle, bottom], [left, bottom]],
        [[middle, top], [right, top], [right, bottom], [middle, bottom]],
    ]


def _labelmes():
    content = io.BytesIO()
    Image.fromarray(COLOUR).save(content, "PNG")
    data = base64.b64encode(content.getvalue()).decode()
    shapes = [_shape(index) for index in (1, 2, 5)]
    groups = [_shape(2, group=4, points=half) for half in _halves(2)]
    marks = [_shape(0, kind, points=[[1.0, 1.0], [2.0, 2.0]][:n]) for kind, n in (("point", 1), ("line", 2))]
    return {
        "labelme, image data": _labelme(shapes, data=data),
        "labelme, path of Windows": _labelme(shapes, path="..\\images\\a.png"),
        "labelme, groups": _labelme([shapes[0], *groups, shapes[2]]),
        "labelme, dots in the name": _labelme(shapes, path="a.b.png", file="a.b"),
        "labelme, points and lines besides": _labelme(shapes + marks, noted="left out"),
    }


def _geojson(features, suffix="geojson", **more):
    def write(folder):
        Image.fromarray(COLOUR).save(folder / "a.png")
        (folder / f"a.{suffix}").write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    return Set(write, LABELS, **more)


def _feature(geometry, **properties):
    return {"type": "Feature", "id": "5e4-9a", "geometry": geometry, "properties": properties}


def _polygon(corners):
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def _geojsons():
    sizes = {"Nucleus: Area": 48.2, "Cell: Mean": 0.25}
    kind = {"name": "Tumor", "color": [200, 0, 0]}
    known = {"objectType": "cell", "classification": kind, "isLocked": False, "measurements": sizes}
    cells = [_feature(_polygon(_corners(index)), **known) for index in (1, 2, 5)]
    nuclei = [{**cell, "nucleusGeometry": _polygon([[x + 1, y + 1] for x, y in _corners(1)])} for cell in cells]
    listed = [{"name": name, "value": value} for name, value in sizes.items()]
    older = [{**cell, "properties": {**known, "measurements": listed}} for cell in cells]
    parts = {"type": "MultiPolygon", "coordinates": [_polygon(half)["coordinates"] for half in _halves(5)]}
    plane = {"plane": {"c": -1, "z": 0, "t": 0}}
    planes = [{**cell, "geometry": {**cell["geometry"], **plane}} for cell in cells]
    return {
        "GeoJSON, QuPath's cells": _geojson(nuclei),
        "GeoJSON, measurements of QuPath 0.3": _geojson(older),
        "GeoJSON, an object in parts": _geojson([*cells[:2], _feature(parts, **known)]),
        "GeoJSON, planes": _geojson(planes),
        "GeoJSON, named json": _geojson(cells, "json"),
    }


def _vias():
    def region(index):
        xs, ys = zip(*_corners(index), strict=True)
        shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
        return {"shape_attributes": shape, "region_attributes": {"name": "cell"}}

    def written(file, change=lambda entries: entries, noted=""):
        def write(folder):
            Image.fromarray(COLOUR).save(folder / "a.png")
            (folder / file).write_text(json.dumps(change({"a.png9": {"filename": "a.png", "size": 9, **entry}})))

        return Set(write, LABELS, noted=noted)

    regions = [region(index) for index in (1, 2, 5)]
    entry = {"regions": regions, "file_attributes": {}}
    point = {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {}}
    first = {"a.png9": {"filename": "a.png", "size": 9, "regions": dict(enumerate(regions)), "base64_img_data": ""}}
    besides = {"a.png9": {"filename": "a.png", "size": 9, "regions": [*regions, point]}}
    return {
        "VIA, regions": written("via_region_data.json"),
        "VIA 1": written("via_region_data.json", lambda _: first),
        "VIA, project": written("via_project_2Nov2026.json", lambda entries: {"_via_img_metadata": entries}),
        "VIA, points besides": written("via_export_json.json", lambda _: besides, "left out"),
    }


def _cvat_yolo(folder):
    """CVAT, "Ultralytics YOLO Segmentation 1.0": a list of the images, and labels in a folder of their own."""
    for kind in ("images", "labels"):
        (folder / kind / "train").mkdir(parents=True)
    Image.fromarray(COLOUR).save(folder / "images/train/a.png")
    lines = (" ".join(f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in _corners(index)) for index in (1, 2, 5))
    (folder / "labels/train/a.txt").write_text("".join(f"0 {line}\n" for line in lines))
    (folder / "train.txt").write_text("data/images/train/a.png\n")
    (folder / "data.yaml").write_text("names:\n  0: cell\npath: .\ntrain: train.txt\n")


def _cocos():
    """COCO as VGG VIA writes it: ids from 0 or in text, outlines that are not nested in a list."""
    flat = folders._coco(lambda index: folders._polygon(index)[0], first=0)
    text = folders._coco(folders._polygon)
    for entry in text["annotations"]:
        entry.update(image_id=str(entry["image_id"]), id=str(entry["id"]))
    none = folders._coco(folders._polygon)
    for entry in none["annotations"]:
        del entry["iscrowd"], entry["bbox"], entry["area"], entry["id"]
    utf = folders._coco(folders._polygon)
    utf["categories"][0]["name"] = "Zelle ä"

    def with_bom(folder):
        folders._coco_set(utf, "instances.json", "images/a.png").write(folder)
        (folder / "instances.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(utf, ensure_ascii=False).encode())

    return {
        "COCO, VIA, flat outlines": folders._coco_set(flat, "via_export_coco.json", "a.png"),
        "COCO, VIA, ids in text": folders._coco_set(text, "annotations.json", "images/a.png"),
        "COCO, makesense": folders._coco_set(none, "labels.json", "images/a.png"),
        "COCO, byte order mark": Set(with_bom, LABELS),
    }


def _masks():
    tables = np.random.default_rng(0).integers(0, 65535, (3, 256)).astype(np.uint16)

    def palette(folder):
        for kind in ("images", "masks"):
            (folder / kind).mkdir()
        tifffile.imwrite(folder / "images/a.tif", COLOUR, photometric="rgb")
        tifffile.imwrite(folder / "masks/a.tif", LABELS.astype(np.uint8), photometric="palette", colormap=tables)

    def ilastik(folder):
        for kind in ("images", "masks"):
            (folder / kind).mkdir()
        Image.fromarray(COLOUR).save(folder / "images/a.png")
        tifffile.imwrite(folder / "masks/a_Object Identities.tif", LABELS.astype(np.uint32))

    return {
        "tif, 8 bits with the palette glasbey, Fiji": Set(palette, LABELS),
        "tif, ilastik's name": Set(ilastik, LABELS),
    }


def sets():
    """{name: Set}."""
    found = {**_labelmes(), **_geojsons(), **_vias(), "YOLO, CVAT": Set(_cvat_yolo, LABELS), **_cocos(), **_masks()}
    return {f"set: {name}": one for name, one in found.items()}
