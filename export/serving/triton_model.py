"""Python backend for Triton Inference Server (KServe v2): runs `ris_tf.runtime` on one image of any size per request.

This file is copied as model.py beside the exported file, into the folder of a version. The server's Python needs numpy,
ai-edge-litert and ris_tf (`ris_tf.runtime` does not import TensorFlow).
"""

import json
from pathlib import Path

import numpy as np
import triton_python_backend_utils as triton  # provided by the server

from ris_tf import runtime


class TritonPythonModel:
    def initialize(self, arguments):
        parameters = json.loads(arguments["model_config"])["parameters"]
        folder = Path(arguments["model_repository"]) / arguments["model_version"]
        self.model = runtime.load(folder / "model.tflite", threads=int(parameters["threads"]["string_value"]))
        self.most = int(parameters["max_pixels"]["string_value"])

    def execute(self, requests):
        """Returns one response per request: labels int32 [H, W], scores float32 [n], count int32 [1]; or an error."""
        return [self.answer(request) for request in requests]

    def answer(self, request):
        try:
            image = triton.get_input_tensor_by_name(request, "image").as_numpy()
            height, width, _ = image.shape
            if not 8 * 8 <= height * width <= self.most or min(height, width) < 8:
                raise ValueError(f"image is {width}x{height} pixels; expected 8x8 to {self.most} pixels in all")
            found = self.model.predict_instances(image)
        except Exception as error:  # whatever it is, the server and the other requests must continue
            return triton.InferenceResponse([], triton.TritonError(f"{type(error).__name__}: {error}"))
        outputs = {"labels": found.labels, "scores": found.scores, "count": np.array([found.count], np.int32)}
        return triton.InferenceResponse([triton.Tensor(name, value) for name, value in outputs.items()])
