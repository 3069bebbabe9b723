"""ris-train's run: bitwise repeatable, resumed without a trace, on several devices, stopped where the loss breaks."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ris_tf.commands import train
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError
from ris_tf.model import build
from ris_tf.storage import load
from ris_tf.training import loop, samples, start

SMALL = (
    "--config=rosettes", "--data=synthetic:rosettes", "--config.data.synthetic_images=6", "--config.model.size=(64,64)",
    "--config.model.steps=4", "--config.train.batch=2", "--config.train.evaluate_every=2", "--config.train.warmup=0",
    "--config.train.validation_images=1", "--config.model.attend.widths=(8,8,16,16)", "--config.curriculum.start=2",
    "--config.curriculum.patience=2", "--config.curriculum.tolerance=1", "--config.train.precision=float32",
)  # fmt: skip


def in_own_process(*arguments):
    """Op determinism and devices are set for a whole process."""
    code = "import sys; from ris_tf.commands import train; sys.argv[0] = 'ris-train'; train.main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_deterministic_runs_are_equal_bit_by_bit_and_so_is_one_that_was_resumed(tmp_path):
    flags = (*SMALL, "--config.train.deterministic=true", "--config.train.final_learning_rate=1.0")
    # One raise, before the resume: after a later one TensorFlow sums in another order than in a run that raised twice.
    flags = (*flags, "--config.model.steps=3")
    in_own_process(*flags, f"--workdir={tmp_path / 'a'}", "--config.train.steps=8")
    in_own_process(*flags, f"--workdir={tmp_path / 'b'}", "--config.train.steps=4", "--config.train.forcing=(0.5,0.5)")
    in_own_process(*flags, f"--workdir={tmp_path / 'c'}", "--config.train.steps=8", "--config.train.forcing=(0.5,0.5)")
    in_own_process(*flags, f"--workdir={tmp_path / 'b'}", "--config.train.steps=8", "--config.train.forcing=(0.5,0.5)")
    in_own_process(*flags, f"--workdir={tmp_path / 'd'}", "--config.train.steps=8", "--config.train.forcing=(0.5,0.5)")
    a, b, c, d = (load(tmp_path / name / "last.keras") for name in "abcd")
    for one, resumed, again in zip(c.weights, b.weights, d.weights, strict=True):
        np.testing.assert_array_equal(one, again)
        np.testing.assert_array_equal(one, resumed)
    assert any((one.numpy() != other.numpy()).any() for one, other in zip(a.weights, c.weights, strict=True))
    assert b.curriculum == c.curriculum and c.curriculum["steps"] > 2


def test_the_averages_span_a_tenth_of_a_short_run(small):
    """Against the weighted sum of the weights after each of 40 steps."""
    small.train.update({"steps": 40, "ema": 0.995, "warmup": 0, "weight_decay": 0.0})
    small.train.final_learning_rate = 1.0
    model = start.model_of(small, "float32", None, None, None)
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.75} and len(norms) > 5
    weight, seen = keras.Variable([0.0]), []
    steps = start.optimizer(small)
    steps.build([weight])
    for _ in range(40):
        steps.apply([np.ones([1], np.float32)], [weight])
        seen.append(float(weight[0]))
    steps.finalize_variable_values([weight])
    shares = [0.25 * 0.75**k for k in range(39)] + [0.75**39]
    assert float(weight[0]) == pytest.approx(np.dot(shares, seen[::-1]), rel=1e-4)
    small.train.steps = 100_000
    assert start.optimizer(small).ema_momentum == 0.995
    assert start.optimizer(small, before=model).ema_momentum == 0.75  # a run that goes on keeps its own
    small.train.ema = 0.0
    assert not start.optimizer(small).use_ema


def test_drawn_images_have_the_size_asked_for(small):
    small.data.synthetic_size = 96
    ((image, labels),) = samples.held_out_of("synthetic:discs", small)
    assert image.shape == (96, 96, 3) and labels.shape == (96, 96)


def test_extra_data_have_their_share_of_validation_when_asked(small):
    small.data.update({"synthetic_size": 64, "extra": "synthetic:discs, synthetic:tokens", "extra_share": 0.6})
    small.train.validation_images = 10
    kinds = {False: {"heaps": 10}, True: {"heaps": 4, "discs": 3, "tokens": 3}}
    for small.train.validation_extra, parts in kinds.items():
        expected = [drawings.sample(kind, small.seed * 1000 + 1, i, 64) for kind in parts for i in range(parts[kind])]
        held_out = samples.held_out_of("synthetic:heaps", small)
        for (image, labels), (drawn, true) in zip(held_out, expected, strict=True):
            np.testing.assert_array_equal(image, drawn)
            np.testing.assert_array_equal(labels, true)
    small.data.extra_share = 1.0
    for small.train.validation_images in (1, 3, 5):
        assert len(samples.held_out_of("synthetic:heaps", small)) == small.train.validation_images


@pytest.mark.slow
@pytest.mark.parametrize(("form", "side"), [("paper", 60), ("attend", 32)])
def test_mirrored_run_equals_that_of_one_device(form, side):
    """Two virtual CPUs share each batch; its normalisation, random numbers and clipping are those of the whole."""
    code = """
