"""Files of every kind that commit 5f9f376 wrote, before the package was sorted into wings, still load and say the same.

tests/written_by_5f9f376.zip holds a work folder of ris-train (2 x 4 steps of a tiny network), a model of the published
form, exported files of the best model, and answers.npz: what that commit made of each of them. Convolutions differ in
the last bits from processor to processor, so that predictions are compared within 1e-4; weights are compared bitwise.
"""

import hashlib
import json
import zipfile

import numpy as np
import pytest
from conftest import ROOT

from ris_tf import storage
from ris_tf.settings import schema
from ris_tf.training.checkpoints import LAST, LOG
from ris_tf.training.loop import train

KERAS = {"best": "run/best.keras", "last": "run/last.keras", "run": "run", "paper": "paper.keras"}
EXPORTED = {
    "tflite": "exported/model.tflite",
    "onnx": "exported/model.onnx",
    "saved_model": "exported/saved_model",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The unpacked files."""
    folder = tmp_path_factory.mktemp("written")
    with zipfile.ZipFile(ROOT / "tests" / "written_by_5f9f376.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def answers(written):
    """What 5f9f376 made of them."""
    with np.load(written / "answers.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize(("name", "path"), (KERAS | EXPORTED).items())
def test_an_earlier_file_predicts_the_same(name, path, written, answers):
    model, image = storage.open_model(written / path), answers["image"]
    side = model.config.model.size[0]
    view = np.float32(image[:side, :side] / 255)[None]
    masks, scores = model.look(view, threshold=-1) if name in KERAS else model.look(view)  # Keras went on to the end
    np.testing.assert_allclose(masks, answers[f"{name}_look_masks"], atol=1e-4)
    np.testing.assert_allclose(scores, answers[f"{name}_look_scores"], atol=1e-4)
    instances = model.predict_instances(image)
    assert (instances.labels == answers[f"{name}_labels"]).mean() > 0.999
    np.testing.assert_allclose(instances.scores, answers[f"{name}_scores"], atol=1e-4)


@pytest.mark.parametrize(("name", "path"), KERAS.items())
def test_an_earlier_model_has_the_same_weights(name, path, written, answers):
    weights = storage.load(written / path).get_weights()
    digest = hashlib.sha256(b"".join(weight.tobytes() for weight in weights)).hexdigest()
    assert digest == str(answers[f"{name}_weights"])


@pytest.mark.slow
def test_an_earlier_run_is_resumed_as_it_was_then(written, answers):
    """Two more steps from last.keras: the optimizer's state, the log and the data's order are what they were."""
    run = written / "run"
    recorded = json.loads((run / "config.json").read_text())
    config = schema.complete({name: value for name, value in recorded.items() if name not in ("init", "trained_on")})
    config.train.steps = 6
    before = _flat(storage.load(run / LAST).get_weights())
    train(config, "synthetic:discs", run)
    now = _flat(storage.load(run / LAST).get_weights())
    then = _flat([answers[f"resumed_{number}"] for number in range(sum("resumed" in name for name in answers))])
    # AdamW divides by the size of a gradient: where that is all rounding, the last bits decide the sign of a step.
    assert np.abs(now - then).mean() < 0.02 * np.abs(then - before).mean()
    rows = [[line.split(",")[:2] for line in text.split()] for text in (str(answers["log"]), (run / LOG).read_text())]
    assert rows[0] == rows[1] and [step for step, _ in rows[1]] == ["step", "2", "4", "6"]


def _flat(weights):
    return np.concatenate([np.ravel(weight) for weight in weights])
