"""Writes a model repository for Triton Inference Server from a .tflite file and the files in export/serving/."""

import shutil
import string
import tempfile
from pathlib import Path

from ris_tf import runtime
from ris_tf.export import artifact

SERVING = Path(__file__).resolve().parents[1] / "serving"


def write(tflite, out):
    """Writes OUT/NAME/config.pbtxt and OUT/NAME/1/, where NAME is the name in the model's config.

    Args:
      tflite: Path of a .tflite file written by ris-export.
      out: Path of the repository; other models and other versions in it are kept.

    Returns:
      Path of the model's folder.

    Raises:
      DataError: the file is missing or was not written by ris-export.
    """
    config = runtime.record_of(tflite)
    fields = {"name": config["name"], "channels": config["model"]["channels"]}
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".triton.", dir=out.parent) as temporary:
        folder = Path(temporary) / fields["name"]
        (folder / "1").mkdir(parents=True)
        template = string.Template((SERVING / "triton_config.pbtxt").read_text())
        (folder / "config.pbtxt").write_text(template.substitute(fields))
        shutil.copyfile(SERVING / "triton_model.py", folder / "1" / "model.py")
        shutil.copyfile(tflite, folder / "1" / "model.tflite")
        (out / folder.name).mkdir(exist_ok=True)
        for part in list(folder.iterdir()):
            artifact.replace(part, out / folder.name / part.name)
    return out / folder.name