import tensorflow as tf, keras, numpy as np, sys
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from ris_tf.model import build
from ris_tf.configs import base
from ris_tf.training.loop import strategy
side = int(sys.argv[2])
def weights(distribute):
    config = base.get_config()
    config.model.update({"form": sys.argv[1], "size": (side, side), "steps": 1})
    config.model.attend.update({"widths": (8, 8, 8, 8), "features": 8})
    config.loss.score_target, config.predict.overlap = "count", 8
    config.train.distribute = distribute
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    batch = {"image": rng.random((4, side, side, 3)).astype("float32"), "count": np.int32([1, 2, 0, 3]),
             "masks": rng.integers(0, 2, (4, 3, side, side)).astype("uint8")}
    with strategy(config).scope():
        parts = tf.distribute.get_strategy().num_replicas_in_sync
        model = build(config)
        model.compile(keras.optimizers.SGD(0.05, global_clipnorm=0.1 / parts))
    data = tf.data.Dataset.from_tensor_slices(batch).batch(4).repeat()
    model.fit(data, steps_per_epoch=3, verbose=0, shuffle=False)
    return [w.numpy() for w in model.weights]
devices = ["CPU:0", "CPU:1"]
mirrored, one = tf.distribute.MirroredStrategy, weights("one")
tf.distribute.MirroredStrategy = lambda: mirrored(devices)
for a, b in zip(one, weights("mirrored")):
    assert np.abs(a - b).max() < 1e-5, np.abs(a - b).max()
