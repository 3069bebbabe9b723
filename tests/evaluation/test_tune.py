"""The search for thresholds, with stand-ins for networks that are right only with known thresholds."""

import json

import numpy as np
import pytest
from scenes.blobs import mosaic, perfect_look
from scipy import ndimage

from ris_tf import model, storage
from ris_tf.commands import evaluate
from ris_tf.configs import nuclei, rosettes
from ris_tf.evaluation.overlaps import compare
from ris_tf.evaluation.tune import Remembered, _rank, tune, with_fields
from ris_tf.inference.prediction import predict_instances


def hesitant(config, seen):
    """Same as `perfect_look`, but masks are 0.4 (0.37 in a false rim), true objects score 0.62, a false one 0.58."""
    look = perfect_look(config)

    def changed(tiles):
        seen.append(len(tiles))
        masks, scores = look(tiles)
        rim = np.stack([[ndimage.binary_dilation(mask, iterations=3) for mask in tile > 0.5] for tile in masks])
        masks = np.where(masks > 0.5, 0.4, np.where(rim, 0.37, 0.0)).astype(np.float32)
        found = (scores > 0.5).sum(axis=1)
        scores = np.where(scores > 0.5, 0.62, 0.1).astype(np.float32)
        for tile, count in enumerate(found):
            masks[tile, count, :6, :6], scores[tile, count] = 0.9, 0.58
        return masks, scores

    return changed


def discs(columns):
    image = np.zeros((256, 256, 3), np.uint8)
    rows, across = np.indices(image.shape[:2])
    for column in columns:
        image[(rows - 130) ** 2 + (across - column) ** 2 < 22**2] = 255
    return image, ndimage.label(image[..., 0])[0]


def test_finds_the_thresholds_that_are_right_and_looks_once():
    config = rosettes.get_config()
    config.data.view = "whole"
    source = [(str(i), lambda i=i: discs([60 + i % 4, 180])) for i in range(10)]
    seen = []
    fields, trials = tune(hesitant(config, seen), config, source)
    assert 0.58 <= fields["score_threshold"] < 0.62 and 0.37 <= fields["mask_threshold"] < 0.4
    assert 0 < fields["count_spread"] < 0.01  # every count is right
    assert config.predict.score_threshold == 0.5  # unchanged
    assert sum(seen) == 4 * len(source)  # once a group: coarse, least area, fine, as used
    best = max(trials, key=lambda trial: trial["ap_mean"])
    assert best["ap_mean"] > 0.99 > trials[0]["ap_mean"] and len(trials) > 40
    changed = with_fields(config, fields)
    image, truth = source[0][1]()
    iou = compare(truth, predict_instances(hesitant(config, []), changed, image).labels).iou
    assert iou.shape == (2, 2) and (iou.max(axis=1) > 0.9).all()


def test_a_wrong_count_outweighs_a_little_precision():
    careful = {"ap_mean": 0.56, "sbd": 0.79, "relative_abs_dic": 0.141}  # leaves out whatever is doubtful
    complete = {"ap_mean": 0.55, "sbd": 0.85, "relative_abs_dic": 0.063}
    empty = {"ap_mean": 0.0, "sbd": 1.0, "relative_abs_dic": None}  # no object in any image
    assert max([careful, complete], key=_rank) is complete
    assert _rank(empty) == 1.0


def test_keeps_what_was_there_where_nothing_is_better(monkeypatch):
    few = {"_SCORES": (0.5, 0.8), "_MASKS": (0.45,), "_SHARES": (1.0, 0.5), "_AREAS": (1.0, 20.0)}
    few["_FINE"] = {"score_threshold": (-0.05, 0.0)}
    for name, values in few.items():
        monkeypatch.setattr(f"ris_tf.evaluation.tune.{name}", values)
    config = nuclei.get_config()
    image, _ = mosaic(100, 100, 30, 9)
    fields, trials = tune(perfect_look(config), config, [("a", lambda: (image, ndimage.label(image)[0]))])
    kept = {"score_threshold": 0.8, "mask_threshold": 0.45, "diameter": 26.0, "min_area": 20}
    assert fields == {**kept, "count_spread": 0.0}  # one image does not tell
    assert [trial["abs_dic"] for trial in trials if trial["min_area"] == 400] == [9.0]
    assert {trial["stage"] for trial in trials} >= {"diameter", "as used"}


