"""The fully connected CRF, against mean field written out in NumPy, and what --crf changes."""

import sys

import keras
import numpy as np
import pytest
from conftest import ROOT
from ml_collections import ConfigDict
from PIL import Image

from ris_tf.commands import evaluate, predict
from ris_tf.configs import base, nuclei, rosettes
from ris_tf.errors import UsageError
from ris_tf.inference import crf as dense
from ris_tf.inference import looks
from ris_tf.inference.prediction import predict_instances
from ris_tf.model import build
from ris_tf.settings import schema


def strong():
    """Fields that mend a mask full of noise."""
    fields = dict(smooth_weight=3.0, smooth_distance=3.0, bilateral_weight=5.0, bilateral_distance=30.0)
    return ConfigDict({"iterations": 5, "bilateral_colour": 0.1, **fields})


@pytest.fixture
def installed():
    pytest.importorskip("pydensecrf.densecrf", reason="pydensecrf2 is not installed: the extra 'crf'")


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)


@pytest.fixture
def pictures(tmp_path):
    """A data set of one pair, split "test", in noise: every model finds something else in it."""
    noise = np.random.default_rng(3).integers(0, 255, (96, 80, 3), np.uint8)
    labels = np.zeros((96, 80), np.uint8)
    labels[20:50, 20:50] = 1
    for kind, array in (("images", noise), ("masks", labels)):
        (tmp_path / "data" / "test" / kind).mkdir(parents=True)
        Image.fromarray(array).save(tmp_path / "data" / "test" / kind / "a.png")
    return tmp_path / "data"


def brute_force(mask, image, crf):
    """Mean field with every pair of pixels, one loop over iterations; both labels' messages by full matrices."""
    height, width = mask.shape
    place = np.array([(y, x) for y in range(height) for x in range(width)], float)
    colour = image.reshape(height * width, -1).astype(float)
    apart = ((place[:, None] - place[None]) ** 2).sum(2)
    differ = ((colour[:, None] - colour[None]) ** 2).sum(2)
    smooth = np.exp(-apart / (2 * crf.smooth_distance**2))
    bilateral = np.exp(-apart / (2 * crf.bilateral_distance**2) - differ / (2 * crf.bilateral_colour**2))
    pairwise = np.zeros_like(apart)
    for weight, kernel in ((crf.smooth_weight, smooth), (crf.bilateral_weight, bilateral)):
        scale = 1 / np.sqrt(kernel.sum(1))
        pairwise += weight * scale[:, None] * kernel * scale[None]
    inside = np.clip(mask.ravel().astype(float), 1e-3, 1 - 1e-3)
    q = inside
    for _ in range(crf.iterations):
        # Potts: a label pays for the neighbours that have the other one
        agreement = np.log(inside) - np.log(1 - inside) + pairwise @ q - pairwise @ (1 - q)
        q = 1 / (1 + np.exp(-agreement))
    return q.reshape(height, width)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("smooth", "bilateral"), [(2.0, 0.0), (0.0, 2.0), (1.5, 1.5)])
def test_as_mean_field_over_all_pairs(installed, channels, smooth, bilateral):
    rng = np.random.default_rng(5)
    image = 0.2 + 0.1 * rng.random((6, 7, channels)).astype(np.float32)
    image[1:5, 2:6] += 0.5
    masks = rng.uniform(0.1, 0.7, (3, 6, 7)).astype(np.float32)
    masks[:, 1:5, 2:6] += 0.25
    crf = strong()
    crf.update({"iterations": 3, "smooth_weight": smooth, "smooth_distance": 1.5, "bilateral_weight": bilateral})
    crf.update({"bilateral_distance": 4.0, "bilateral_colour": 0.3})
    refined = dense.refine(masks, image, crf)
    expected = np.stack([brute_force(mask, image, crf) for mask in masks])
    assert refined.shape == (3, 6, 7) and refined.dtype == np.float32
    # the library's filter, a permutohedral lattice, is an approximation itself
    np.testing.assert_allclose(refined, expected, atol=0.05)
    assert np.corrcoef(refined.ravel(), expected.ravel())[0, 1] > 0.995
    assert np.abs(expected - masks).max() > 0.15, "well above the tolerance"


def square(noise=0.25):
    """A bright square and a noisy mask of it: image [64, 64, 1], mask [64, 64], truth bool [64, 64]."""
    rng = np.random.default_rng(0)
    truth = np.zeros((64, 64), bool)
    truth[20:44, 16:48] = True
    image = (0.2 + 0.6 * truth + rng.normal(0, 0.03, truth.shape)).astype(np.float32)[..., None]
    mask = np.clip(np.where(truth, 0.65, 0.35) + rng.normal(0, noise, truth.shape), 0, 1).astype(np.float32)
    return image, mask, truth


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_noisy_mask_becomes_clean(installed):
    image, mask, truth = square()
    refined = dense.refine(mask[None], image, strong())[0]
    assert iou(mask > 0.5, truth) < 0.7 and iou(refined > 0.5, truth) > 0.98


def test_only_the_box_around_a_mask_is_touched(installed):
    image = np.random.default_rng(1).random((90, 70, 3)).astype(np.float32)
    masks = np.full((2, 90, 70), 0.01, np.float32)
    masks[1, 30:40, 20:30] = 0.8
    crf = strong()
    crf.update({"smooth_distance": 2.0, "bilateral_distance": 6.0})
    refined, inside = dense.refine(masks, image, crf), np.zeros((90, 70), bool)
    inside[24:46, 14:36] = True
    np.testing.assert_array_equal(refined[0], masks[0])
    np.testing.assert_array_equal(refined[1][~inside], masks[1][~inside])
    assert (refined[1][inside] != masks[1][inside]).all()
    assert masks.max() == np.float32(0.8), "the masks given are left alone"


