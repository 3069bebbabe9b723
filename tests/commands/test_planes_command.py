"""ris-predict on stacks: one result for each plane that was asked for, and none for a stack without a choice."""

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image
from scenes.stacks import COUNTS, planes, write_ome_zarr
from scipy import ndimage

from ris_tf.commands import predict
from ris_tf.instances.labels import Instances

PLANES = planes()


class Bright:
    """Stands for a model of the view "tiles": what is bright and connected is an object."""

    def __init__(self, config):
        self.config = config
        self.config.data.view = "tiles"

    def predict_instances(self, image, crf=False):
        labels, count = ndimage.label(image[..., 0] > 1000)
        return Instances(labels.astype(np.int32), np.ones(count, np.float32))


@pytest.fixture
def run(small, command, monkeypatch, tmp_path):
    """Runs ris-predict with Bright: flags and files -> (exit code, stderr, {image: count} or None)."""
    monkeypatch.setattr(predict.storage, "open_model", lambda *_: Bright(small))
    monkeypatch.setattr(predict.storage, "digest", lambda name: "bright")

    def predicted(out, *arguments):
        code, _, err = command(predict.main, "--model=nuclei", f"--out={tmp_path / out}", *arguments)
        table = tmp_path / out / "counts.csv"
        counts = {row["image"]: int(row["count"]) for row in csv.DictReader(table.open())} if table.exists() else None
        return code, err, counts

    return predicted


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, PLANES, imagej=True, metadata={"axes": "ZYX"})
    return path


def labels_of(tmp_path, out, name):
    return np.asarray(Image.open(tmp_path / out / f"{name}_labels.png"))


def test_each_plane_gives_what_its_own_file_gives(run, stack, tmp_path):
    (tmp_path / "flat").mkdir()
    for number, plane in enumerate(PLANES):
        tifffile.imwrite(tmp_path / "flat" / f"{number}.tif", plane)
    assert run("apart", tmp_path / "flat")[2] == {f"{number}.tif": count for number, count in enumerate(COUNTS)}
    code, err, counts = run("all", "--z=all", "--write=labels,csv,coco", stack)
    assert code == 0, err
    assert counts == {f"stack_z{number}.tif": count for number, count in enumerate(COUNTS)}
    assert run("one", "--z=2", stack)[2] == {"stack_z2.tif": COUNTS[2]}
    for number in range(4):
        expected = labels_of(tmp_path, "apart", str(number))
        np.testing.assert_array_equal(labels_of(tmp_path, "all", f"stack_z{number}"), expected)
    np.testing.assert_array_equal(labels_of(tmp_path, "one", "stack_z2"), labels_of(tmp_path, "apart", "2"))
    rows = list(csv.DictReader((tmp_path / "all" / "objects.csv").open()))
    assert len(rows) == sum(COUNTS) and {row["image"] for row in rows} == set(counts)
    assert sorted(file.name for file in (tmp_path / "one").iterdir()) == [
        "counts.csv", "stack_z2_labels.png", "stack_z2_overlay.png",
    ]  # fmt: skip


def test_axes_of_a_zarr_are_flags(run, tmp_path):
    library = pytest.importorskip("zarr")
    write_ome_zarr(library, tmp_path / "a.zarr", PLANES.reshape(2, 2, 60, 80), "tcyx", "0.4")
    assert run("o1", "--t=1", "--channel=all", tmp_path / "a.zarr")[2] == {"a_t1_c0.zarr": 7, "a_t1_c1.zarr": 11}
    assert run("o2", "--t=0", "--channel=1", tmp_path / "a.zarr")[2] == {"a_t0_c1.zarr": 9}
    code, err, counts = run("o3", "--t=0", tmp_path / "a.zarr")
    line = "a.zarr: has 2 channels; choose one with --channel=0..1, or all of them with --channel=all"
    assert code == 1 and line in err and counts is None


def test_stacks_without_a_choice_are_named_with_the_other_problems(run, stack, tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", PLANES[0])
    tifffile.imwrite(tmp_path / "pages.tif", PLANES[:2], photometric="minisblack")
    code, err, counts = run("out", tmp_path)
    assert code == 1 and err.count("\n") == 1 and counts is None and not (tmp_path / "out").exists()
    assert "pages.tif: has 2 pages; choose one with --page=0..1, or all of them with --page=all" in err
    assert "(1 more cannot be read: stack.tif)" in err
    assert run("out", "--z=3", "--page=0", tmp_path / "flat.tif", stack)[0] == 1  # flat.tif has no z = 3
    counts = run("out", "--z=all", "--page=all", tmp_path / "flat.tif", tmp_path / "pages.tif", stack)[2]
    assert counts == {
        "flat.tif": 5,
        "pages_page0.tif": 5, "pages_page1.tif": 9,
        **{f"stack_z{number}.tif": count for number, count in enumerate(COUNTS)},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "code", "words"),
    [
        ("--z=two", 2, "--z=two: expected a number counted from 0, or all"),
        ("--channel=red", 2, "--channel=red: expected a number counted from 0, or all or rgb"),
        ("--z=4", 1, "stack.tif: has 4 planes along z; expected 0..3, counted from 0, not --z=4"),
        ("--page=1", 1, "stack.tif: has 4 planes along z; choose one with --z=0..3"),
    ],
)
def test_wrong_choices_are_one_line(run, stack, flag, code, words):
    found, err, counts = run("out", flag, stack)
    assert found == code and words in err and err.count("\n") == 1 and counts is None


def test_a_channel_of_a_colour_image_is_refused(run, tmp_path):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
    code, err, _ = run("out", "--channel=0", tmp_path / "a.png")
    assert code == 1 and "a.png: is an RGB image, whose colours are read together; leave out --channel" in err


def test_a_plane_does_not_take_the_name_of_a_file(run, stack, tmp_path):
    tifffile.imwrite(tmp_path / "stack_z1.tif", PLANES[0])
    code, err, counts = run("out", "--z=all", stack, tmp_path / "stack_z1.tif")
    assert code == 1 and "stack_z1.tif: has the same name as" in err and counts is None


def test_an_interrupted_run_on_planes_resumes(run, stack, tmp_path, small, monkeypatch):
    looks = []

    class Failing(Bright):
        def predict_instances(self, image, crf=False):
            looks.append(int(image.sum()))
            if len(looks) == 3:
                raise KeyboardInterrupt
            return super().predict_instances(image, crf)

    monkeypatch.setattr(predict.storage, "open_model", lambda *_: Failing(small))
    assert run("out", "--z=all", stack)[0] == 130
    assert list(run("out", "--z=all", stack)[2].values()) == list(COUNTS)
    assert looks == [int(PLANES[index].sum()) for index in (0, 1, 2, 2, 3)]
