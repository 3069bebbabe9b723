"""Interrupted ris-predict and ris-evaluate: the same command processes only the rest, and all files are the same."""

import os

import numpy as np
import pytest
from PIL import Image
from test_outputs import instances_of, scattered

from ris_tf import storage
from ris_tf.commands import evaluate, predict
from ris_tf.data import sources
from ris_tf.evaluation.tune import tune
from ris_tf.inference import prediction
from ris_tf.inference.order import Order
from ris_tf.instances import unfinished
from ris_tf.instances.labels import Instances
from ris_tf.instances.unfinished import Kept, file_state, pixel_state

FORMS = ("labels", "overlay", "csv", "coco")
NAMES = ("a", "b", "c")


class Counting:
    """A stand-in for a model: what it finds depends on the image's first pixel; image number `stop` raises Ctrl-C."""

    def __init__(self, config, stop=0):
        self.config, self.stop, self.seen = config, stop, []

    def predict_instances(self, image, crf=False):
        self.seen.append(int(image[0, 0, 0]))
        if len(self.seen) == self.stop:
            raise KeyboardInterrupt
        return instances_of(scattered(self.seen[-1], image.shape[:2], 6))


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for value, name in enumerate(NAMES, start=1):
        Image.fromarray(np.full((23, 31), value, np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def run(small, images, tmp_path):
    """Function that runs a prediction, interrupted at image number `stop`; returns the images that were processed."""

    def predicted(out, stop=0, digest="weights", crf=False):
        model = Counting(small, stop)
        try:
            predict.predict(model, [images], tmp_path / out, crf, FORMS, digest=digest)
        except KeyboardInterrupt:
            assert stop
        return model.seen

    return predicted


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_an_interrupted_run_goes_on_and_ends_as_one_that_was_not(run, tmp_path):
    assert run("whole") == [1, 2, 3]
    assert run("broken", stop=3) == [1, 2, 3]
    assert not (tmp_path / "broken" / "counts.csv").exists()
    assert run("broken", stop=1) == [3]
    assert run("broken") == [3]
    assert contents(tmp_path / "whole") == contents(tmp_path / "broken")
    assert {"counts.csv", "objects.csv", "coco_results.json", "a_labels.png"} <= set(contents(tmp_path / "whole"))
    assert not (tmp_path / "broken" / "unfinished").exists() and not (tmp_path / "whole" / "unfinished").exists()
    assert run("broken") == [1, 2, 3]  # ended, it begins anew


def test_the_command_keeps_what_it_found(small, images, tmp_path, command, monkeypatch):
    models = [Counting(small, stop=3), Counting(small)]
    monkeypatch.setattr(predict.storage, "open_model", lambda *name_and_engine: model)
    for model in models:
        code, _, err = command(predict.main, "--model=rosettes", f"--out={tmp_path / 'out'}", images)
        assert code == (130 if model.stop else 0), err
    assert [model.seen for model in models] == [[1, 2, 3], [3]]


def test_what_another_run_found_is_found_anew(run, small, images, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "library", lambda: None)  # of the CRF, which the model here does without
    for change in ({"digest": "other"}, {"crf": True}):
        out = str(change)
        run(out, stop=3)
        assert run(out, **change) == [1, 2, 3]
    run("threshold", stop=3)
    small.predict.score_threshold += 0.1
    assert run("threshold", stop=3) == [1, 2, 3]
    os.utime(images / "b.png", ns=(1, 1))
    assert run("threshold") == [2, 3]


def test_what_is_broken_is_found_anew_and_what_is_not_ours_stays(run, tmp_path):
    run("out", stop=3)
    folder = tmp_path / "out" / "unfinished"
    first, second = sorted(folder.glob("*.npz"))
    first.write_bytes(first.read_bytes()[:-40])
    np.savez(second, labels=np.zeros(3))
    (folder / "notes.txt").write_text("mine")
    (folder / ".a.png.found.npz.tmp").mkdir()  # as kill -9 leaves it
    assert run("out") == [1, 2, 3]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_what_another_run_keeps_of_other_images_stays(run, small, images, tmp_path):
    out = tmp_path / "out"
    Image.fromarray(np.full((23, 31), 7, np.uint8)).save(tmp_path / "other.png")
    state = file_state(tmp_path / "other.png")
    Kept(out / "unfinished", small, "weights").write_instances("other.png", state, instances_of(scattered(7)))
    run("out")
    assert [path.name for path in (out / "unfinished").iterdir()] == ["other.png.found.npz"]


def test_one_image_or_no_name_of_the_weights_keeps_nothing(run, small, images, tmp_path):
    run("nameless", stop=3, digest=None)
    assert not (tmp_path / "nameless" / "unfinished").exists() and run("nameless", digest=None) == [1, 2, 3]
    for _ in predict.one_by_one(Counting(small), [images / "a.png"], tmp_path / "one", digest="weights"):
        assert not (tmp_path / "one" / "unfinished").exists()


def test_instances_come_back_as_they_were_kept(small, images, tmp_path):
    kept, beside = Kept(tmp_path / "kept", small, "weights"), [np.arange(3.0), np.ones((2, 3)), np.zeros((0, 3))]
    for labels in (scattered(0), np.zeros((5, 4), np.int32)):
        kept.write_instances("a.png", [1, "x"], instances_of(labels), beside)
        again, others = kept.read_instances("a.png", [1, "x"])
        assert isinstance(again, Instances)
        np.testing.assert_array_equal(again.labels, labels)
        np.testing.assert_array_equal(again.scores, instances_of(labels).scores)
        for one, other in zip(beside, others, strict=True):
            np.testing.assert_array_equal(one, other)
    assert kept.read_instances("b.png", [1, "x"]) is None and kept.read_instances("a.png", [2, "x"]) is None


def test_pixels_are_known_again_with_their_shape_and_type():
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    others = [image.reshape(6, 4), image.astype(np.uint16), image.view(np.int8), image + 1, image[:, ::-1], image.T]
    states = [pixel_state(one) for one in (image, *others)]
    assert all(one not in states[:index] for index, one in enumerate(states)) and pixel_state(
        image.copy(order="F")
    ) == pixel_state(image)


def test_digest_is_of_the_weights_that_a_name_means(tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("best.keras", "other.keras", "model.tflite"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "run" / "best.keras").write_bytes(b"best.keras")
    saved = tmp_path / "saved"
    (saved / "variables").mkdir(parents=True)
    (saved / "saved_model.pb").write_bytes(b"graph")
    (saved / "variables" / "variables.index").write_bytes(b"weights")
    sources = ["nuclei", "coins", *(tmp_path / name for name in ("best.keras", "other.keras", "model.tflite")), saved]
    digests = [storage.digest(source) for source in sources]
    assert len(set(digests)) == len(sources)
    assert storage.digest(tmp_path / "run") == storage.digest(tmp_path / "best.keras")
    (saved / "variables" / "variables.index").write_bytes(b"other weights")
    assert storage.digest(saved) != digests[-1]


class Slow:
    """A stand-in for a model that finds two objects in every view; look number `stop` raises Ctrl-C."""

    def __init__(self, config, stop=0):
        self.config, self.stop, self.looks = config, stop, 0
        self.config.data.view = "whole"

    def look(self, images, threshold=None):
        self.looks += 1
        if self.looks == self.stop:
            raise KeyboardInterrupt
        masks = np.zeros((len(images), 3, 32, 32), np.float32)
        size = 4 + int(np.asarray(images).mean() * 16)  # by the image, so that none is like another
        masks[:, 0, 2 : 2 + size, 3:20], masks[:, 1, 25:31, 20:30] = 1, 1
        return masks, np.tile(np.float32([0.9, 0.8, 0.1]), (len(images), 1))

    def looking(self, threshold=None):
        return self.look

    def foreground(self, images):
        return np.ones((len(images), 32, 32), np.float32)

    def predict_instances(self, image, crf=False):
        return prediction.predict_instances(self.look, self.config, image, crf, self.foreground)


@pytest.mark.parametrize("report", [False, True])
def test_an_interrupted_evaluation_goes_on(small, tmp_path, command, monkeypatch, report):
    times = iter(["2026-12-01 14:05", "2026-12-01 14:05"])  # of the two beginnings; a run that resumes does not ask
    monkeypatch.setattr(unfinished, "now", lambda: next(times))
    flags = ["--model=rosettes", "--data=synthetic:discs", "--images=5", *(["--report"] if report else [])]
    looks = looks_of_broken_runs(small, tmp_path, command, monkeypatch, flags, (4, 1, 0))
    again = looks[0] - 5  # a report looks at its worst images once more
    assert looks[1:] == [4, 1, 2 + again] and (again > 0) == report
    whole, broken = contents(tmp_path / "whole"), contents(tmp_path / "broken")
    if report:  # says its own command, and when it began
        assert b"Made on 2026-12-01 14:05 by ris_tf" in whole["report.html"]
        whole["report.html"] = whole["report.html"].replace(f"{tmp_path}/whole".encode(), f"{tmp_path}/broken".encode())
    assert whole == broken and {"metrics.json", "per_image.csv"} <= set(whole) and ("report.html" in whole) == report


def test_an_interrupted_search_for_thresholds_goes_on(small, tmp_path, command, monkeypatch):
    saved = []
    monkeypatch.setattr(evaluate.storage, "save", lambda model, file: saved.append([file, dict(model.config.predict)]))
    flags = ["--model=rosettes", "--data=synthetic:discs", "--images=5", "--tune", f"--tuned_model={tmp_path}/t.keras"]
    looks = looks_of_broken_runs(small, tmp_path, command, monkeypatch, flags, (4, 13, 1, 0))
    assert looks == [25, 4, 13, 1, 10]  # four groups of candidates, then the figures
    whole, broken = contents(tmp_path / "whole"), contents(tmp_path / "broken")
    assert whole == broken and {"metrics.json", "per_image.csv", "tuning.csv"} <= set(whole)
    assert len(saved) == 2 and saved[0] == saved[1] and saved[0][0] == tmp_path / "t.keras"


def test_a_search_with_other_labels_measures_anew(small, tmp_path):
    kept = Kept(tmp_path / "kept", small, "weights")
    image, labels = sources.open_source("synthetic:discs", "val", 64, 1, 1)[0][1]()
    for truth, looks in ((labels, 4), (labels, 0), (labels * (labels > 1), 4)):
        source = [("a", lambda truth=truth: (image, truth))]
        model = Slow(small)
        tune(model.look, model.config, source, model.foreground, kept=kept)
        assert model.looks == looks


def looks_of_broken_runs(small, tmp_path, command, monkeypatch, flags, stops):
    """Runs ris-evaluate in "whole", then in "broken", interrupted at each of `stops`; returns the looks of each run."""
    monkeypatch.setattr(evaluate.storage, "open_model", lambda *name_and_engine: model)
    looks = []
    for out, stop in (("whole", 0), *(("broken", stop) for stop in stops)):
        model = Slow(small.copy_and_resolve_references(), stop)
        code, _, err = command(evaluate.main, *flags, f"--out={tmp_path / out}")
        assert code == (130 if stop else 0), err
        assert (tmp_path / out / "unfinished").exists() == bool(stop)
        looks.append(model.looks)
    return looks


def test_an_evaluation_of_other_pixels_or_of_another_kind_looks_anew(small, tmp_path):
    kept, source = Kept(tmp_path / "kept", small, "weights"), sources.open_source("synthetic:discs", "test", 64, 3, 1)
    for opened, order, looks in ((source, None, 3), (source[1:], None, 2), (source, None, 2), (source, Order, 3)):
        model = Slow(small)
        evaluate.evaluate(model, opened, order=order and order(model.look, small.predict), kept=kept)
        assert model.looks == looks
    kept.remove()
    assert not (tmp_path / "kept").exists()
