"""ROI, GeoJSON, YOLO and COCO files of objects of any shape: areas equal to those of the table, pixels read back."""

import contextlib
import csv
import io
import json
import shutil

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image
from pycocotools.coco import COCO
from scipy import ndimage
from skimage.measure import points_in_poly

from ris_tf.commands import predict
from ris_tf.data.readers.layouts import open_folder
from ris_tf.data.readers.outlines import paint_polygons
from ris_tf.instances import yolo
from ris_tf.instances.labels import Instances
from ris_tf.instances.outlines import outlines, polygons

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")
shapely = pytest.importorskip("shapely")
roifile = pytest.importorskip("roifile")
SHAPE = 24, 30


def filled(*boxes):
    """bool [24, 30]: boxes (top, bottom, left, right) one after another inside, outside, inside, ..."""
    mask = np.zeros(SHAPE, bool)
    for number, (top, bottom, left, right) in enumerate(boxes):
        mask[top:bottom, left:right] = number % 2 == 0
    return mask


def diagonal():
    mask = np.zeros(SHAPE, bool)
    mask[np.arange(3, 15), np.arange(4, 16)] = True
    return mask


def sieve():
    mask = filled((2, 22, 2, 28))
    mask[4:20:3, 4:26:2] = False
    mask[7:9, 5] = mask[6, 7] = False  # some holes become long, and some meet at corners
    return mask


HARD = {  # name: mask
    "hole": filled((4, 14, 5, 17), (7, 10, 8, 12)),
    "island_in_a_hole": filled((2, 20, 3, 24), (5, 17, 6, 21), (8, 14, 9, 18), (10, 12, 11, 14)),
    "two_pieces": filled((3, 8, 2, 9)) | filled((12, 20, 15, 22)),
    "corner": filled((3, 8, 2, 9)) | filled((8, 12, 9, 15)),
    "pixel": filled((7, 8, 9, 10)),
    "line": filled((5, 6, 3, 20)),
    "diagonal": diagonal(),
    "ring_at_the_border": filled((0, 24, 0, 30), (3, 21, 3, 27)),
    "u": filled((4, 18, 4, 20), (4, 14, 9, 15)),
    "full": filled((0, 24, 0, 30)),
    "many_holes": sieve(),
}


