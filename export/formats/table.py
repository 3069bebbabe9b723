"""The table of formats that ris-export writes. To add a format, add a module in this folder and a row here."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ris_tf.export.formats import to_bioimageio, to_triton, to_web


class Converted(NamedTuple):
    """A format that a converter writes directly from the model.

    Attributes:
      converter: name of the module in this folder, which is run as a program, see `artifact.convert`.
      writes: description of the files.
      runtime: Python package of the runtime in which each file is checked, see `trial`.
      extra: name of the extra that installs what the converter needs. Formats of the extra "export" are in "all".
    """

    converter: str
    writes: str
    runtime: str
    extra: str = "export"


class Assembled(NamedTuple):
    """A format that is a folder assembled from checked files in other formats.

    Attributes:
      parts: the other formats, keys of CONVERTED.
      writes: description of the folder.
      check: function that takes an Assembly, called before any work starts; raises UsageError if a library is missing.
      write: function that takes an Assembly and writes the folder.
      unit: function that takes the model's name and returns the path that an export replaces, relative to --out.
    """

    parts: tuple[str, ...]
    writes: str
    check: Callable
    write: Callable
    unit: Callable


class Assembly(NamedTuple):
    """The input for an assembled folder.

    Attributes:
      exported: Path of the folder with the checked files; the new folder is written into it.
      tflite: name of the .tflite file to use.
      node_modules: Path of the folder in which npm installed the libraries; None unless "web" is written.
      preset: whether the model is one of the presets, bool.
    """

    exported: Path
    tflite: str
    node_modules: Path
    preset: bool

    def has(self, part):
        """Whether the files of a format, a key of CONVERTED, passed their check."""
        names = {"tflite": self.tflite, "onnx": "model.onnx", "saved_model": "saved_model"}
        return (self.exported / names[part]).exists()


CONVERTED = {
    "saved_model": Converted("to_saved_model", "saved_model/1, for TF Serving and TensorFlow", "tensorflow"),
    "tflite": Converted(
        "to_litert", "model.tflite, for LiteRT; one file for each kind in --quantize", "ai_edge_litert"
    ),
    "onnx": Converted(
        "to_onnx",
        "model.onnx, model_encode.onnx and model_step.onnx (for tiles also model_maps.onnx), for ONNX Runtime; "
        "model_unrolled.onnx, for runtimes without loops",
        "onnxruntime",
    ),
    "openvino": Converted(
        "to_openvino",
        "model.xml and model_encode.xml, ... as for onnx, each with its weights in a .bin file, for OpenVINO",
        "openvino",
        extra="openvino",
    ),
}
ASSEMBLED = {
    "web": Assembled(
        parts=("tflite", "onnx"),
        writes=f"OUT/web, a page for browsers; first run {to_web.INSTALL}",
        check=lambda given: to_web.page_libraries(given.node_modules),
        write=lambda given: to_web.write(given.exported, given.exported / "web", given.node_modules, given.tflite),
        unit=lambda name: "web",
    ),
    "triton": Assembled(
        parts=("tflite",),
        writes="OUT/triton, a model repository for Triton Inference Server",
        check=lambda given: None,
        write=lambda given: to_triton.write(given.exported / given.tflite, given.exported / "triton"),
        unit=lambda name: f"triton/{name}/1",
    ),
    "bioimageio": Assembled(
        parts=("onnx",),
        writes=f"OUT/{to_bioimageio.NAME}, a package for the tools of the BioImage Model Zoo",
        check=lambda given: to_bioimageio.check(),
        write=lambda given: to_bioimageio.write(given.exported, given.exported / to_bioimageio.NAME, given.preset),
        unit=lambda name: to_bioimageio.NAME,
    ),
}
