"""Output files, each opened with the library of the tool that it is for."""

import contextlib
import csv
import io
import json
import os
import sys
import weakref

import numpy as np
import pytest
import tifffile
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO
from skimage.measure import points_in_poly

from ris_tf.commands import forms, predict
from ris_tf.configs import rosettes
from ris_tf.files.writing import write_tiff
from ris_tf.instances import outputs
from ris_tf.instances.labels import Instances, labels_to_masks, labels_to_runs


def scattered(seed, shape=(23, 31), count=6):
    """Label map of random blocks with parts, holes, touching corners, and objects at every border."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for value in range(1, count + 1):
        top, left = rng.integers(0, shape[0] - 3), rng.integers(0, shape[1] - 3)
        block = labels[top : top + rng.integers(2, 14), left : left + rng.integers(2, 14)]
        block[rng.random(block.shape) < 0.8] = value
    _, labels = np.unique(labels, return_inverse=True)
    return labels.reshape(shape).astype(np.int32)


def instances_of(labels):
    return Instances(labels, np.linspace(0.9, 0.5, labels.max()))


class Fixed:
    """A stand-in for a model: what it finds depends only on the image's first pixel."""

    config = rosettes.get_config()

    def predict_instances(self, image, crf=False):
        return instances_of(scattered(int(image[0, 0, 0]), image.shape[:2], 0 if image[0, 0, 0] == 0 else 6))


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name, value in (("a.png", 1), ("b.png", 2), ("none.png", 0)):
        Image.fromarray(np.full((23, 31), value, np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def run(command, monkeypatch, images, tmp_path):
    monkeypatch.setattr(predict.storage, "open_model", lambda *_: Fixed())
    monkeypatch.setattr(predict.storage, "digest", lambda name: None)
    out = tmp_path / "found"
    return lambda *flags: (*command(predict.main, "--model=nuclei", f"--out={out}", images, *flags), out)


@pytest.mark.parametrize("seed", range(10))
def test_run_lengths_against_pycocotools(seed):
    labels = scattered(seed)
    for mask, counts in zip(labels_to_masks(labels), labels_to_runs(labels), strict=True):
        theirs = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert rle.frPyObjects({"size": list(mask.shape), "counts": counts}, *mask.shape)["counts"] == theirs["counts"]
        assert sum(counts) == mask.size
    assert labels_to_runs(np.zeros((3, 4), int)) == [] == labels_to_runs(np.zeros((0, 4), int))


def test_coco_opens_the_results(run):
    code, _, err, out = run("--write=coco")
    assert code == 0, err
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(out / "coco_images.json")
        found = truth.loadRes(str(out / "coco_results.json"))
    names = {entry["id"]: entry["file_name"] for entry in truth.loadImgs(truth.getImgIds())}
    assert names == {1: "a.png", 2: "b.png", 3: "none.png"}
    for number, seed in ((1, 1), (2, 2)):
        labels, entries = scattered(seed), found.loadAnns(found.getAnnIds(imgIds=[number]))
        assert len(entries) == labels.max()
        for index, entry in enumerate(entries, 1):
            np.testing.assert_array_equal(found.annToMask(entry), labels == index)
            assert entry["score"] == pytest.approx(instances_of(labels).scores[index - 1], abs=1e-5)
    assert found.getAnnIds(imgIds=[3]) == []


def test_images_named_by_numbers_keep_them():
    sizes = {"000000000139.jpg": (4, 5), "000000000285.jpg": (6, 7)}
    assert [image["id"] for image in outputs.coco_images(sizes)["images"]] == [139, 285]
    assert [image["id"] for image in outputs.coco_images({"7.png": (1, 1), "07.png": (1, 1)})["images"]] == [1, 2]


@pytest.mark.parametrize("pixel_size", [None, 0.5])
def test_tifffile_opens_the_label_maps(run, pixel_size):
    code, _, err, out = run("--write=tiff", *([f"--pixel-size={pixel_size}"] if pixel_size else []))
    assert code == 0, err
    with tifffile.TiffFile(out / "a_labels.tif") as file:
        np.testing.assert_array_equal(file.asarray(), scattered(1))
        page = file.pages[0]
        assert page.dtype == np.uint16 and page.compression.name == "ADOBE_DEFLATE"
        if pixel_size:
            number, unit = page.tags["XResolution"].value, page.tags["ResolutionUnit"].value
            assert number[0] / number[1] == pytest.approx(20000) and unit.name == "CENTIMETER"


def test_many_objects_take_a_wider_tiff(tmp_path):
    labels = np.arange(70000, dtype=np.int32).reshape(200, 350)
    write_tiff(tmp_path / "many.tif", labels)
    read = tifffile.imread(tmp_path / "many.tif")
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels)


def test_regions_of_imagej_hold_the_objects_pixels(run):
    roifile = pytest.importorskip("roifile")
    code, _, err, out = run("--write=roi")
    assert code == 0, err
    composite = 0
    for stem, labels in (("a", scattered(1)), ("b", scattered(2))):
        regions = roifile.roiread(out / f"{stem}_rois.zip")
        assert [region.name for region in regions] == [f"{n:04d}" for n in range(1, labels.max() + 1)]
        rows, columns = np.indices(labels.shape)
        centres = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
        for index, region in enumerate(regions, 1):
            outlines = region.coordinates(multi=True)
            inside = sum(points_in_poly(centres, outline).astype(int) for outline in outlines) % 2
            np.testing.assert_array_equal(inside.reshape(labels.shape), labels == index)
            composite += region.composite
    assert 0 < composite < scattered(1).max() + scattered(2).max()
    assert roifile.roiread(out / "none_rois.zip") == []


def test_table_of_objects_in_pixels_and_micrometres(run):
    code, _, err, out = run("--write=csv,labels", "--pixel_size=0.5")
    assert code == 0, err
    rows = list(csv.DictReader((out / "objects.csv").open()))
    labels = scattered(1)
    mine = [row for row in rows if row["image"] == "a.png"]
    assert [int(row["label"]) for row in mine] == list(range(1, labels.max() + 1))
    for row in mine:
        y, x = np.nonzero(labels == int(row["label"]))
        expected = {
            "area": x.size, "centroid_x": x.mean(), "centroid_y": y.mean(), "left": x.min(), "top": y.min(),
            "width": np.ptp(x) + 1, "height": np.ptp(y) + 1,
        }  # fmt: skip
        for key, value in expected.items():
            assert float(row[key]) == pytest.approx(value, abs=1e-3)
            unit = ("area_um2", 0.25) if key == "area" else (f"{key}_um", 0.5)
            assert float(row[unit[0]]) == pytest.approx(value * unit[1], abs=1e-3)
    assert not list(out.glob("*overlay*")) and len(list(out.glob("*_labels.png"))) == 3
    code, _, _, out = run("--write=csv")
    assert code == 0 and (out / "objects.csv").read_text().splitlines()[0].endswith("height")


def test_a_name_that_is_no_text_is_written_all_the_same(run, images):
    pytest.importorskip("roifile")
    pytest.importorskip("zarr")
    name = os.fsdecode(b"\xff.png")
    try:
        (images / "a.png").rename(images / name)
    except OSError:
        pytest.skip("a file system of text names")
    code, printed, err, out = run(f"--write={','.join(forms.FORMS)}")
    assert code == 0 and r"\udcff" in printed, err
    for table in ("counts.csv", "objects.csv"):
        assert r"\udcff.png" in {row["image"] for row in csv.DictReader((out / table).open(encoding="utf-8"))}
    listed = json.loads((out / "coco_images.json").read_text())["images"]
    assert name in {image["file_name"] for image in listed}


def test_no_image_is_written_over(run, images, command, tmp_path):
    (tmp_path / "same").symlink_to(images)
    for form, ending in (("labels", "_labels.png"), ("overlay", "_overlay.png"), ("tiff", "_labels.tif")):
        truth = images / f"a{ending}"
        Image.fromarray(np.full((23, 31), 3, np.uint8)).save(truth)
        before = truth.read_bytes()
        code, _, err, _ = run(f"--write={form}", f"--out={tmp_path / 'same'}")
        assert code == 2 and err.count("\n") == 1 and f"a{ending}: is one of the images" in err, err
        assert truth.read_bytes() == before and len(list(images.iterdir())) == 4
        code, _, err, _ = run(f"--write={form}")
        assert code == 0, err
        truth.unlink()
    for _ in range(2):  # results of an earlier run, which are no images of this one, are written anew
        code, _, err = command(predict.main, "--model=nuclei", f"--out={images}", images / "a.png")
        assert code == 0 and (images / "a_labels.png").exists(), err


def test_annotations_beside_the_images_are_not_written_over(run, images):
    (images / "a.geojson").write_text("annotated by hand")
    for form, name in (("geojson", "a.geojson"), ("yolo", "a.txt")):
        code, _, err, _ = run(f"--out={images}", f"--write={form}")
        assert code == 2 and err.count("\n") == 1 and f"{name}: annotations of a.png have this name" in err, err
    assert (images / "a.geojson").read_text() == "annotated by hand" and len(list(images.iterdir())) == 4


def test_one_image_is_held_at_a_time(run, monkeypatch):
    held, most = [], []

    def predict_instances(self, image, crf=False):
        most.append(sum(found() is not None for found in held))
        found = instances_of(scattered(int(image[0, 0, 0])))
        held.append(weakref.ref(found))
        return found

    monkeypatch.setattr(Fixed, "predict_instances", predict_instances)
    code, _, err, _ = run(f"--write={','.join(form for form in forms.FORMS if form not in ('roi', 'zarr'))}")
    assert code == 0 and len(most) == 3 and max(most) == 1, err


def test_nothing_found_is_a_header_alone(run, images):
    for name in ("a.png", "b.png"):
        (images / name).unlink()
    code, _, err, out = run("--write=csv,coco")
    assert code == 0, err
    assert (out / "objects.csv").read_text() == ",".join(outputs.COLUMNS) + "\n"
    assert json.loads((out / "coco_results.json").read_text()) == []


def test_wrong_flags_are_one_line(run, monkeypatch):
    for flags, word in (
        (["--write=labels,pdf"], "labels,overlay,tiff,zarr,roi,geojson,yolo,csv,timeseries,plot,coco"),
        (["--write="], "--write"),
        (["--write=labels", "--pixel-size=0.5"], "tiff, zarr and csv"),
        (["--write=csv", "--pixel-size=-1"], "micrometres, 1e-5 to 1e5"),
        (["--write=csv", "--pixel-size=nan"], "micrometres, 1e-5 to 1e5"),
        (["--write=tiff", "--pixel-size=1e-9"], "micrometres, 1e-5 to 1e5"),
    ):
        code, _, err, out = run(*flags)
        assert code == 2 and err.count("\n") == 1 and word in err and not out.exists(), err

    monkeypatch.setitem(sys.modules, "roifile", None)
    code, _, err, out = run("--write=roi")
    assert code == 2 and err.count("\n") == 1 and "ris-tf[roi]" in err and not out.exists()
