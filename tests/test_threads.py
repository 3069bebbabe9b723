"""One model shared by eight threads gives what it gives to one, bit by bit. Whole exported files: test_runtime.py."""

import concurrent.futures
import threading
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from ris_tf import runtime
from ris_tf.data.synthetic import drawings
from ris_tf.export import artifact
from ris_tf.export.graph import Graph
from ris_tf.model import build

THREADS = 8


def together(predict, images):
    """Every thread predicts every image, all starting at once -> list of the threads' lists of Instances."""
    start = threading.Barrier(THREADS)

    def work(first):
        start.wait(60)
        found = {}
        for index in range(len(images)):
            index = (index + first) % len(images)
            found[index] = predict(images[index])
        return [found[index] for index in range(len(images))]

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


def assert_bitwise(threads, alone):
    for found in threads:
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_array_equal(one.labels, other.labels)
            np.testing.assert_array_equal(one.scores, other.scores)
    assert len({one.labels.tobytes() for one in alone}) > 1  # else a mixture would not be seen


@pytest.fixture
def images():
    return [drawings.sample("discs", 5, index, 96)[0][: 60 + 4 * index] for index in range(4)]


def test_keras_model(small, images):
    """Also the first call, in which every thread might trace."""
    small.model.steps, small.data.view = 2, "whole"
    model = build(small)
    model.form.score.out.bias.assign([9.0])
    threads = together(model.predict_instances, images)
    assert_bitwise(threads, [model.predict_instances(image) for image in images])


@pytest.fixture
def tflite(small, tmp_path):
    """A .tflite file with the signatures of an exported one, quickly converted: it blurs more at every step."""
    small.model.steps, small.data.view = 3, "whole"
    kernel = tf.ones([15, 15, 3, 3]) / 675

    class Blur(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 64, 64, 3], name="image")])
        def encode(self, image):
            return {"context": tf.nn.conv2d(image, kernel, 1, "SAME"), "state_0": image * 1.0}

        @tf.function(input_signature=[tf.TensorSpec([1, 64, 64, 3], name=n) for n in ("context", "state_0")])
        def step(self, context, state_0):
            state = tf.nn.conv2d(state_0 + context, kernel, 1, "SAME")
            mask = tf.reduce_max(state_0, axis=3)
            return {"mask": mask, "score": tf.reduce_mean(mask, axis=[1, 2]) + 0.5, "next_0": state}

    blur, folder = Blur(), str(tmp_path / "blur")
    tf.saved_model.save(blur, folder, {"encode": blur.encode, "step": blur.step})
    path = tmp_path / "blur.tflite"
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["encode", "step"])
    path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a") as appended:
        appended.writestr(runtime.RECORD, artifact.record(Graph(build(small))))
    return path


def test_litert_file(tflite, images):
    model = runtime.load(tflite, threads=1)
    alone = [model.predict_instances(image) for image in images]
    assert_bitwise(together(model.predict_instances, images), alone)
