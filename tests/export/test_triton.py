"""A real Triton Inference Server with the repository of ris-export; `make test-serving` runs it in its own environment.

That environment has nvidia-pytriton, whose wheel holds the server and its Python backend, and no TensorFlow.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest

from ris_tf import runtime
from ris_tf.data.synthetic import drawings

if not importlib.util.find_spec("pytriton"):
    pytest.skip("no Triton server here; make test-serving", allow_module_level=True)
import tritonclient.grpc as triton

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = Path(os.environ.get("RIS_TRITON", "")).resolve()  # as ris-export --format=triton wrote it
PACKAGES = Path(importlib.util.find_spec("pytriton").origin).parent.parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """(process, address of HTTP, address of gRPC)."""
    home, backend = PACKAGES / "pytriton" / "tritonserver", tmp_path_factory.mktemp("backends") / "python"
    backend.mkdir()
    stub = home / "python_backend_stubs" / f"3.{sys.version_info.minor}" / "triton_python_backend_stub"
    for file in (*(home / "backends" / "python").glob("*.*"), stub):
        (backend / file.name).symlink_to(file)
    http, grpc = free_port(), free_port()
    flags = {
        "model-repository": REPOSITORY,
        "backend-directory": backend.parent,
        "http-address": "127.0.0.1",
        "http-port": http,
        "grpc-address": "127.0.0.1",
        "grpc-port": grpc,
        "allow-metrics": "false",
    }
    path = {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment = {**os.environ, **path, "LD_LIBRARY_PATH": str(PACKAGES / "nvidia_pytriton.libs")}
    log = backend.parent / "log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [home / "bin" / "tritonserver", *(f"--{name}={value}" for name, value in flags.items())],
            env=environment,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(120):
            if process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{http}/v2/health/ready")
                break
            except OSError:
                time.sleep(0.5)
        else:
            process.kill()
        assert process.poll() is None, log.read_text()[-3000:]
        yield process, f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def name():
    return next(REPOSITORY.iterdir()).name


@pytest.fixture(scope="module")
def client(server):
    opened = triton.InferenceServerClient(server[2])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def model(name):
    return runtime.load(REPOSITORY / name / "1" / "model.tflite", threads=1)


def ask(client, name, image, given="image", kind="UINT8"):
    tensor = triton.InferInput(given, image.shape, kind)
    tensor.set_data_from_numpy(image)
    answer = client.infer(name, [tensor])
    return {output: answer.as_numpy(output) for output in ("labels", "scores", "count")}


def post(server, name, content):
    """(status, JSON) of a plain KServe v2 request."""
    request = urllib.request.Request(f"{server[1]}/v2/models/{name}/infer", content)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def pictures(count):
    """Plants of several sizes, and one image with nothing in it."""
    sizes = [(200, 256, 300, 384)[index % 4] for index in range(count - 1)]
    plants = [drawings.sample("rosettes", 5, index, side)[0][: side - index] for index, side in enumerate(sizes)]
    return [*plants, np.zeros([90, 120, 3], np.uint8)]


def same(found, expected):
    np.testing.assert_array_equal(found["labels"], expected.labels)
    np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-6)
    assert found["count"].tolist() == [expected.count] and found["labels"].dtype == np.int32


def test_answers_are_those_of_the_runtime(client, name, model):
    expected = [model.predict_instances(image) for image in pictures(9)]
    for image, one in zip(pictures(9), expected, strict=True):
        same(ask(client, name, image), one)
    counts = [one.count for one in expected]
    assert counts[-1] == 0 and len(set(counts)) > 3


def test_64_requests_in_parallel(client, name, model):
    images = pictures(16)
    expected = [model.predict_instances(image) for image in images]
    with futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda index: ask(client, name, images[index % 16]), range(64)))
    for index, found in enumerate(answers):
        same(found, expected[index % 16])


def test_plain_json_is_understood(server, name, model):
    image = pictures(2)[0]
    tensor = {"name": "image", "shape": image.shape, "datatype": "UINT8", "data": image.ravel().tolist()}
    status, answer = post(server, name, json.dumps({"inputs": [tensor]}).encode())
    outputs = {output["name"]: np.reshape(output["data"], output["shape"]) for output in answer["outputs"]}
    assert status == 200 and outputs["count"] == model.predict_instances(image).count > 0


def test_bad_inputs_are_answered_and_the_server_stays(server, client, name, model):
    image = pictures(2)[0]
    for bad, given, kind, message in (
        (np.zeros([5000, 5000, 3], np.uint8), "image", "UINT8", "image is 5000x5000 pixels; expected 8x8 to 16777216"),
        (image[:4], "image", "UINT8", "x4 pixels; expected 8x8"),
        (image[..., :1], "image", "UINT8", "unexpected shape"),
        (image[None], "image", "UINT8", "unexpected shape"),
        (image.astype(np.float32), "image", "FP32", "data-type"),
        (image, "picture", "UINT8", "picture"),
        (np.zeros([0, 0, 3], np.uint8), "image", "UINT8", "image is 0x0 pixels"),
    ):
        with pytest.raises(triton.InferenceServerException) as told:
            ask(client, name, bad, given, kind)
        assert message in str(told.value.message()), message
    for content in (b"", b"no json", b'{"inputs": []}', b'{"inputs": [{"name": "image"}]}', b"[" * 10_000):
        status, answer = post(server, name, content)
        assert status in (400, 500) and answer["error"]
    with pytest.raises(triton.InferenceServerException, match="other"):
        ask(client, "other", image)
    assert server[0].poll() is None
    same(ask(client, name, image), model.predict_instances(image))