def test_tiles_that_were_seen_are_not_looked_at_again():
    calls = []

    def look(tiles):
        calls.append(len(tiles))
        return tiles[:, None, :, :, 0], tiles.sum(axis=(1, 2))

    remembered, tiles = Remembered(look), np.random.default_rng(0).random((5, 4, 4, 1), np.float32)
    remembered(tiles[:3])
    masks, scores = remembered(tiles[[4, 1, 0, 4]])
    np.testing.assert_array_equal(masks[:, 0], tiles[[4, 1, 0, 4], ..., 0])
    np.testing.assert_array_equal(scores, tiles[[4, 1, 0, 4]].sum(axis=(1, 2)))
    assert calls == [3, 1] and remembered.seen == 4


@pytest.fixture
def file(small, tmp_path):
    small.data.view = "whole"
    path = tmp_path / "run" / "best.keras"
    path.parent.mkdir()
    model.build(small).save(path)
    return path


def test_the_result_is_stored_in_the_model(command, file, tmp_path, monkeypatch):
    found = {"score_threshold": 0.35, "mask_threshold": 0.6}
    asked = []

    def search(look, config, source, *rest):
        asked.append([name for name, _ in source])
        return found, [{"stage": "thresholds", **found, "ap_mean": 0.1, "sbd": 0.2, "abs_dic": 1.0}]

    monkeypatch.setattr("ris_tf.evaluation.tune.tune", search)
    arguments = ["--data=synthetic:discs", "--images=2", f"--out={tmp_path / 'out'}"]
    code, printed, err = command(evaluate.main, f"--model={file.parent}", *arguments, "--tune")
    assert code == 0 and "score_threshold: 0.5 -> 0.35" in printed, err
    tuned = storage.load(file.parent)
    assert tuned.config.predict.score_threshold == 0.35 and tuned.config.predict.mask_threshold == 0.6
    assert sorted(path.name for path in file.parent.iterdir()) == ["best.keras"]
    assert (tmp_path / "out" / "tuning.csv").read_text().startswith("stage,score_threshold,mask_threshold,ap_mean")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["images"] == 2

    other = tmp_path / "other.keras"
    code, _, err = command(evaluate.main, "--model=rosettes", *arguments, "--tune")
    assert code == 2 and err.count("\n") == 1 and "--tuned_model" in err
    pytest.importorskip("jinja2")
    arguments += ["--tune", f"--tuned-model={other}", "--report", "--orientations=2"]
    code, printed, err = command(evaluate.main, f"--model={file}", *arguments)
    assert code == 0 and storage.load(other).config.predict.mask_threshold == 0.6, err
    assert "report.html written" in printed and "predict.orientations: 2, as given" in printed
    assert "score 0.35, mask 0.6" in (tmp_path / "out" / "report.html").read_text()


def test_wrong_flags_are_one_line(command, file, tmp_path):
    arguments = [f"--model={file}", "--data=synthetic:discs", f"--out={tmp_path / 'out'}"]
    for more, word in (
        (["--tuned_model=x.keras"], "--tune"),
        (["--tune", "--tuned_model=x.h5"], ".keras"),
        (["--tune", f"--tuned_model={tmp_path / 'none' / 'x.keras'}"], "folder"),
    ):
        code, _, err = command(evaluate.main, *arguments, *more)
        assert code == 2 and err.count("\n") == 1 and word in err, err
    assert not (tmp_path / "out").exists()