"""
    command = [sys.executable, "-c", code, form, str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_broken_loss_names_the_images_and_keeps_the_checkpoint(command, tmp_path, monkeypatch, precision):
    data = tmp_path / "data" / "train"
    for kind in ("images", "masks"):
        (data / kind).mkdir(parents=True)
    for name in ("one", "two", "three"):
        image, labels = drawings.sample("discs", 1, 0, 64)
        Image.fromarray(image).save(data / "images" / f"{name}.png")
        Image.fromarray(labels).save(data / "masks" / f"{name}.png")

    class Broken(samples.Records):
        def __getitem__(self, index):
            record = super().__getitem__(index)
            return {**record, "image": record["image"] * (np.nan if record["name"] == "two" else 1)}

    monkeypatch.setattr(samples, "Records", Broken)
    flags = [f"--data={tmp_path / 'data'}", *SMALL[:1], *SMALL[2:], f"--workdir={tmp_path / 'run'}"]
    flags += ["--config.train.batch=1", "--config.train.steps=6", f"--config.train.precision={precision}"]
    code, _, err = command(train.main, *flags)
    message = err.strip().splitlines()[-1]
    assert code == 1 and "two: the loss became nan at step" in message and "one" not in message.split(":")[1]


def test_file_that_breaks_while_it_is_read_again_is_named(command, tmp_path, monkeypatch):
    data = tmp_path / "data" / "train"
    for kind in ("images", "masks"):
        (data / kind).mkdir(parents=True)
    for name in ("one", "two"):
        image, labels = drawings.sample("discs", 1, 0, 64)
        Image.fromarray(image).save(data / "images" / f"{name}.png")
        Image.fromarray(labels).save(data / "masks" / f"{name}.png")

    class Breaking(samples.Records):
        def __init__(self, source, config):
            super().__init__(source, config)
            (data / "images" / "two.png").write_bytes(b"no image")

    monkeypatch.setattr(samples, "Records", Breaking)
    flags = [f"--data={tmp_path / 'data'}", *SMALL[:1], *SMALL[2:], f"--workdir={tmp_path / 'run'}"]
    code, _, err = command(train.main, *flags, "--config.data.memory=0", "--config.train.steps=6")
    message = err.strip().splitlines()[-1]
    assert code == 1 and "two.png" in message and "Traceback" not in err


def test_masks_of_a_foreground_and_drawn_images_are_told(command, tmp_path, monkeypatch, caplog):
    data, mask = tmp_path / "data" / "train", np.zeros((64, 64), np.uint8)
    for left in range(4, 60, 15):
        mask[20:40, left : left + 10] = 255
    for kind in ("images", "masks"):
        (data / kind).mkdir(parents=True)
        for name in ("one", "two"):
            Image.fromarray(mask).save(data / kind / f"{name}.png")

    def enough(*_, **__):
        raise DataError("enough")

    monkeypatch.setattr(loop.pipeline, "training_batches", enough)
    flags = [f"--data={tmp_path / 'data'}", *SMALL[:1], *SMALL[2:], f"--workdir={tmp_path / 'run'}"]
    code, out, err = command(train.main, *flags, "--config.data.extra=synthetic:discs, synthetic:heaps")
    assert code == 1 and err.endswith("enough\n")
    assert f"{tmp_path / 'data'}: every label map holds one object, in 4 separate pieces" in caplog.text
    assert "2 images and 12 of data.extra" in out


def test_more_objects_than_steps_and_other_data_than_before_are_told(command, tmp_path, monkeypatch, caplog):
    def enough(*_, **__):
        raise DataError("enough")

    monkeypatch.setattr(loop.pipeline, "training_batches", enough)
    flags = [*SMALL[:1], *SMALL[2:], f"--workdir={tmp_path / 'run'}", "--config.curriculum.start=0"]
    for kind in ("discs", "heaps"):
        command(train.main, *flags, f"--data=synthetic:{kind}", "--config.model.steps=2")
    assert "objects, but the network finds at most 2; raise model.steps" in caplog.text
    assert "was trained on --data=synthetic:discs before, now --data is synthetic:heaps" in caplog.text


@pytest.mark.parametrize("encoder", ["own", "mobilenet_v2"])
def test_a_deeper_network_begins_as_the_one_it_is_made_of(small, tmp_path, encoder):
    small.model.attend.update({"encoder": encoder, "widths": (8, 8, 16, 16, 16)})
    shallow, file = build(small), tmp_path / "shallow.keras"
    shallow.save(file)
    small.model.attend.residual_blocks = 2
    deeper, image = build(small), np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    before = deeper(image)
    start.copy_weights(deeper, load(file), file)
    for kind, seen in deeper(image).items():
        np.testing.assert_allclose(seen, shallow(image)[kind], rtol=0, atol=1e-6, err_msg=kind)
        assert not np.array_equal(before[kind], seen)
    network = deeper.form.encoder
    blocks = [*getattr(network, "residual", ()), *(block for up in network.up for block in up.residual)]
    assert len(blocks) == {"own": 8 + 6, "mobilenet_v2": 6}[encoder]
    for block in blocks:  # and each takes part once it is trained
        untouched = network(image)["pixels"].numpy()
        block.norm.gamma.assign(tf.ones_like(block.norm.gamma))
        assert not np.array_equal(network(image)["pixels"], untouched), block.path


def test_a_wrong_file_for_validation_is_told_before_any_work(command, tmp_path):
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (tmp_path / split / kind).mkdir(parents=True)
            Image.fromarray(np.ones((64, 64), np.uint8)).save(tmp_path / split / kind / "one.png")
    (tmp_path / "val" / "masks" / "one.png").rename(tmp_path / "val" / "masks" / "other.png")
    code, _, err = command(train.main, f"--data={tmp_path}", *SMALL[:1], *SMALL[2:], f"--workdir={tmp_path / 'run'}")
    assert code == 1 and "one.png" in err and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_tensorboard_holds_scalars_and_overlays(command, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr(loop.monitor, "_SIDE", 100)
    code, out, err = command(train.main, *SMALL, f"--workdir={tmp_path}", "--config.train.steps=4")
    assert code == 0, err
    assert "CPU, float32" in out or "GPU, float32" in out
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"tensors": 0, "images": 0})
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert {"training/loss", "training/steps_of_the_recurrence", "validation/sbd", "validation/0"} <= tags
    assert [event.step for event in events.Tensors("training/loss")] == [2, 4]
    width, height, _ = events.Tensors("validation/0")[0].tensor_proto.string_val
    assert (width, height) == (b"100", b"100")
    steps = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("training/steps_of_the_recurrence")]
    assert steps[0] >= 2 and steps[1] >= steps[0]


@pytest.mark.slow
def test_half_precision_run_resumes_with_its_loss_scale(command, tmp_path):
    flags = [*SMALL, f"--workdir={tmp_path}", "--config.train.precision=mixed_float16"]
    assert command(train.main, *flags, "--config.train.steps=2")[0] == 0
    code, out, err = command(train.main, *flags, "--config.train.steps=4")
    assert code == 0 and "step 2 of 4" in out and "mixed_float16" in out, err
    assert int(load(tmp_path / "last.keras").optimizer.iterations) == 4
    assert load(tmp_path).dtype_policy.name == "float32"  # what is kept for use
    assert isinstance(load(tmp_path / "last.keras").optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.slow
def test_frozen_parts_of_the_starting_model_stay_as_they_are(command, tmp_path):
    flags = [*SMALL[:1], *SMALL[2:], "--data=synthetic:discs", "--config.train.steps=2", "--config.curriculum.start=0"]
    assert command(train.main, *flags, f"--workdir={tmp_path / 'first'}")[0] == 0
    flags += [f"--init={tmp_path / 'first'}", f"--workdir={tmp_path / 'next'}", "--config.train.evaluate_every=2"]
    code, out, _ = command(train.main, *flags, "--config.train.freeze=encoder, mask")
    assert code == 0 and "train.freeze is 'encoder, mask': " in out
    assert (tmp_path / "next" / "log.csv").read_text().splitlines()[1].startswith("0,")  # the weights it starts from
    other = [f"--workdir={tmp_path / 'other'}", "--config.train.evaluate_start=False"]
    assert command(train.main, *flags[:-2], *other)[0] == 0
    assert (tmp_path / "other" / "log.csv").read_text().splitlines()[1][0] != "0"
    before, after = load(tmp_path / "first"), load(tmp_path / "next" / "last.keras")
    for name in before.form.parts():
        layers = zip(before.form.parts()[name], after.form.parts()[name], strict=True)
        pairs = [pair for one, other in layers for pair in zip(one.weights, other.weights, strict=True)]
        same = [np.array_equal(one, other) for one, other in pairs]
        assert all(same) if name in ("encoder", "mask") else not any(same)
    code, _, err = command(train.main, *flags, "--config.train.steps=4")
    assert code == 2 and "give the same train.ema, train.freeze and train.precision" in err
    assert command(train.main, *flags, "--config.train.steps=4", "--config.train.freeze=encoder, mask")[0] == 0
    code, _, err = command(train.main, *flags, "--config.train.freeze=encoder,recurrence,mask")
    assert code == 2 and "expected some of encoder, recurrence, mask, separated by commas, but not all" in err


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind a process to a processor")
def test_a_repeatable_run_on_one_processor_ends(tmp_path):
    one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    code = f"{one}; from ris_tf.commands import train; train.main()"
    flags = [*SMALL, f"--workdir={tmp_path / 'run'}", "--config.train.steps=1", "--config.train.deterministic=true"]
    done = subprocess.run([sys.executable, "-c", code, *flags], capture_output=True, timeout=300, check=False)
    assert done.returncode == 0 and (tmp_path / "run" / "best.keras").is_file()
