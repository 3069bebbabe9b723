"""ris-data: what it prints and writes, that it tells of everything that is wrong, and leaves nothing unfinished."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from ris_tf.commands import data as data_command
from ris_tf.data import convert, inspection, sources
from ris_tf.data.synthetic import drawings
from ris_tf.instances.visualize import overlay
from ris_tf.wording import counted

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")


@pytest.fixture
def folder(tmp_path):
    """Ten pairs, not split, with one, two, ... discs; the files are called 000 and so on."""
    for number in range(10):
        image, labels = drawings.sample("discs", 1, number, 64)
        labels[labels > number] = 0
        for kind, array in (("images", image), ("masks", labels)):
            (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / "data" / kind / f"{number:03d}.png")
    return tmp_path / "data"


def test_inspect_says_what_is_there(command, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = command(data_command.main, "inspect", folder)
    assert code == 0 and "no problems found" in out, err
    assert f"{folder}: images and label maps" in out
    masks = {file.stem: np.asarray(Image.open(file)) for file in (folder / "masks").iterdir()}
    for split in ("train", "val", "test"):
        names = [name for name, _ in sources.open_source(folder, split)]
        counts = [len(np.unique(masks[name])) - 1 for name in names]
        assert f"{split}: {counted(len(names), 'image')}, {counted(sum(counts), 'object')}" in out
        assert f"objects per image  {min(counts)} to {max(counts)}, median {np.median(counts):g}" in out
    areas = np.concatenate([np.bincount(masks[name].ravel())[1:] for name, _ in sources.open_source(folder, "train")])
    areas = areas[areas > 0]
    assert (
        f"pixels per object  {areas.min()} to {areas.max()}, median {np.median(areas):g}, mean {areas.mean():.1f}"
        in out
    )
    assert out.count("without objects    1 image\n") == 2 and out.count("64x64 (8) (width x height)") == 1
    assert out.count("3 channels uint8 (8)") == 1
    sheet = np.asarray(Image.open(tmp_path / "contact_sheet.png"))
    name = sources.open_source(folder, "train")[0][0]
    drawn = Image.fromarray(overlay(np.asarray(Image.open(folder / "images" / f"{name}.png")), masks[name]))
    drawn.thumbnail((inspection.CELL, inspection.CELL), Image.Resampling.LANCZOS)
    at = [
        (r, c)
        for r in range(sheet.shape[0] - 320)
        for c in (6, 332, 658)
        if (sheet[r, c : c + 9] == drawn_row(drawn)).all()
    ]
    assert at, "the overlay of the first image is not on the sheet"
    row, column = at[0]
    np.testing.assert_array_equal(sheet[row : row + 320, column : column + 320], drawn)


def drawn_row(picture):
    return np.asarray(picture)[0, :9]


def test_inspect_tells_of_every_problem(command, folder, tmp_path):
    (folder / "images" / "000.png").write_bytes(b"")
    (folder / "masks" / "000.png").write_bytes(b"GIF89a")
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(folder / "masks" / "001.png")
    (folder / "masks" / "002.png").unlink()
    (folder / "images" / "003.png").unlink()
    (folder / "images" / "005.png").write_bytes((folder / "images" / "004.png").read_bytes())
    code, out, err = command(data_command.main, "inspect", folder, f"--out={tmp_path / 'sheet.png'}")
    lines = [line for line in out.splitlines() if line.startswith("problem: ")]
    words = [
        ["images/000.png: file is empty"], ["masks/000.png: cannot be read"], ["masks/001.png: mask is 4x3"],
        ["images/002.png: image has no mask"], ["masks/003.png: mask has no image"], ["same pixels as 00"],
    ]  # fmt: skip
    for word in words:
        assert sum(word[0] in line for line in lines) == 1, (word, lines)
    assert len(lines) == 6 and code == 1 and err.splitlines()[-1] == f"ris-command: {folder}: 6 problems found"
    assert (tmp_path / "sheet.png").is_file()


def test_inspect_of_a_category(command, coco, tmp_path):
    truth = COCO(coco / "annotations" / "instances_val2017.json")
    people = truth.loadAnns(truth.getAnnIds(catIds=[1], iscrowd=0))
    out = command(data_command.main, "inspect", coco, "--category=person", f"--out={tmp_path / 'a.png'}")[1]
    assert f"val2017: {len({entry['image_id'] for entry in people})} images, {len(people)} objects" in out
    crowds = {entry["image_id"] for entry in truth.loadAnns(truth.getAnnIds(iscrowd=1))}
    assert f"in {counted(len(crowds & {entry['image_id'] for entry in people}), 'image')}" in out
    assert command(data_command.main, "inspect", coco, "--category=persn")[0] == 2


@pytest.mark.parametrize("form", convert.FORMATS)
def test_convert_writes_what_training_reads(command, folder, tmp_path, form):
    out = tmp_path / "out"
    code, printed, err = command(data_command.main, "convert", folder, f"--format={form}", f"--out={out}")
    assert code == 0 and "train: 8 images" in printed, err
    for split in ("train", "val", "test"):
        before, after = (sources.open_source(data, split, category="") for data in (folder, out))
        assert [name for name, _ in before] == [name for name, _ in after]
        for (_, read), (_, again) in zip(before, after, strict=True):
            for a, b in zip(read(), again(), strict=True):
                np.testing.assert_array_equal(a, b)
    code, _, err = command(data_command.main, "convert", folder, f"--format={form}", f"--out={out}")
    assert code == 2 and "exists; give a folder that does not" in err


def test_convert_flags_change_what_is_written(command, folder, tmp_path):
    def run(name, data, *flags):
        code, _, err = command(data_command.main, "convert", data, f"--out={tmp_path / name}", *flags)
        assert code == 0, err
        return tmp_path / name

    def content(out):
        return json.loads((out / "annotations" / "instances_train.json").read_text())

    two = run("two", folder, "--format=coco")
    written = content(two)
    assert [entry["name"] for entry in written["categories"]] == ["object"]
    written["categories"].append({"id": 2, "name": "cell"})
    for entry in written["annotations"][:7]:
        entry["category_id"] = 2
    (two / "annotations" / "instances_train.json").write_text(json.dumps(written))
    (two / "annotations" / "instances_val.json").unlink()
    (two / "annotations" / "instances_test.json").unlink()
    cells = content(run("cells", two, "--format=coco", "--category=cell"))
    assert len(cells["annotations"]) == 7 and cells["categories"] == [{"id": 1, "name": "cell"}]
    for number in range(3):  # what zlib cannot make smaller than 0.7 MB
        noise = np.random.default_rng(number).integers(0, 256, (512, 512, 3), np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"00{number}.png")
        Image.fromarray(np.eye(512, dtype=np.uint8)).save(folder / "masks" / f"00{number}.png")
    shards = [
        len(list(run(name, folder, "--format=tfrecord", *flags).glob("train-*.tfrecord")))
        for name, flags in (("small", ["--shard_mb=1"]), ("large", []))
    ]
    assert shards == [2, 1]


@pytest.mark.parametrize("form", convert.FORMATS)
def test_nothing_unfinished_is_left(command, folder, tmp_path, form):
    (folder / "masks" / "007.png").write_bytes(b"")
    code, _, err = command(data_command.main, "convert", folder, f"--format={form}", f"--out={tmp_path / 'out'}")
    assert code == 1 and "masks/007.png: file is empty" in err.splitlines()[-1]
    assert [file.name for file in tmp_path.iterdir()] == ["data"]
    (folder / "masks" / "007.png").write_bytes((folder / "masks" / "006.png").read_bytes())
    code, _, err = command(
        data_command.main, "convert", folder, f"--format={form}", f"--out={folder / 'images/001.png/x'}"
    )
    assert code == 2 and "images/001.png/x: Not a directory; give a folder" in err.splitlines()[-1]


@pytest.mark.parametrize("form", convert.FORMATS)
def test_a_full_disk_is_one_line_and_leaves_nothing(folder, tmp_path, form):
    code = f"""
