"""ris-label: drafts are read back exactly, corrections are never overwritten, the least sure images come first."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from ris_tf.commands import label
from ris_tf.data.readers.layouts import detect, open_folder
from ris_tf.evaluation.disagreement import disagreement
from ris_tf.instances.labels import Instances


def discs(path, count=16, **how):
    """Bright discs in rows of four."""
    rows, columns = np.indices((128, 128))
    disc = (np.hypot(rows % 32 - 15.5, columns % 32 - 15.5) < 9) & (rows < 8 * count)
    Image.fromarray(np.uint8(20 + 180 * disc)).save(path, **how)
    return path


def speckle(path):
    """Blurred noise, in which nothing is clear."""
    noise = np.random.default_rng(0).random((16, 16))
    Image.fromarray(np.uint8(255 * noise)).resize((128, 128), Image.BICUBIC).save(path)
    return path


def test_drafts_hold_the_objects_as_they_were_found(tmp_path):
    rings = np.zeros((40, 50), int)
    rings[2:20, 3:22], rings[6:12, 8:15], rings[8:10, 10:12] = 1, 0, 2  # a hole, and an object in it
    rings[25:30, 5:9], rings[25:30, 20:26], rings[33:36, 40:50] = 3, 3, 4  # two pieces; at the border
    image = tmp_path / "a.png"
    Image.fromarray(np.zeros((40, 50), np.uint8)).save(image)
    (tmp_path / "out").mkdir()
    label.write_draft(image, tmp_path / "out", Instances(rings, np.ones(4)), "leaf")
    layout, _ = detect(tmp_path / "out")
    ((name, read),) = open_folder(tmp_path / "out", "all", "leaf")
    assert (layout.name, name) == ("labelme", "a")
    np.testing.assert_array_equal(read()[1], rings)
    assert (tmp_path / "out" / "a.png").read_bytes() == image.read_bytes()


def test_a_folder_is_drafted_and_corrections_stay(command, tmp_path):
    (tmp_path / "new").mkdir()
    exif = Image.Exif()
    exif[274] = 6  # stored turned by a quarter
    discs(tmp_path / "new" / "a.png"), discs(tmp_path / "new" / "b.jpg", 8, exif=exif, quality=95)
    flags = "--model=nuclei", f"--out={tmp_path / 'out'}", "--label=cell"
    code, said, error = command(label.main, *flags, tmp_path / "new")
    assert code == 0 and "2 drafts with 24 objects" in said, error
    for _, read in open_folder(tmp_path / "out", "all", "cell"):
        image, labels = read()
        assert image[..., 0][labels > 0].mean() > 170 and image[..., 0][labels == 0].mean() < 50

    corrected = tmp_path / "out" / "a.json"
    content = json.loads(corrected.read_text())
    content["shapes"].pop()
    corrected.write_text(json.dumps(content))
    before = corrected.read_bytes()
    discs(tmp_path / "new" / "c.png")
    code, said, _ = command(label.main, *flags, tmp_path / "new")
    assert code == 0 and "1 draft with 16 objects; 2 images that had annotations left alone" in said
    assert corrected.read_bytes() == before
    assert "no new image; 3 images" in command(label.main, *flags, tmp_path / "new")[1]


def test_the_least_sure_image_comes_first(command, tmp_path):
    images = discs(tmp_path / "a.png"), speckle(tmp_path / "b.png"), discs(tmp_path / "c.png")
    flags = "--model=nuclei", f"--out={tmp_path / 'out'}", "--first=1"
    code, said, error = command(label.main, *flags, *images)
    assert code == 0, error
    with (tmp_path / "out" / "order.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["image"] for row in rows] == ["b.png", "a.png", "c.png"]
    assert float(rows[0]["disagreement"]) > 0.1 > float(rows[1]["disagreement"])
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["b.json", "b.png", "order.csv"]


def test_disagreement_is_the_mean_of_what_pairs_of_orientations_differ():
    image = np.zeros((8, 8, 1))
    image[1:3, 1:5] = 1

    def exact(array):
        return Instances(array[..., 0] > 0, np.ones(1))

    def left_only(array):  # sees nothing in the right half: orientations that are mirrored sideways lose 3 of 4 columns
        seen = np.int32(array[..., 0] > 0)
        seen[:, 4:] = 0
        return Instances(seen, np.ones(1))

    assert disagreement(lambda array: exact(np.int32(array)), image)[1] == 0
    # By hand: columns 1 to 3 are seen as they are, and column 4 if mirrored, so that these share no pixel. Of six
    # pairs, the two of equal orientation agree entirely and the four others not at all.
    assert disagreement(left_only, image)[1] == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (["x/a.png", "y/a.png"], 1, "has the same name as"),
        (["x/a.npy"], 1, "labelme does not open this format; expected PNG, JPEG or TIFF"),
        (["x/absent.png"], 1, "absent.png"),
        ([], 2, "an image or folder of images is missing"),
    ],
)
def test_what_is_wrong_is_told(names, code, said, command, tmp_path):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name.endswith("a.png"):
            discs(tmp_path / name)
        elif name.endswith(".npy"):
            np.save(tmp_path / name, np.zeros((32, 32), np.uint8))
    found, _, error = command(label.main, "--model=nuclei", f"--out={tmp_path / 'o'}", *(tmp_path / n for n in names))
    assert found == code and said in error and len(error.splitlines()) == 1
    assert not (tmp_path / "o").exists()


def test_another_image_of_the_same_name_is_not_replaced(command, tmp_path):
    (tmp_path / "o").mkdir()
    speckle(tmp_path / "o" / "a.png")
    code, _, error = command(label.main, "--model=nuclei", f"--out={tmp_path / 'o'}", discs(tmp_path / "a.png"))
    assert code == 1 and "is another image than" in error
