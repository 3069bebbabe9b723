"""Data sets of an image or two, as annotation programs export them."""

import base64
import io
import json

import numpy as np
from PIL import Image
from pycocotools import mask as run_lengths
from scenes.layouts import save_palette

from ris_tf.data.readers import voc_colours
from valid import COLOUR, HEIGHT, WIDTH, Set
from valid.label_maps import LABELS

_IDS = (1, 2, 5)
_CONTOUR = 0.7  # IoU of an object with the contour through the centres of its outer pixels, as OpenCV finds it
_NO_PAIRS = "no image and label pairs found; expected"


def _image(folder, *places):
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(COLOUR).save(folder / place)


def _json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _box(index):
    """Left, top, right and bottom of an object, in pixels."""
    rows, columns = np.nonzero(index == LABELS)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def _corners(index, inside=0):
    left, top, right, bottom = _box(index)
    right, bottom = right - inside, bottom - inside
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def _polygon(index, inside=0):
    return [[value for point in _corners(index, inside) for value in point]]


def _runs(index):
    """Uncompressed run lengths, in columns."""
    flat = (index == LABELS).ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    return {"size": [HEIGHT, WIDTH], "counts": np.diff([0, *ends, flat.size]).tolist()}


def _compressed(index):
    found = run_lengths.encode(np.asfortranarray(index == LABELS, np.uint8))
    return {"size": [HEIGHT, WIDTH], "counts": found["counts"].decode()}


def _coco(outline, names=("a.png",), first=1, **fields):
    """The content of a COCO file; the ids begin with `first`."""
    entries = [
        {"id": first + n, "file_name": name, "height": HEIGHT, "width": WIDTH, "license": 0, "date_captured": 0}
        for n, name in enumerate(names)
    ]
    found = []
    for entry in entries:
        for index in _IDS:
            left, top, right, bottom = _box(index)
            box = {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
            one = {"id": first + len(found), "image_id": entry["id"], "category_id": first, "iscrowd": 0, **box}
            found.append({**one, "segmentation": outline(index), **fields})
    categories = [{"id": first, "name": "cell", "supercategory": ""}]
    return {"info": {}, "licenses": [], "images": entries, "annotations": found, "categories": categories}


def _coco_set(content, file="annotations/instances_train.json", images="train/a.png", **more):
    def write(folder):
        _json(folder / file, content)
        _image(folder, images)

    return Set(write, LABELS, **more)


def _cocos():
    marked = {"iscrowd": 1, "attributes": {"occluded": False}}
    return {
        "COCO, polygons": _coco_set(_coco(_polygon)),
        "COCO, pycocotools": _coco_set(_coco(_compressed)),
        "COCO, run lengths": _coco_set(_coco(_runs)),
        "COCO, Datumaro's masks": _coco_set(
            _coco(_runs, **marked), images="images/train/a.png", noted="read as single objects: 3"
        ),
        "COCO, Datumaro's polygons": _coco_set(_coco(_polygon, attributes={}), images="images/train/a.png"),
        "COCO, CVAT": _coco_set(_coco(_polygon), "annotations/instances_default.json", "images/default/a.png"),
        "COCO, images in one folder": _coco_set(_coco(_polygon), "annotations/instances_default.json", "images/a.png"),
        "COCO, supervision": _coco_set(_coco(lambda index: _polygon(index, 1)), overlap=_CONTOUR),
        "COCO, supervision in one file": _coco_set(_coco(_polygon), "annotations.json", "images/a.png"),
        "COCO, Label Studio": _coco_set(
            _coco(_polygon, names=("images/a.png",), first=0, ignore=0), "result.json", "images/a.png"
        ),
        "COCO, Roboflow": _coco_set(
            _coco(_polygon, names=("a_png.rf.jpg",), first=0), "train/_annotations.coco.json", "train/a_png.rf.jpg"
        ),
        "COCO, beside the images": _coco_set(_coco(_polygon), "labels.json", "a.png"),
        "COCO, folders": _coco_set(_coco(_polygon, names=("x/a.png",)), images="train/x/a.png"),
        "COCO, boxes": _coco_set(
            _coco(lambda index: []), refused="with no outline of three points or more"
        )._replace(labels=None),
        "COCO, key points": _coco_set(
            _coco(lambda index: None, keypoints=[1, 2, 2]), refused="with no outline of three points or more"
        )._replace(labels=None),
    }  # fmt: skip


def _yolo_lines(inside=0):
    rows = ([f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in _corners(index, inside)] for index in _IDS)
    return "".join(f"0 {' '.join(row)}\n" for row in rows)


def _yolo_set(text, image="images/train/a.png", label="labels/train/a.txt", yaml="train: images/train", **more):
    def write(folder):
        _image(folder, image)
        if yaml:
            (folder / "data.yaml").write_text(f"{yaml}\nnames:\n  0: cell\nnc: 1\n")
        (folder / label).parent.mkdir(parents=True)
        (folder / label).write_text(text)

    return Set(write, LABELS, **more)


def _yolos():
    boxes = "".join(f"0 0.5 0.5 0.{index} 0.2\n" for index in _IDS)
    return {
        "YOLO, Ultralytics": _yolo_set(_yolo_lines()),
        "YOLO, Roboflow": _yolo_set(
            _yolo_lines(), "train/images/a.jpg", "train/labels/a.txt", "train: ../train/images"
        ),
        "YOLO, Label Studio": _yolo_set(_yolo_lines(), "images/a.png", "labels/a.txt", yaml=""),
        "YOLO, supervision": _yolo_set(
            _yolo_lines(1), "images/a.png", "labels/a.txt", "train: images", overlap=_CONTOUR
        ),
        "YOLO, Datumaro's empty files": _yolo_set("", noted="the label files have no line")._replace(
            labels=np.zeros_like(LABELS)
        ),
        "YOLO, boxes": _yolo_set(boxes, refused="has 3 boxes and no polygon")._replace(labels=None),
    }


def _shapes(**more):
    return [
        {"label": "cell", "points": _corners(index), "group_id": None, "shape_type": "polygon", "flags": {}, **more}
        for index in _IDS
    ]


def _mask_shape(index):
    left, top, right, bottom = _box(index)
    stream = io.BytesIO()
    Image.fromarray(np.full((bottom - top, right - left), 255, np.uint8)).save(stream, "PNG")
    corners = [[left, top], [right - 1, bottom - 1]]
    text = base64.b64encode(stream.getvalue()).decode()
    return {"label": "cell", "points": corners, "group_id": None, "shape_type": "mask", "flags": {}, "mask": text}


def _labelme(shapes):
    def write(folder):
        _image(folder, "a.png")
        content = {"version": "6.3.1", "flags": {}, "shapes": shapes, "imagePath": "a.png", "imageData": None}
        _json(folder / "a.json", {**content, "imageHeight": HEIGHT, "imageWidth": WIDTH})

    return Set(write, LABELS)


def _geojson(features, **more):
    def write(folder):
        _image(folder, "a.png")
        _json(folder / "a.geojson", features)

    return Set(write, LABELS, **more)


def _features(**properties):
    rings = [[*_corners(index), _corners(index)[0]] for index in _IDS]
    return [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}
        for ring in rings
    ]


