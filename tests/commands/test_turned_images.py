"""ris-predict on pictures that viewers turn: everything that it writes fits the pixels as stored."""

import csv
import shutil
import zipfile

import numpy as np
import pytest
import roifile
import tifffile
from ml_collections import ConfigDict
from PIL import Image, ImageOps
from pycocotools.coco import COCO
from scenes import turned
from scipy import ndimage
from skimage.measure import points_in_poly

from ris_tf import RIS
from ris_tf.commands import predict
from ris_tf.data.images import orientation
from ris_tf.data.readers.layouts import open_folder
from ris_tf.instances.labels import Instances

STORED = turned.stored()[1]
FORMS = ["labels", "overlay", "tiff", "roi", "csv", "coco", "geojson", "yolo"]
CASES = [(suffix, number) for suffix in turned.SUFFIXES for number in turned.ORIENTATIONS]


class Bright:
    """Stands for a model: finds bright objects, and remembers the pictures that it was given."""

    config = ConfigDict({"predict": {"count_spread": 0.0}})

    def __init__(self):
        self.given = []

    def predict_instances(self, image, crf=False):
        self.given.append(image)
        labels, count = ndimage.label(image[..., 0] > 120)
        return Instances(labels, np.linspace(0.9, 0.5, count))


def write_all(folder):
    for suffix, number in CASES:
        turned.write(folder / f"{suffix[1:]}{number}{suffix}", turned.stored()[0], number)
    return folder


