"""Writes a package of the BioImage Model Zoo, which its tools open, from checked files. Needs bioimageio.spec.

The form is "model 0.5", https://bioimage-io.github.io/spec-bioimage-io.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from ris_tf.evaluation import stored
from ris_tf.optional import import_optional

NAME = "bioimageio.zip"
_PAPER = "Romera-Paredes, Torr: Recurrent Instance Segmentation. ECCV 2016.", "10.1007/978-3-319-46466-4_19"
_AXES = {"labels": "byx", "masks": "biyx", "scores": "bi", "count": "b"}  # b: batch, i: objects in order of labels
_OPSET = 18  # of model.onnx


def check():
    """Raises UsageError if bioimageio.spec is not installed."""
    _libraries()


def write(exported, out, preset):
    """Writes the package: model.onnx, its description, the model card, and a picture with the answers to it.

    Args:
      exported: Path of a folder with the files model.onnx, metadata.json, MODEL_CARD.md and check.npz of ris-export.
      out: Path of the new .zip file.
      preset: whether the model is one of the presets, whose authors and licence are known.

    Raises:
      UsageError: bioimageio.spec is not installed.
    """
    spec, form, onnxruntime = _libraries()
    metadata = json.loads((exported / "metadata.json").read_text())
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]  # bioimageio.core relies on the order in the file
    image = stored.read(exported / stored.NAME)[0].picture[None]
    answers = session.run(names, {"image": image})
    with tempfile.TemporaryDirectory(prefix=".bioimageio.", dir=out.parent) as folder:

        def file_of(name, array):
            np.save(Path(folder) / f"{name}.npy", array)
            return form.FileDescr(source=Path(folder) / f"{name}.npy")

        model = form.ModelDescr(
            name=f"{metadata['name']} (ris_tf)",
            description="Outlines and counts objects, one after another, by recurrent instance segmentation.",
            authors=[form.Author(name="The ris_tf authors" if preset else "unknown")],
            license="Apache-2.0" if preset else None,
            cite=[form.CiteEntry(text=_PAPER[0], doi=form.Doi(_PAPER[1]))],
            documentation=form.FileDescr(source=exported / "MODEL_CARD.md"),
            tags=["instance-segmentation", "counting"],
            inputs=[_input(form, metadata["inputs"]["image"], file_of("image", image))],
            outputs=[
                _output(form, name, metadata["outputs"][name], file_of(name, answer))
                for name, answer in zip(names, answers, strict=True)
            ],
            weights=form.WeightsDescr(
                onnx=form.OnnxWeightsDescr(source=exported / "model.onnx", opset_version=_OPSET)
            ),
        )
        spec.save_bioimageio_package(model, output_path=out)


def _libraries():
    """Returns bioimageio.spec, its module of the form "model 0.5", and onnxruntime."""
    described = "--format=bioimageio:", "bioimageio.spec", "'ris-tf[bioimageio]'"
    return (
        import_optional("bioimageio.spec", *described),
        import_optional("bioimageio.spec.model.v0_5", *described),
        import_optional("onnxruntime", "--format=bioimageio:", "onnxruntime", "'ris-tf[export]'"),
    )


def _input(form, about, test):
    _, height, width, channels = about["shape"]
    return form.InputTensorDescr(
        id="image",
        description=about["colours"],
        axes=[
            form.BatchAxis(),
            form.SpaceInputAxis(id="y", size=height),
            form.SpaceInputAxis(id="x", size=width),
            form.ChannelAxis(channel_names=["red", "green", "blue"] if channels == 3 else ["grey"]),
        ],
        data=form.IntervalOrRatioDataDescr(type="uint8", range=(0, 255)),
        test_tensor=test,
    )


def _output(form, name, about, test):
    kinds = {
        "b": lambda size: form.BatchAxis(),
        "i": lambda size: form.IndexOutputAxis(size=size),
        "y": lambda size: form.SpaceOutputAxis(id="y", size=size),
        "x": lambda size: form.SpaceOutputAxis(id="x", size=size),
    }
    return form.OutputTensorDescr(
        id=name,
        description=about.get("meaning", ""),
        axes=[kinds[axis](size) for axis, size in zip(_AXES[name], about["shape"], strict=True)],
        data=form.IntervalOrRatioDataDescr(type=about["dtype"]),
        test_tensor=test,
    )