def _others():
    found, cell = {"type": "FeatureCollection"}, {"objectType": "detection", "classification": {"name": "Cell"}}
    rectangles = [
        {**one, "shape_type": "rectangle", "points": one["points"][::2]} for one in _shapes(description="", mask=None)
    ]
    return {
        "labelme, polygons": _labelme(_shapes()),
        "labelme, rectangles": _labelme(rectangles),
        "labelme, masks": _labelme([_mask_shape(index) for index in _IDS]),
        "GeoJSON, QuPath": _geojson({**found, "features": _features(**cell)}),
        "GeoJSON, QuPath's list": _geojson(_features(objectType="annotation")),
        "GeoJSON, napari": _geojson({**found, "features": _features()}),
        "GeoJSON, cells in regions": _geojson(
            {**found, "features": [*_features(**cell), *_features(objectType="annotation")]},
            refused="expected one kind",
        )._replace(labels=None),
    }


def _voc(colours, listed="train", images="jpg"):
    def write(folder):
        ids = np.array([0, 1, 2, 0, 0, 3])[LABELS].astype(np.uint8)
        for kind, index in (("SegmentationObject", ids), ("SegmentationClass", (ids > 0).astype(np.uint8))):
            if colours:  # CVAT
                table = np.zeros((256, 3), np.uint8)
                table[:4] = (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)
                assert (voc_colours.to_ids(table[:4]) == np.arange(4)).all()
                (folder / kind).mkdir()
                Image.fromarray(table[index]).save(folder / kind / "a.png")
            else:
                save_palette(folder / kind / "a.png", index)
        _image(folder, f"JPEGImages/a.{images}")
        lists = folder / "ImageSets" / "Segmentation"
        lists.mkdir(parents=True)
        (lists / f"{listed}.txt").write_text("a\n")
        (folder / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\ncell:128,0,0::\n")

    return Set(write, LABELS)


def _refused(file, content, words, image="images/a.png"):
    def write(folder):
        _image(folder, image)
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content)

    return Set(write, None, refused=words)


def _unread():
    region = {"shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 5, "height": 5}, "region_attributes": {}}
    via = {"a.png1": {"filename": "a.png", "size": 1, "regions": [region], "file_attributes": {}}}
    box = "<annotation><filename>a.png</filename><object><name>cell</name></object></annotation>"
    masks = "expected masks/ as well"
    return {
        "VIA, boxes": _refused("via_region_data.json", json.dumps(via), "has 1 box and no outline", "a.png"),
        "CVAT's XML": _refused("annotations.xml", "<annotations/>", masks),
        "VOC, boxes": _refused("Annotations/a.xml", box, masks),
        "LabelMe's XML": _refused("a.xml", box, _NO_PAIRS, "a.jpg"),
        "Datumaro's JSON": _refused("annotations/train.json", json.dumps({"items": []}), masks, "images/train/a.png"),
        "Cityscapes": _refused("gtFine/train/a_gtFine_polygons.json", "{}", _NO_PAIRS, "leftImg8bit/train/a.png"),
        "images alone": _refused("README.txt", "", masks),
    }


def sets():
    """{name: Set}."""
    voc = {"VOC": _voc(False), "VOC, CVAT's colours": _voc(True, "default"), "VOC, Datumaro": _voc(True, images="png")}
    found = {**_cocos(), **_yolos(), **_others(), **voc, **_unread()}
    return {f"set: {name}": one for name, one in found.items()}
