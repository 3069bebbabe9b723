"""The log in a local store of MLflow, read back by MLflow's own client."""

import sys
import types

import pytest
from ml_collections import ConfigDict

from ris_tf.commands import train
from ris_tf.training import monitor
from ris_tf.training.mlflow_log import MLflowLog

MODEL = types.SimpleNamespace(config=ConfigDict({"name": "leaves", "train": {"steps": 4, "batch": 2}}))


@pytest.fixture
def store(tmp_path, monkeypatch):
    library = pytest.importorskip("mlflow", reason="the log needs mlflow")
    pytest.importorskip("sqlalchemy", reason="a local store of MLflow needs sqlalchemy")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'store.db'}")
    return library


@pytest.mark.slow
def test_a_resumed_training_continues_its_run(store, tmp_path):
    (tmp_path / "mine").mkdir()
    report = monitor.each(None, MLflowLog(tmp_path / "mine").write)
    report(MODEL, {"step": 2, "loss": 0.5, "val_sbd": 0.25, "val_ap_0.5": None})
    MLflowLog(tmp_path / "mine").write(MODEL, {"step": 4, "loss": 0.25, "val_sbd": 0.75})
    client = store.MlflowClient()
    (experiment,) = (one for one in client.search_experiments() if one.name == "ris_tf")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "mine" and run.info.status == "FINISHED"
    assert run.data.params == {"name": "leaves", "train.steps": "4", "train.batch": "2"}
    points = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "val_sbd")]
    assert points == [(2, 0.25), (4, 0.75)]
    assert set(run.data.metrics) == {"loss", "val_sbd"}


def test_without_mlflow_the_command_says_what_to_install(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    flags = "--data=synthetic:discs", f"--workdir={tmp_path / 'w'}", "--log=mlflow"
    code, _, error = command(train.main, *flags)
    assert code == 2 and error.strip() == "ris-command: --log=mlflow needs mlflow; pip install 'ris-tf[mlflow]'"