class Known:
    """Stands for a model: the image is the mask of the only object."""

    config = ConfigDict({"predict": {"count_spread": 0.0}})

    def predict_instances(self, image, crf=False):
        return Instances((image[..., 0] > 0).astype(np.int32), [0.75])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder with the results of all hard shapes, and the areas that objects.csv lists, {name: pixels}."""
    images, out = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("out")
    for name, mask in HARD.items():
        Image.fromarray((255 * mask).astype(np.uint8)).save(images / f"{name}.png")
    predict.predict(Known(), [images], out, write=["roi", "geojson", "yolo", "coco", "csv"])
    rows = csv.DictReader((out / "objects.csv").open())
    areas = {row["image"].removesuffix(".png"): int(row["area"]) for row in rows}
    assert areas == {name: mask.sum() for name, mask in HARD.items()}
    for kind in ("images", "labels"):
        (out / kind / "train").mkdir(parents=True)
    for name in HARD:
        shutil.copy(images / f"{name}.png", out)
        shutil.copy(images / f"{name}.png", out / "images" / "train")
        shutil.copy(out / f"{name}.txt", out / "labels" / "train")
    return out, areas


def geometry(file):
    (feature,) = json.loads(file.read_text())["features"]
    return feature, shapely.geometry.shape(feature["geometry"])


@pytest.mark.parametrize("name", HARD)
def test_geojson_is_valid_and_has_the_area_of_the_table(written, name):
    feature, shape = geometry(written[0] / f"{name}.geojson")
    assert shape.is_valid and shape.area == written[1][name]
    assert feature["properties"] == {"objectType": "detection", "name": "1", "measurements": {"score": 0.75}}
    pieces, count = ndimage.label(HARD[name])
    assert shape.geom_type == ("Polygon" if count == 1 else "MultiPolygon")
    assert len(getattr(shape, "geoms", [shape])) == count
    first_pixels = [np.argwhere(pieces == piece)[0] for piece in range(1, count + 1)]
    assert all(shape.contains(shapely.Point(column + 0.5, row + 0.5)) for row, column in first_pixels)


@pytest.mark.parametrize("name", HARD)
def test_imagej_regions_have_the_area_of_the_table(written, name):
    (roi,) = roifile.roiread(written[0] / f"{name}_rois.zip")
    rings = [shapely.Polygon(points) for points in roi.coordinates(multi=True)]
    area = 0
    for ring in rings:  # by the even-odd rule of ImageJ: what lies in an even number of other rings is inside
        around = sum(other.contains(ring) for other in rings if other is not ring)
        area += ring.area if around % 2 == 0 else -ring.area
    assert area == written[1][name]
    rows, columns = np.indices(SHAPE)
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    inside = sum(points_in_poly(centres, points).astype(int) for points in roi.coordinates(multi=True)) % 2
    np.testing.assert_array_equal(inside.reshape(SHAPE), HARD[name])


@pytest.mark.parametrize("name", HARD)
def test_yolo_has_the_area_of_the_table(written, name):
    (line,) = (written[0] / f"{name}.txt").read_text().splitlines()
    x, y = np.array(line.split()[1:], float).reshape(-1, 2).T * np.array(SHAPE[::-1])[:, None]
    area = abs(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2
    assert line.startswith("0 ") and area == pytest.approx(written[1][name], abs=0.02)


def test_coco_has_the_areas_of_the_table(written):
    out, areas = written
    with contextlib.redirect_stdout(io.StringIO()):
        found = COCO(out / "coco_images.json").loadRes(str(out / "coco_results.json"))
    names = {entry["id"]: entry["file_name"].removesuffix(".png") for entry in found.dataset["images"]}
    assert {names[entry["image_id"]]: entry["area"] for entry in found.dataset["annotations"]} == areas


@pytest.mark.parametrize("layout", ["GeoJSON", "YOLO"])
def test_our_readers_read_the_same_pixels(written, layout, tmp_path):
    kinds = ("*.png", "*.geojson") if layout == "GeoJSON" else ("images", "labels")
    for path in (path for kind in kinds for path in written[0].glob(kind)):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name)
    found = {name: read()[1] for name, read in open_folder(tmp_path, "all")}
    assert found.keys() == HARD.keys()
    for name, labels in found.items():
        np.testing.assert_array_equal(labels, HARD[name])


def noise(seed):
    """A random mask with every kind of corner."""
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(2, 14, 2)) < rng.choice([0.3, 0.5, 0.6, 0.8])
    mask[0, 0] = True
    return mask


def drawn(found, shape):
    top, left, mask = paint_polygons(found, shape)
    whole = np.zeros(shape, bool)
    whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return whole


def test_random_masks():
    for mask in map(noise, range(150)):
        found = polygons(mask)
        shape = shapely.MultiPolygon([(rings[0], rings[1:]) for rings in found])
        assert shape.is_valid and shape.area == mask.sum() and len(found) == ndimage.label(mask)[1]
        for outer, *holes in (map(shapely.LinearRing, rings) for rings in found):
            assert outer.is_ccw and not any(hole.is_ccw for hole in holes)
        flat = [(rings[0].ravel(), [ring.ravel() for ring in rings[1:]]) for rings in found]
        np.testing.assert_array_equal(drawn(flat, mask.shape), mask)
        np.testing.assert_array_equal(drawn([(yolo.joined(found).ravel(), [])], mask.shape), mask)


def test_a_u_in_closed_form():
    (((ring,),),) = [polygons(np.array([[1, 0, 1], [1, 1, 1]], bool), left=10, top=20)]
    around = [[10, 20], [11, 20], [11, 21], [12, 21], [12, 20], [13, 20], [13, 22], [10, 22]]
    start = ring.tolist().index([10, 20])
    np.testing.assert_array_equal(np.roll(ring, -start, axis=0), around)  # only where the edge turns, in this direction


def test_ids_with_gaps_and_ignored_pixels():
    labels = np.zeros(SHAPE, np.int64)
    labels[2:4, 3:8], labels[:, 20:], labels[10, 10] = 70_000, -1, 5
    found = dict(outlines(labels))
    assert list(found) == [5, 70_000]
    ((ring,),) = found[70_000]
    assert ring.min(axis=0).tolist() == [3, 2] and ring.max(axis=0).tolist() == [8, 4]
    assert list(outlines(np.zeros(SHAPE, np.int32))) == []
