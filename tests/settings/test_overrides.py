"""The words for what is wrong with a field given after --config."""

import pytest

from ris_tf.commands.command import CONFIGS
from ris_tf.settings import overrides

NUCLEI = str(CONFIGS / "nuclei.py")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("train.stpes=5", "--config.train.stpes: no such field; did you mean train.steps?"),
        ("trian.batch=5", "--config.trian.batch: no such field; did you mean train.batch?"),
        ("steps=5", "--config.steps: no such field; did you mean model.steps or train.steps?"),
        ("xyz=5", "--config.xyz: no such field; configs/base.py lists all fields"),
        ("train.batch.size=5", "--config.train.batch.size: no such field; did you mean model.size?"),
        ("train.batch=abc", "--config.train.batch=abc: expected a whole number, such as 12"),
        ("train.ema=abc", "--config.train.ema=abc: expected a number, such as 0.995"),
        ("train.recompute=maybe", "--config.train.recompute=maybe: expected true or false, such as False"),
        ("train=5", "--config.train=5: expected one of its fields, not the group"),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_line(given, line, apart):
    name, _, value = given.partition("=")
    order = [f"--config.{name}", value] if apart else [f"--config.{given}"]
    error = ValueError(f"flag --config.{given}: said by the library")
    assert overrides.problem(["ris-train", "--config", NUCLEI, "--data=x", *order], error) == line
    assert overrides.problem(["ris-train", f"--config={NUCLEI}", *order, "--config.train.steps=9"], error) == line


def test_nothing_is_said_of_what_is_right():
    order = ["ris-train", f"--config={NUCLEI}", "--config.train.steps=9"]
    assert overrides.problem(order, ValueError("something else")) is None
    assert overrides.problem(["ris-train", "--config.train.steps=9"], ValueError()) is None
    assert overrides.problem(["ris-train", f"--config={NUCLEI}"], ValueError()) is None
