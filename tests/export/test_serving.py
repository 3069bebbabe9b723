"""What servers are given: encoded images, TensorFlow Serving's protos, Triton's repository."""

import importlib.util
import io
import json
import zipfile
from concurrent import futures

import grpc
import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image

from ris_tf.configs import base
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError
from ris_tf.export import artifact, endpoints
from ris_tf.export.formats import to_triton
from ris_tf.export.graph import Graph
from ris_tf.model import build
from ris_tf.runtime import RECORD

pytest.importorskip("tensorflow_serving", reason="pip install tensorflow-serving-api")
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc  # noqa: E402
from tensorflow_serving.config import model_server_config_pb2  # noqa: E402

SERVING = to_triton.SERVING
SIZES = (64, 64), (40, 64), (200, 100), (30, 20), (333, 470)


def encoded(image, kind):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, quality=95)
    return buffer.getvalue()


def framed(data, size):
    """By Pillow: decoded, resized to fit (its BILINEAR is antialiased), edges going on."""
    with Image.open(io.BytesIO(data)) as image:
        scale = min(size[0] / image.height, size[1] / image.width)
        height, width = (
            min(round(side * scale), most) for side, most in zip((image.height, image.width), size, strict=True)
        )
        near = np.array(image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR))
    return np.pad(near, ((0, size[0] - height), (0, size[1] - width), (0, 0)), "edge"), scale


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", SIZES)
def test_encoded_image_is_resized_to_fit(kind, size):
    data = encoded(drawings.sample("discs", 1, 3, max(size))[0][: size[0], : size[1]], kind)
    image, scale, fitted = endpoints.decoded(data, (64, 96, 3))
    expected, expected_scale = framed(data, (64, 96))
    assert float(scale) == pytest.approx(expected_scale)
    expected_size = [min(round(side * expected_scale), most) for side, most in zip(size, (64, 96), strict=True)]
    assert fitted.numpy().tolist() == expected_size
    difference = np.abs(image.numpy().astype(int) - expected)
    assert image.shape == (64, 96, 3) and difference.max() <= 1


def test_grey_and_transparent_files_get_the_models_channels():
    grey = np.arange(64 * 64).reshape(64, 64).astype(np.uint8)
    rgba = np.dstack([grey, grey, grey, grey])
    for image in (grey, rgba):
        colour, *_ = endpoints.decoded(encoded(image, "PNG"), (64, 64, 3))
        np.testing.assert_array_equal(colour, np.dstack([grey] * 3))
    np.testing.assert_array_equal(endpoints.decoded(encoded(grey, "PNG"), (64, 64, 1))[0], grey[..., None])


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(folder of the SavedModel, Graph) of an untrained model that counts some."""
    config = base.get_config()
    config.model.update({"size": (64, 64), "steps": 4})
    config.model.attend.update({"widths": (8, 8, 16, 16), "features": 16, "pixel_features": 4, "state": 8})
    config.predict.update({"score_threshold": 0.3, "mask_threshold": 0.4})
    folder, graph = tmp_path_factory.mktemp("saved"), Graph(build(config))
    endpoints.write(graph, folder / "1", endpoints.all_of(graph, None))
    return folder, graph


@pytest.mark.slow
@pytest.mark.parametrize("size", [(40, 64), (64, 30)])
@pytest.mark.parametrize("view", ["whole", "focus"])
@pytest.mark.parametrize(("channels", "padding"), [(1, "edge"), (3, "mean"), (3, "edge")])
def test_an_encoded_image_is_read_as_by_the_host(small, size, view, channels, padding):
    small.data.update(view=view, padding=padding)
    small.model.channels = channels
    small.predict.update(score_threshold=0.3, mask_threshold=0.4)
    keras.utils.set_random_seed(2)  # an untrained model that finds some
    model = build(small)
    image = drawings.sample("discs", 1, 1, 64)[0][: size[0], : size[1]]  # the edge cuts some
    image = image if channels == 3 else image[..., :1]
    expected = model.predict_instances(image)
    found = endpoints.predict_bytes(Graph(model))[0](tf.constant([encoded(image.squeeze(), "PNG")]))
    labels = found["labels"].numpy()[0]
    assert found["count"].numpy()[0] == expected.count > 0
    assert (labels[: size[0], : size[1]] == expected.labels).mean() > 0.999
    np.testing.assert_allclose(found["scores"].numpy()[0, : expected.count], expected.scores, atol=1e-4)
    assert not labels[size[0] :].any() and not labels[:, size[1] :].any()


def test_what_lies_beside_an_encoded_image_is_not_counted(small, monkeypatch):
    graph, masks = Graph(build(small)), np.zeros([1, 64, 64, 4], np.float32)
    masks[0, 30:44, 5:20, 0] = masks[0, 45:60, 30:50, 1] = masks[0, 10:20, 30:50, 2] = 0.9  # cut, beside and inside
    scores = np.float32([[0.9, 0.8, 0.7, 0.0]])
    monkeypatch.setattr(graph, "_until_stop", lambda near: (tf.constant(masks), tf.constant(scores)))
    data = tf.constant([encoded(np.zeros([40, 64, 3], np.uint8), "PNG")])
    found = endpoints.predict_bytes(graph)[0](data)
    assert found["count"].numpy() == [2] and np.allclose(found["scores"], [[0.9, 0.7, 0.0, 0.0]])
    assert np.bincount(found["labels"].numpy().ravel()).tolist()[1:] == [10 * 15, 10 * 20]


class Server(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers as TensorFlow Serving does, by the SavedModel's signatures."""

    def __init__(self, folder):
        self.loaded = tf.saved_model.load(str(folder / "1"))

    def Predict(self, request, context):  # noqa: N802
        if request.model_spec.name != "ours":
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request.model_spec.name}")
        function = self.loaded.signatures[request.model_spec.signature_name or "serving_default"]
        given = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        try:
            found = function(**given)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        for name in request.output_filter or found:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(found[name].numpy()))
        return response