def test_large_box_is_reduced_and_comes_back_the_same(installed, monkeypatch):
    image, mask, truth = square(0.1)
    image, mask, truth = (np.kron(x, np.ones((4, 4, 1)[: x.ndim])).astype(x.dtype) for x in (image, mask, truth))
    crf = strong()
    full = dense.refine(mask[None], image, crf)[0]
    monkeypatch.setattr(dense, "_MOST", mask.size // 9)
    reduced = dense.refine(mask[None], image, crf)[0]
    assert not np.array_equal(full, reduced)
    assert iou(full > 0.5, reduced > 0.5) > 0.95 and iou(reduced > 0.5, truth) > 0.95


@pytest.mark.parametrize("field", strong())
def test_crf_fields(installed, field):
    image, mask, _ = square()
    crf = strong()
    before = dense.refine(mask[None], image, crf)
    np.testing.assert_array_equal(before, dense.refine(mask[None], image, crf))
    crf[field] = 1 if field == "iterations" else crf[field] / 3
    assert np.abs(dense.refine(mask[None], image, crf) - before).max() > 0.01


@pytest.mark.parametrize("field", strong())
def test_field_out_of_range_is_named(field):
    config = base.get_config()
    least = 1 if field == "iterations" else 0.0
    config.predict.crf[field] = least if field == "iterations" or field.endswith("weight") else 1e-3
    schema.check(config)
    config.predict.crf[field] = least if field.endswith(("distance", "colour")) else type(least)(least - 1)
    with pytest.raises(UsageError, match=f"crf.{field} is"):
        schema.check(config)


def look_with(mask):
    """A network that finds one object, `mask`, in every look, at stride 2."""

    def look(tiles):
        masks = np.repeat(mask[None, None, ::2, ::2], len(tiles), 0)
        return masks, np.full((len(tiles), 1), 0.95, np.float32)

    return look


@pytest.mark.parametrize("view", ["whole", "tiles"])
def test_crf_sees_the_pixels_of_the_image_in_both_views(installed, view):
    image, mask, truth = square(0.1)
    config = nuclei.get_config()
    config.predict.crf = strong()
    config.model.update({"size": (64, 64), "steps": 2})
    config.data.view = view
    config.predict.zoom_limits = (1.0, 1.0)
    # the network is 4 pixels off; the picture says where the square is
    look = look_with(np.roll(mask, 4, axis=1))
    before = predict_instances(look, config, image)
    after = predict_instances(look, config, image, crf=True)
    assert before.count == after.count == 1
    assert iou(before.labels > 0, truth) < 0.85 and iou(after.labels > 0, truth) > 0.95


def test_only_the_steps_taken_are_refined(monkeypatch):
    seen = []
    monkeypatch.setattr(dense, "refine", lambda masks, image, crf: seen.append(masks.shape) or masks)
    masks, image = np.full((4, 5, 6), 0.9, np.float32), np.zeros((10, 12, 3), np.float32)
    scores, fields = np.float32([0.9, 0.9, 0.1, 0.9]), rosettes.get_config().predict
    looks.resolve(masks, scores, (10, 12), fields, image)
    assert seen == [(1, 10, 12)] * 2
    looks.resolve(masks, scores, (10, 12), fields)
    assert len(seen) == 2


@pytest.mark.parametrize("main", [predict.main, evaluate.main])
def test_flag_changes_the_result(installed, command, small, pictures, tmp_path, main):
    small.predict.update({"score_threshold": 0.0, "mask_threshold": 0.3, "min_visible": 0.0})
    small.predict.crf.bilateral_weight = 20.0
    keras.utils.set_random_seed(0)
    build(small).save(tmp_path / "model.keras")
    source = [f"--data={pictures}"] if main is evaluate.main else [pictures / "test" / "images"]
    written = []
    for flag in ("--nocrf", "--crf"):
        out = tmp_path / f"out{flag}"
        code, _, err = command(main, f"--model={tmp_path / 'model.keras'}", f"--out={out}", flag, *source)
        assert code == 0, err
        written.append((out / ("metrics.json" if main is evaluate.main else "a_labels.png")).read_bytes())
    assert written[0] != written[1]


@pytest.mark.parametrize("main", [predict.main, evaluate.main])
def test_missing_library_is_one_line_and_nothing_is_written(missing, command, small, pictures, tmp_path, main):
    keras.utils.set_random_seed(0)
    build(small).save(tmp_path / "model.keras")
    source = [f"--data={pictures}"] if main is evaluate.main else [pictures / "test" / "images"]
    arguments = [f"--model={tmp_path / 'model.keras'}", f"--out={tmp_path / 'out'}", *source]
    code, _, err = command(main, "--crf", *arguments)
    line = "ris-command: --crf needs pydensecrf2; pip install 'ris-tf[crf]'\n"
    assert (code, err) == (2, line) and not (tmp_path / "out").exists()
    assert command(main, *arguments)[0] == 0, "without --crf nothing needs it"


def test_missing_library_from_python(missing):
    with pytest.raises(UsageError, match="needs pydensecrf2"):
        dense.refine(np.zeros((1, 8, 8), np.float32), np.zeros((8, 8, 1), np.float32), strong())


def test_extra_is_the_one_the_message_names():
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    assert "\ncrf = pydensecrf2>=1.1\n" in setup
