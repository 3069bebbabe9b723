#!/usr/bin/env bash
# Describing a model with bioimageio.spec 0.5.12.0 where pip chooses pydantic 2.14.4.
#
# Expected: `pip install bioimageio.spec` gives a library that describes a model, since its own requirements allow the
# pydantic that pip chooses.
# Seen on 2026-11-30 (bioimageio.spec 0.5.12.0): with pydantic 2.14.0 and 2.14.4 every ModelDescr is refused with
# "Error calling function `package_file_descr_serializer`: TypeError: 'index_key' is expected to be an integer or a
# string". With pydantic 2.13.5 and 2.12.5 the same description is accepted. So a package that writes models for the
# BioImage Model Zoo must ask for pydantic<2.14.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check bioimageio.spec==0.5.12.0 numpy==2.4.6
cat > "$folder/describe.py" <<'PYTHON'
import numpy as np
import pydantic
from bioimageio.spec.model import v0_5

np.save("grey.npy", np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1))
for name in ("README.md", "model.onnx"):
    with open(name, "w") as file:
        file.write("# Validation\n")


def axes(space):
    sides = [space(id=side, size=8) for side in "yx"]
    return [v0_5.BatchAxis(), *sides, v0_5.ChannelAxis(channel_names=["grey"])]


def file(name):
    return v0_5.FileDescr(source=name)


inputs = [v0_5.InputTensorDescr(id="given", axes=axes(v0_5.SpaceInputAxis), test_tensor=file("grey.npy"))]
outputs = [v0_5.OutputTensorDescr(id="found", axes=axes(v0_5.SpaceOutputAxis), test_tensor=file("grey.npy"))]
try:
    v0_5.ModelDescr(
        name="a model",
        description="returns its input",
        authors=[v0_5.Author(name="someone")],
        cite=[v0_5.CiteEntry(text="a paper", doi=v0_5.Doi("10.1007/978-3-319-46466-4_19"))],
        license="MIT",
        documentation=file("README.md"),
        inputs=inputs,
        outputs=outputs,
        weights=v0_5.WeightsDescr(onnx=v0_5.OnnxWeightsDescr(source="model.onnx", opset_version=18)),
    )
    print(pydantic.VERSION, "accepted")
except pydantic.ValidationError as error:
    print(pydantic.VERSION, "refused:", next(line.strip() for line in str(error).splitlines() if "Error" in line))
PYTHON
cd "$folder"
for version in 2.14.4 2.13.5; do
  env/bin/python -m pip install --quiet --disable-pip-version-check "pydantic==$version"
  env/bin/python describe.py 2> /dev/null | tail -n 1 | tee "seen-$version"
done
grep -q "refused.*index_key" seen-2.14.4
grep -q "accepted" seen-2.13.5
