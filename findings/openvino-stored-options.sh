#!/usr/bin/env bash
# Storing options of the CPU device in an OpenVINO file, so that a program which asks for nothing gets them.
#
# Expected (a guess, written down first): what `set_rt_info(value, ["runtime_options", NAME])` stores is heeded by
# `compile_model`, because OpenVINO itself stores KV_CACHE_PRECISION in the files of language models in this way.
# EXECUTION_MODE_HINT = ACCURACY, which forbids bfloat16, could then be demanded by the file.
# Seen on 2026-12-01 (openvino 2026.4.1): half right. The CPU device heeds KV_CACHE_PRECISION and
# DYNAMIC_QUANTIZATION_GROUP_SIZE. It drops EXECUTION_MODE_HINT and INFERENCE_NUM_THREADS without a word, although it
# takes both when `compile_model` is given them. A file cannot ask for exact arithmetic; each program must.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check openvino==2026.4.1
cat > "$folder/stored.py" <<'PYTHON'
import numpy as np
import openvino
from openvino import opset13

core = openvino.Core()
x = opset13.parameter([1, 4], np.float32)
weights = opset13.constant(np.ones((4, 4), np.float32))
model = openvino.Model([opset13.matmul(x, weights, False, False)], [x])
OPTIONS = {
    "KV_CACHE_PRECISION": "f16",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "64",
    "EXECUTION_MODE_HINT": "ACCURACY",
    "INFERENCE_NUM_THREADS": "1",
}
for name, value in OPTIONS.items():
    stored = model.clone()
    stored.set_rt_info(value, ["runtime_options", name])
    openvino.save_model(stored, "stored.xml", compress_to_fp16=False)
    assert name in open("stored.xml").read()
    default, given, read = (
        str(core.compile_model(one, "CPU", options).get_property(name))
        for one, options in ((model, {}), (model, {name: value}), (core.read_model("stored.xml"), {}))
    )
    said = "no difference to see" if given == default else "heeded" if read == given else "dropped"
    print(f"SEEN {name}: default {default}, given {given}, stored {read}: {said}")
PYTHON
cd "$folder"
env/bin/python stored.py | grep SEEN | tee seen
grep -q "KV_CACHE_PRECISION: .*: heeded" seen
grep -q "DYNAMIC_QUANTIZATION_GROUP_SIZE: .*: heeded" seen
grep -q "EXECUTION_MODE_HINT: .*: dropped" seen
grep -q "INFERENCE_NUM_THREADS: .*: dropped" seen
