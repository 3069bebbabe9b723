"""The ids in the COCO results of ris-predict, judged by pycocotools against a user's own annotations."""

import contextlib
import io
import json
import re

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocotools.mask import encode, toBbox

from ris_tf.commands import predict
from ris_tf.instances.labels import Instances

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")
NAMES = ["img_2.png", "img_10.png", "img_1.png"]  # in the order of upload, which gives the ids 41, 42, 43
CATEGORIES = [{"id": 0, "name": "cells", "supercategory": "none"}, {"id": 7, "name": "cell", "supercategory": "cells"}]


class Perfect:
    """A stand-in for a model: it finds exactly the bright squares."""

    config = ConfigDict({"data": {"category": "", "view": "tiles"}, "predict": {"count_spread": 0.0}})

    def predict_instances(self, image, crf=False):
        return Instances(image[..., 0].astype(np.int32), np.ones(3, np.float32))


@pytest.fixture
def scene(tmp_path):
    """Images with three objects each and their annotations: (folder, file, content)."""
    (tmp_path / "images" / "plate").mkdir(parents=True)
    content = {"images": [], "annotations": [], "categories": CATEGORIES}
    for number, name in enumerate(NAMES):
        labels = np.zeros((64, 60), np.uint8)
        for value in (1, 2, 3):
            labels[20 * value - 18 : 20 * value - 6, 12 * number + value : 12 * number + value + 12] = value
            packed = encode(np.asfortranarray(labels == value, np.uint8))
            entry = {"id": 3 * number + value, "image_id": 41 + number, "category_id": 7, "iscrowd": 0, "area": 144}
            outline = {"size": [64, 60], "counts": packed["counts"].decode()}
            content["annotations"].append({**entry, "bbox": toBbox(packed).tolist(), "segmentation": outline})
        Image.fromarray(labels).save(tmp_path / "images" / "plate" / name)
        content["images"].append({"id": 41 + number, "file_name": f"plate/{name}", "height": 64, "width": 60})
    file = tmp_path / "instances_val.json"
    file.write_text(json.dumps(content))
    return tmp_path / "images" / "plate", file, content


@pytest.fixture
def run(command, monkeypatch, scene, tmp_path):
    monkeypatch.setattr(predict.storage, "open_model", lambda *_: Perfect())
    monkeypatch.setattr(predict.storage, "digest", lambda name: None)
    flags = (predict.main, "--model=nuclei", f"--out={tmp_path / 'found'}", scene[0])
    return lambda *more: command(*flags, *(more or ("--write=coco", f"--annotations={scene[1]}")))


def average_precision(file, results):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(file)
        measured = COCOeval(truth, truth.loadRes(str(results)), "segm")
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    return measured.stats[0]


def test_perfect_masks_have_an_ap_of_1_against_own_annotations(run, scene, tmp_path):
    code, out, err = run()
    assert code == 0, err
    assert average_precision(scene[1], tmp_path / "found" / "coco_results.json") == pytest.approx(1)
    assert f"coco_results.json: the ids are those of {scene[1]}; the category is cell (id 7)\n" in out
    listed = json.loads((tmp_path / "found" / "coco_images.json").read_text())
    assert sorted(listed["images"], key=lambda entry: entry["id"]) == scene[2]["images"]
    assert listed["categories"] == [{"id": 7, "name": "cell"}]


def test_without_annotations_the_ids_are_explained(run, scene, tmp_path):
    code, out, err = run("--write=coco")
    assert code == 0, err
    assert "coco_results.json: the image ids are those in coco_images.json, made from the names" in out
    listed = json.loads((tmp_path / "found" / "coco_images.json").read_text())["images"]
    assert {entry["file_name"]: entry["id"] for entry in listed} == dict(zip(sorted(NAMES), (1, 2, 3), strict=True))
    assert run("--write=csv")[1].count("ids") == 0


def test_images_that_are_not_predicted_are_counted(run, scene):
    (scene[0] / NAMES[0]).unlink()
    code, out, err = run()
    assert code == 0 and "; images of that file that were not predicted: 1\n" in out, err


def change(scene, **changes):
    scene[1].write_text(json.dumps({**scene[2], **changes}))


def test_a_category_is_chosen(run, scene, tmp_path, monkeypatch):
    two = [{**entry, "category_id": 8 if entry["id"] % 2 else 7} for entry in scene[2]["annotations"]]
    change(scene, categories=[*CATEGORIES, {"id": 8, "name": "debris"}], annotations=two)
    code, _, err = run()
    assert code == 2 and err.count("\n") == 1
    assert "objects of 2 categories are annotated (cell, debris); choose the one that the model finds with --cat" in err

    def category_of(*more):
        code, _, err = run("--write=coco", f"--annotations={scene[1]}", *more)
        assert code == 0, err
        return {entry["category_id"] for entry in json.loads((tmp_path / "found" / "coco_results.json").read_text())}

    assert category_of("--category=debris") == {8} and category_of("--category=cell") == {7}
    data = {"category": "debris", "view": "tiles"}
    monkeypatch.setattr(Perfect, "config", ConfigDict({**Perfect.config, "data": data}))
    assert category_of() == {8}  # the category that the model was trained on
    assert category_of("--category=cell") == {7}


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--write=csv", "--annotations={file}"], 2, "applies only to coco; add it to --write"),
        (["--write=coco", "--category=cell"], 2, "--category=cell: names a category of --annotations"),
        (["--write=coco", "--annotations=none.json"], 2, "--annotations=none.json: no such file; expected annotations"),
        (["--write=coco", "--annotations={file}", "--category=cel"], 2, "has no category of this name; it has cell"),
    ],
)
def test_wrong_flags_are_one_line(run, scene, tmp_path, flags, code, words):
    got, _, err = run(*(flag.format(file=scene[1]) for flag in flags))
    assert got == code and err.count("\n") == 1 and words in err, err
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {2: {"file_name": "plate/other.png"}},
            "img_1.png: not listed in .*, which lists plate/img_2.png; exp",
        ),
        ({0: {"file_name": "x/img_2.png"}, 2: {"file_name": "b"}}, "img_1.png, .*img_2.png: not listed in"),
        ({2: {"height": 60, "width": 64}}, "img_1.png: image is 60x64 but the annotations say 64x60"),
        ({1: {"id": 41}}, "'images' has several entries with the id 41; expected each id once"),
    ],
)
def test_annotations_of_other_images_are_refused(run, scene, tmp_path, changes, words):
    change(scene, images=[entry | changes.get(place, {}) for place, entry in enumerate(scene[2]["images"])])
    code, _, err = run()
    assert code == 1 and err.count("\n") == 1 and re.search(words, err), err
    assert not (tmp_path / "found").exists()


def test_the_longest_path_counts(run, scene, tmp_path):
    further = {"id": 99, "file_name": NAMES[0], "height": 64, "width": 60}
    change(scene, images=[further, *scene[2]["images"]])
    assert run()[0] == 0
    results = json.loads((tmp_path / "found" / "coco_results.json").read_text())
    assert {entry["image_id"] for entry in results} == {41, 42, 43}
