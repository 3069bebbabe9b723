"""Training by several workers: what TF_CONFIG may say, and that their parts are the whole batch.

`make test-workers` trains with two and four processes and compares the weights with one's.
"""

import json

import numpy as np
import pytest
import tensorflow as tf

from ris_tf.commands import train
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.errors import UsageError
from ris_tf.training import loop, workers

HOSTS = ["10.0.0.1:2222", "10.0.0.2:2222"]


def said(index=0, kind="worker", **cluster):
    return json.dumps({"cluster": cluster or {"worker": HOSTS}, "task": {"type": kind, "index": index}})


def test_place_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", said(1))
    assert workers.place("workers") == workers.Place(1, 2) and not workers.place("workers").chief
    assert workers.place("one") == workers.Place(0, 1) and workers.place("mirrored").chief


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "TF_CONFIG is not set"),
        ("{broken", "TF_CONFIG is '{broken'"),
        (said(2), "TF_CONFIG names 2 workers and the index 2"),
        (said(-1), "TF_CONFIG names 2 workers and the index -1"),
        (said(True), "TF_CONFIG is '{"),
        (said(0, "chief"), "TF_CONFIG is '{"),
        (said(0, worker=HOSTS, ps=["10.0.0.3:1"]), "TF_CONFIG is '{"),
        (said(0, worker=["no port"]), "TF_CONFIG is '{"),
        (said(0, worker=HOSTS[:1] * 2), "TF_CONFIG names 2 workers and the index 0"),
        ("[1]", "TF_CONFIG is '[1]'"),
    ],
)
def test_wrong_environment_is_told_in_one_line(text, found, command, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    flags = ["--config=rosettes", "--data=synthetic:rosettes", "--config.train.distribute=workers"]
    code, _, err = command(train.main, *flags)
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert f"train.distribute is 'workers' and {found}" in err and 'expected {"cluster":' in err


@pytest.mark.slow
def test_parts_of_a_batch_are_the_batch(small):
    small.train.batch = 4
    small.data.augment = ("flip", "noise")  # both random, and quick to trace
    records = Records(sources.open_source("synthetic:discs", "train", 64, 5), small)
    whole = list(pipeline.training_batches(records, small, skip=1, names=True).take(2))
    halves = [  # of two workers, for two devices each
        list(pipeline.training_batches(records, small, skip=1, names=True, part=(index, 2), replicas=4).take(4))
        for index in range(2)
    ]
    for step, batch in enumerate(whole):
        pieces = [piece for half in halves for piece in half[2 * step : 2 * step + 2]]
        for name, value in batch.items():
            joined = np.concatenate([piece[name].numpy() for piece in pieces])
            np.testing.assert_array_equal(joined, value.numpy(), err_msg=name)


def test_nothing_to_agree_on_without_workers():
    workers.agree(tf.distribute.get_strategy(), 3, "steps")


@pytest.mark.parametrize("distribute", ["workers", "mirrored"])
def test_batch_must_be_shared_evenly(distribute, small, monkeypatch, tmp_path):
    class Three:
        num_replicas_in_sync = 3

    monkeypatch.setenv("TF_CONFIG", said())
    monkeypatch.setattr(loop, "strategy", lambda config: Three())
    small.train.update({"distribute": distribute, "batch": 4})
    with pytest.raises(UsageError, match="train.batch is 4; expected a multiple of 3"):
        loop.train(small, "synthetic:discs", tmp_path / "run")