@pytest.fixture(scope="module")
def address(served):
    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Server(served[0]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("grpc_client", SERVING / "grpc_client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_client_gets_what_the_graph_finds(served, address, client):
    files = [
        encoded(drawings.sample("discs", 1, index, max(size))[0][: size[0], : size[1]], kind)
        for index, (size, kind) in enumerate(zip(SIZES, ["PNG", "JPEG"] * 3, strict=False))
    ]
    with grpc.insecure_channel(address) as channel:
        found = client.predict(channel, "ours", files)
        only = client.predict(channel, "ours", files[:1], ["count"])
    pictures, scales, fitted = zip(*(endpoints.decoded(data, (64, 64, 3)) for data in files), strict=True)
    expected = served[1].predict(tf.stack(pictures), extent=tuple(tf.unstack(tf.stack(fitted), axis=1)))
    assert set(found) == {"count", "scores", "labels", "scale"} and set(only) == {"count"}
    np.testing.assert_array_equal(found["count"], expected["count"])
    np.testing.assert_array_equal(found["labels"], expected["labels"])
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-6)
    np.testing.assert_allclose(found["scale"], scales)
    assert found["count"].max() > 0


@pytest.mark.slow
def test_client_tells_what_the_server_refuses(address, client, monkeypatch, capsys, tmp_path):
    (tmp_path / "words.png").write_text("no image")
    (tmp_path / "good.png").write_bytes(encoded(np.zeros([20, 30, 3], np.uint8), "PNG"))
    names = [str(tmp_path / name) for name in ("words.png", "missing.png", "good.png")]
    monkeypatch.setattr("sys.argv", ["grpc_client.py", f"--server={address}", "--model=ours", *names])
    assert client.main() == 0
    words, missing, good = capsys.readouterr().out.splitlines()
    assert words.startswith("     -  ") and "words.png: " in words and "image" in words.split("words.png: ")[1]
    assert missing.endswith("missing.png: No such file or directory") and int(good.split()[0]) >= 0
    monkeypatch.setattr("sys.argv", ["grpc_client.py", f"--server={address}", "--model=other", names[2]])
    assert client.main() == 1
    assert "Servable not found for request: other" in capsys.readouterr().out


def test_serving_config_parses():
    parsed = text_format.Parse((SERVING / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    assert [config.base_path for config in parsed.model_config_list.config] == ["/models/rosettes"]


def test_triton_repository(tmp_path, small):
    small.name, small.model.channels = "cells", 1
    tflite = tmp_path / "model_float16.tflite"
    tflite.write_text("model")
    with zipfile.ZipFile(tflite, "a") as appended:
        appended.writestr(RECORD, artifact.record(Graph(build(small))))
    for _ in range(2):  # the second time over the first
        assert to_triton.write(tflite, tmp_path / "triton") == tmp_path / "triton" / "cells"
        second = tmp_path / "triton" / "cells" / "2" / "model.py"
        second.parent.mkdir(exist_ok=True)
        second.touch()
    files = {str(path.relative_to(tmp_path / "triton")) for path in (tmp_path / "triton").rglob("*") if path.is_file()}
    assert files == {"cells/config.pbtxt", "cells/1/model.py", "cells/1/model.tflite", "cells/2/model.py"}
    config = (tmp_path / "triton/cells/config.pbtxt").read_text()
    assert 'name: "cells"' in config and "dims: [ -1, -1, 1 ]" in config and "$" not in config
    (tmp_path / "other.tflite").write_text("other")
    with pytest.raises(DataError, match="other.tflite: is not a model written by ris-export"):
        to_triton.write(tmp_path / "other.tflite", tmp_path / "triton")


@pytest.mark.parametrize("name", ["../cells", "/tmp/cells", "..", "a/b", "", 'a"b', None])
def test_triton_takes_no_path_for_a_name(tmp_path, small, name):
    record = json.loads(artifact.record(Graph(build(small))))
    with zipfile.ZipFile(tmp_path / "model.tflite", "w") as appended:
        appended.writestr(RECORD, json.dumps({**record, "name": name}))
    with pytest.raises(DataError, match=r"model.tflite: name is .*; expected 1 to 100 letters, digits, spaces"):
        to_triton.write(tmp_path / "model.tflite", tmp_path / "in" / "triton")
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