import resource, sys
from ris_tf.commands import data
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.argv = ["ris-data", "convert", {str(folder)!r}, "--format={form}", "--out={tmp_path / "out"}"]
data.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    line = f"ris-data: --out={tmp_path / 'out'}: File too large; give a folder that can be written"
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == line, done.stderr  # the bar's own are before it
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give inspect or convert and one folder"),
        (["look", "x"], 2, "give inspect or convert"),
        (["inspect", "x", "y"], 2, "give inspect or convert"),
        (["inspect", "x"], 1, "x: no such folder"),
        (["inspect", "."], 1, ".: no image and label pairs found"),
        (["inspect", ".", "--out=.."], 2, "--out=..: is a folder; give a PNG file"),
        (["inspect", ".", "--out=no/a.png"], 2, "--out=no/a.png: its folder is missing"),
        (["convert", "x", "--out=o"], 2, "--format is missing"),
        (["convert", "x", "--format=coco"], 2, "--out is missing"),
        (["convert", "x", "--format=voc", "--out=o"], 2, "voc"),
        (["convert", "x", "--format=coco", "--out=o"], 1, "x: no such folder"),
        (["convert", "x", "--format=tfrecord", "--out=o", "--shard_mb=0"], 2, "shard_mb"),
    ],
)
def test_wrong_arguments_are_one_line(command, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    got, _, err = command(data_command.main, *arguments)
    assert got == code and err.count("\n") == 1 and words in err, err
    assert not list(Path().iterdir())


def test_help_names_every_flag(command):
    code, out, _ = command(data_command.main, "--helpshort")
    assert code == 0 and all(f"--{flag}: " in out for flag in ("out", "format", "category", "shard_mb"))
    assert "PASCAL VOC 2012" in out


def test_masks_of_the_foreground_are_told(command, folder, tmp_path):
    for path in (folder / "masks").iterdir():
        mask = np.zeros((40, 60), np.uint8)
        for left in range(2, 50, 12):
            mask[10:20, left : left + 8] = 255
        Image.fromarray(mask).save(path)
        Image.fromarray(np.random.default_rng(len(path.name)).integers(0, 99, mask.shape).astype(np.uint8)).save(
            folder / "images" / path.name
        )
    out = command(data_command.main, "inspect", folder, f"--out={tmp_path / 'sheet.png'}")[1]
    assert "every label map holds one object, in 4 separate pieces (median)" in out


def test_masks_under_another_name_are_told(command, folder):
    (folder / "masks").rename(folder / "labels")
    code, out, _ = command(data_command.main, "inspect", folder)
    assert code == 1 and f"problem: {folder}: has images/, labels/; expected masks/ as well" in out
