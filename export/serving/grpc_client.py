"""Counts the objects in image files with TensorFlow Serving. Needs tensorflow-serving-api, but not ris_tf.

python grpc_client.py --server=localhost:8500 --model=rosettes plant.jpg other.png
"""

import argparse
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def predict(channel, model, images, outputs=("count", "scores", "labels", "scale"), seconds=60):
    """Sends encoded images as one batch.

    Args:
      channel: grpc.Channel of the server.
      model: name of the model on the server.
      images: list of bytes, PNG or JPEG files of any size.
      outputs: names of the tensors to return; the server sends no others.
      seconds: time limit of the request.

    Returns:
      {name: array}, with one row per image: "count" int32 [B], "scores" float32 [B, T], "labels" int32 [B, H, W] in the
      size of the model, and "scale" float32 [B], label pixels per image pixel.

    Raises:
      grpc.RpcError: the server refused the request, for example because a file is not an image.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, "predict_bytes"
    request.inputs["bytes"].CopyFrom(tf.make_tensor_proto(images, tf.string))
    request.output_filter.extend(outputs)
    response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, seconds)
    return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}


def main():
    """Prints the count of every file; returns the exit status, which is 1 if no file could be counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="localhost:8500")
    parser.add_argument("--model", required=True)
    parser.add_argument("images", nargs="+", type=Path)
    given, counted = parser.parse_args(), 0
    with grpc.insecure_channel(given.server) as channel:
        for path in given.images:  # one request per file, so that a bad file does not affect the others
            try:
                print(f"{predict(channel, given.model, [path.read_bytes()], ['count'])['count'][0]:6d}  {path}")
                counted += 1
            except OSError as error:
                print(f"     -  {path}: {error.strerror}")
            except grpc.RpcError as error:
                print(f"     -  {path}: {' '.join(error.details().split())}")
    return 0 if counted else 1


if __name__ == "__main__":
    raise SystemExit(main())