def fits(labels):
    """Whether a label map has the five discs where they are stored."""
    pairs = np.unique(np.stack([labels[STORED > 0], STORED[STORED > 0]]), axis=1)
    overlap = ((labels > 0) & (STORED > 0)).sum() / ((labels > 0) | (STORED > 0)).sum()
    return overlap > 0.85 and len(np.unique(labels)) == 6 and len(set(pairs[1, pairs[0] > 0])) == 5


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(folder of the images, folder of the results, the images that the model was given)."""
    folder, model = write_all(tmp_path_factory.mktemp("images")), Bright()
    out = tmp_path_factory.mktemp("out")
    found = predict.predict(model, [str(folder)], out, write=FORMS)
    assert all(fits(instances.labels) for instances in found.values())
    return folder, out, dict(zip(found, model.given, strict=True))


@pytest.mark.parametrize(("suffix", "number"), CASES)
def test_images_are_predicted_upright(written, suffix, number):
    folder, _, given = written
    name = f"{suffix[1:]}{number}"
    with Image.open(folder / f"{name}{suffix}") as image:
        shown = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(given[name][..., 0], shown)


@pytest.mark.parametrize(("suffix", "number"), CASES)
def test_every_file_fits_the_stored_pixels(written, suffix, number):
    folder, out, _ = written
    name = f"{suffix[1:]}{number}"
    labels = np.asarray(Image.open(out / f"{name}_labels.png"))
    assert fits(labels)
    np.testing.assert_array_equal(tifffile.imread(out / f"{name}_labels.tif"), labels)

    drawn = np.asarray(Image.open(out / f"{name}_overlay.png")).astype(int)
    scale = drawn.shape[0] // labels.shape[0]
    assert drawn.shape[:2] == (scale * labels.shape[0], scale * labels.shape[1])
    coloured = np.ptp(drawn, axis=2)[scale // 2 :: scale, scale // 2 :: scale] > 10  # the picture itself is grey
    away = ~ndimage.binary_dilation(labels > 0, iterations=3)
    assert coloured[labels > 0].mean() > 0.8 and coloured[away].mean() < 0.1

    points = np.stack(np.nonzero(np.ones(labels.shape)), axis=1)[:, ::-1] + 0.5
    with zipfile.ZipFile(out / f"{name}_rois.zip") as archive:
        assert len(archive.namelist()) == 5
        for entry in archive.namelist():
            outline = roifile.ImagejRoi.frombytes(archive.read(entry)).coordinates()
            inside = points_in_poly(points, outline).reshape(labels.shape)
            np.testing.assert_array_equal(inside, labels == int(entry[:4]))

    rows = [row for row in csv.DictReader((out / "objects.csv").open()) if row["image"] == f"{name}{suffix}"]
    assert len(rows) == 5
    for row in rows:
        mask = labels == int(row["label"])
        centre = float(row["centroid_y"]), float(row["centroid_x"])
        np.testing.assert_allclose(centre, ndimage.center_of_mass(mask), atol=1e-3)
        box = ndimage.find_objects(mask.astype(int))[0]
        assert (int(row["top"]), int(row["left"])) == (box[0].start, box[1].start)

    listed = COCO(out / "coco_images.json")
    number_of = next(key for key, entry in listed.imgs.items() if entry["file_name"] == f"{name}{suffix}")
    assert (listed.imgs[number_of]["height"], listed.imgs[number_of]["width"]) == labels.shape
    found = listed.loadRes(str(out / "coco_results.json"))
    masks = [found.annToMask(entry) for entry in found.loadAnns(found.getAnnIds(number_of))]
    np.testing.assert_array_equal(sum(masks), labels > 0)


def test_outlines_fit_as_qupath_and_ultralytics_read_the_image(written, tmp_path):
    """QuPath reads the pixels as stored, Ultralytics turns them upright; our readers turn both upright."""
    folder, out, _ = written
    for suffix, number in CASES:
        name = f"{suffix[1:]}{number}"
        image = folder / f"{name}{suffix}"
        pairs = {"geojson": image, "yolo/images/train": image, "yolo/labels/train": out / f"{name}.txt"}
        for place, file in pairs.items():
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / place)
        shutil.copy(out / f"{name}.geojson", tmp_path / "geojson")
    upright = dict(open_folder(tmp_path / "yolo", "all"))
    for name, read in open_folder(tmp_path / "geojson", "all"):
        stored = np.asarray(Image.open(out / f"{name}_labels.png"))
        expected = orientation.upright(stored, int(name[-1]))
        np.testing.assert_array_equal(read()[1], expected)
        np.testing.assert_array_equal(upright[name]()[1], expected)


def test_a_preset_counts_as_in_the_plain_file_and_the_command_says_so(command, tmp_path):
    (pixels, _), numbers = turned.stored(), (1, 2, 6)
    for number in numbers:
        turned.write(tmp_path / "in" / f"a{number}.png", pixels, number)
    plain = RIS.from_preset("nuclei").predict_instances(pixels)
    code, out, err = command(predict.main, "--model=nuclei", tmp_path / "in", f"--out={tmp_path / 'out'}")
    assert code == 0, err
    assert "\na2.png (orientation 2) and 1 other image: turned for prediction; the results are in" in out
    for number in numbers:
        labels = np.asarray(Image.open(tmp_path / "out" / f"a{number}_labels.png"))
        assert labels.max() == plain.count == 5 and fits(labels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a1_labels.png")), plain.labels)


def test_results_kept_by_an_interrupted_run_fit_too(tmp_path, small):
    files = [turned.write(tmp_path / f"a{number}.jpg", turned.stored()[0], number) for number in (6, 8)]
    model = Bright()
    model.config = small
    started = predict.one_by_one(model, list(map(str, files)), tmp_path / "out", digest="model")
    next(started)
    started.close()
    found = predict.predict(model, list(map(str, files)), tmp_path / "out", digest="model")
    assert len(model.given) == 2, "the first image was predicted again"
    assert all(fits(instances.labels) for instances in found.values())
    assert [entry["count"] for entry in csv.DictReader((tmp_path / "out" / "counts.csv").open())] == ["5", "5"]


@pytest.mark.slow
def test_results_of_tiles_fit_the_stored_pixels_too(command, tmp_path):
    file = turned.write(tmp_path / "a.tif", turned.stored()[0], 6)
    for flag in ("--large", "--nolarge"):
        code, out, err = command(predict.main, "--model=nuclei", flag, "--write=tiff", file, f"--out={tmp_path / flag}")
        assert code == 0 and "a.tif (orientation 6): turned for prediction" in out, err
        assert fits(tifffile.imread(tmp_path / flag / "a_labels.tif"))
