"""ris-describe: what it says of every kind of model, against the config that the model itself has."""

import json

import pytest

from ris_tf import presets, runtime
from ris_tf.commands import describe
from ris_tf.model import build
from ris_tf.storage import load


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_and_its_exported_file_are_described(command, name):
    code, out, _ = command(describe.main, name)
    config = load(name).config
    size = "x".join(map(str, config.model.size))
    assert code == 0 and f"at most {config.model.steps} objects" in out and f"{size} pixels" in out
    assert f"score {config.predict.score_threshold:g}, mask {config.predict.mask_threshold:g}" in out
    assert "Apache-2.0" in out and "training data" in out
    code, exported, _ = command(describe.main, presets.litert_file(name))
    assert code == 0
    for line in exported.splitlines()[1:]:
        assert " ".join(line.split()) in {" ".join(one.split()) for one in out.splitlines()}
    assert runtime.record_of(presets.litert_file(name))["model"]["steps"] == config.model.steps


def test_a_run_is_described_by_its_log(command, small, tmp_path):
    build(small).save(tmp_path / "best.keras")
    record = {**small.to_dict(), "trained_on": "plates", "init": "blobs"}
    (tmp_path / "config.json").write_text(json.dumps(record))
    rows = "250,0.5,0.4,3.0", "500,0.8,0.7,1.25", "750,0.7,0.6,2.0"
    (tmp_path / "log.csv").write_text("\n".join(["step,val_sbd,val_ap_0.5,val_abs_dic", *rows]) + "\n")
    code, out, _ = command(describe.main, tmp_path)
    assert code == 0 and "at most 4 objects in an image" in out and "on plates, from blobs" in out
    assert "SBD 0.800, AP(0.5) 0.700, |DiC| 1.250 on validation images at step 500, the best" in out
    assert "tuned" not in out


def test_what_is_no_model_is_refused(command, tmp_path):
    (tmp_path / "a.keras").write_bytes(b"no model")
    code, _, err = command(describe.main, tmp_path / "a.keras")
    assert code == 1 and "a.keras: holds no model of ris_tf" in err
    assert command(describe.main, "nonesuch")[0] == 2
    assert "give one model" in command(describe.main)[2]
