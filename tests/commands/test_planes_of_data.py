"""Data sets of stacks: ris-evaluate and ris-data read the chosen plane of images and label maps, in every layout."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from scenes.stacks import COUNTS, planes
from scipy import ndimage

from ris_tf.commands import data, evaluate, train
from ris_tf.data import sources
from ris_tf.data.images.planes import Choice
from ris_tf.errors import DataError
from ris_tf.instances.labels import Instances

PLANES = planes()
LABELS = np.stack([ndimage.label(plane > 1000)[0] for plane in PLANES]).astype(np.uint16)


def write_pair(folder, image, labels=LABELS, axes="ZYX"):
    for kind, array in (("images", image), ("masks", labels)):
        (folder / kind).mkdir(parents=True)
        named = axes if array.ndim == 3 else "YX"
        tifffile.imwrite(folder / kind / "a.tif", array, imagej=True, metadata={"axes": named})
    return folder


@pytest.fixture
def run(small, command, monkeypatch, tmp_path):
    """Runs ris-evaluate with a model that finds what is bright, but not the first object: -> (code, err, metrics)."""

    class Model:
        config, foreground = small, None

        @staticmethod
        def looking():
            return None

    def found(look, config, image, *_):
        labels, count = ndimage.label(image[..., 0] > 1000)
        return Instances(np.where(labels > 1, labels - 1, 0).astype(np.int32), np.ones(count - 1, np.float32))

    monkeypatch.setattr(evaluate.storage, "open_model", lambda *_: Model)
    monkeypatch.setattr(evaluate.storage, "digest", lambda name: "bright")
    monkeypatch.setattr(evaluate.prediction, "predict_instances", found)

    def evaluated(folder, *arguments):
        out = tmp_path / "_".join(["out", folder.name, *arguments])
        where = f"--data={folder}", f"--out={out}", "--split=all"
        code, _, err = command(evaluate.main, "--model=nuclei", *where, *arguments)
        metrics = json.loads((out / "metrics.json").read_text()) if (out / "metrics.json").exists() else None
        return code, err, metrics

    return evaluated


def test_a_plane_is_measured_as_its_own_file_is(run, tmp_path):
    stack = write_pair(tmp_path / "stack", PLANES)
    for z, count in enumerate(COUNTS):
        apart = write_pair(tmp_path / f"apart{z}", PLANES[z], LABELS[z])
        code, err, found = run(stack, f"--z={z}")
        assert code == 0, err
        assert found["instances"] == count and found == run(apart)[2]
    code, err, found = run(stack)
    assert code == 1 and found is None and err.count("problem") == 1
    assert "images/a.tif: has 4 planes along z; choose one with --z=0..3 (" in err
    code, err, found = run(stack, "--z=all")
    assert code == 2 and "--z=all: a data set has one label map for each image; give the number of one plane" in err


def test_one_label_map_for_several_channels(run, tmp_path):
    folder = write_pair(tmp_path / "data", PLANES, LABELS[2], "CYX")
    assert run(folder, "--channel=2")[2]["coco_ap"] > run(folder, "--channel=1")[2]["coco_ap"]
    ((_, read),) = sources.open_source(folder, "all", choice=Choice(channel="rgb"))
    image, labels = read()
    np.testing.assert_array_equal(image, np.moveaxis(PLANES[:3], 0, -1))
    np.testing.assert_array_equal(labels, LABELS[2])


def test_a_choice_that_no_image_has(run, tmp_path):
    folder = write_pair(tmp_path / "data", PLANES[0], LABELS[0])
    code, err, _ = run(folder, "--z=1")
    assert code == 1 and "images/a.tif: has no axis for --z; leave out --z" in err
    (_, read), *_ = sources.open_source("synthetic:discs", "all", 64, 1, choice=Choice(channel=1))
    with pytest.raises(DataError, match="is not read from an image file of several planes; leave out --channel"):
        read()
    Image.fromarray(np.dstack([LABELS[0].astype(np.uint8)] * 3)).save(folder / "images" / "b.png")
    Image.fromarray(LABELS[0]).save(folder / "masks" / "b.png")
    code, err, _ = run(folder, "--channel=0")
    assert code == 1 and "b.png: is an RGB image, whose colours are read together; leave out --channel" in err


def test_arrays_and_outlines(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    np.save(tmp_path / "images" / "a.npy", np.concatenate([PLANES, PLANES]))
    np.save(tmp_path / "masks" / "a.npy", np.concatenate([LABELS, LABELS]).astype(np.int64))
    ((_, read),) = sources.open_source(tmp_path, "all", choice=Choice(page=6))
    image, labels = read()
    np.testing.assert_array_equal(image[..., 0], PLANES[2])
    np.testing.assert_array_equal(labels, LABELS[2])
    folder = tmp_path / "labelme"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", PLANES, imagej=True, metadata={"axes": "ZYX"})
    shapes = [{"label": "cell", "points": [[2, 2], [20, 2], [20, 20]], "shape_type": "polygon", "group_id": None}]
    content = {"shapes": shapes, "imagePath": "a.tif", "imageData": None, "imageHeight": 60, "imageWidth": 80}
    (folder / "a.json").write_text(json.dumps(content))
    ((_, read),) = sources.open_source(folder, "all", choice=Choice(z=3))
    np.testing.assert_array_equal(read()[0][..., 0], PLANES[3])


def test_stacks_are_converted_for_training(command, tmp_path):
    folder, out = write_pair(tmp_path / "stack", PLANES), tmp_path / "out"
    code, _, err = command(data.main, "convert", str(folder), f"--out={out}", "--format=label_maps", "--z=3")
    assert code == 0, err
    image, labels = sources.open_source(out, "all")[0][1]()
    np.testing.assert_array_equal(image[..., 0], PLANES[3])
    np.testing.assert_array_equal(labels, LABELS[3])
    sheet = f"--out={tmp_path / 'sheet.png'}"
    code, printed, _ = command(data.main, "inspect", str(folder), sheet, "--z=1")
    assert code == 0 and "train: 1 image, 9 objects" in printed
    code, printed, _ = command(data.main, "inspect", str(folder), sheet)
    assert code == 1 and "a.tif: has 4 planes along z; choose one with --z=0..3\n" in printed


@pytest.mark.slow  # it imports TensorFlow
def test_training_says_what_to_do_with_stacks(command, tmp_path):
    for split in ("train", "val"):
        write_pair(tmp_path / "stack" / split, PLANES)
    given = f"--data={tmp_path / 'stack'}", "--hours=0.1", f"--workdir={tmp_path / 'run'}"
    code, _, err = command(train.main, *given)
    assert code == 1 and "a.tif: has 4 planes along z; expected a single 2-D image" in err
    assert "ris-data convert --z=0..3 does so for a data set" in err and "Traceback" not in err
