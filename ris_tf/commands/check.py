"""ris-check: asks an exported model on this machine for the answers that travel with it."""

import importlib.util
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
from absl import flags

from ris_tf import runtime
from ris_tf.commands import command
from ris_tf.errors import DataError, UsageError
from ris_tf.evaluation import stored
from ris_tf.evaluation.agreement import agreement

_USAGE = """
Runs an exported model on a few pictures and compares what this machine finds with what the Keras model found at the
export. Prints one line for each runtime. The exit status is 1 if an answer differs.

  ris-check exported/model.tflite
  ris-check exported/model.onnx --runtime=onnxruntime,openvino

The pictures and answers are in check.npz, beside the exported files.
"""
_OTHER = "openvino"
_OWN = {  # by the ending of the file's name
    ".tflite": "ai-edge-litert",
    ".onnx": "onnxruntime",
    ".xml": _OTHER,
    "": "tensorflow",
}
# Smallest share of equal pixels, and number of pictures whose count may differ. Weights in few bits cannot give what
# Keras gives.
_BOUNDS = {"_float16": (0.995, 0), "_int8": (0.97, 1), "_dynamic": (0.97, 1)}
_FLOAT32 = (0.999, 0)


def compared(path, engine, answers):
    """Asks a model again.

    Args:
      path: Path of the exported file.
      engine: see `runtime.load`.
      answers: list of `stored.Answer`.

    Returns:
      (text, whether all is within bounds).

    Raises:
      UsageError, DataError: see `runtime.load`.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RuntimeWarning)
        model = runtime.load(path, engine=engine)
        found = [model.predict_instances(answer.picture) for answer in answers]
    shares, differences = zip(
        *(
            agreement(answer.labels, one.labels, answer.scores, one.scores)
            for answer, one in zip(answers, found, strict=True)
        ),
        strict=True,
    )
    counts = [(int(answer.labels.max()), one.count) for answer, one in zip(answers, found, strict=True)]
    wrong = [f"{other} instead of {one}" for one, other in counts if one != other]
    least, may_differ = next((value for ending, value in _BOUNDS.items() if path.stem.endswith(ending)), _FLOAT32)
    right = min(shares) >= least and len(wrong) <= may_differ
    said = f"counts {', '.join(wrong)}" if wrong else f"counts equal ({', '.join(str(one) for one, _ in counts)})"
    notes = "".join(f"; {str(one.message).split(': ', 1)[-1]}" for one in told if one.category is RuntimeWarning)
    return f"{said}, {min(shares):.3%} of pixels, scores within {np.max(differences):.1e}{notes}", right


def main():
    flags.DEFINE_list("runtime", None, "runtimes to check; by default that of the file, and openvino if installed")

    def job(values, rest):
        if len(rest) != 1:
            raise UsageError(f"expected one exported model, received {len(rest)}; see --helpshort")
        path = Path(rest[0])
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        if not runtime.is_exported(path):
            expected = "give a .tflite, .onnx or .xml file or a SavedModel folder"
            raise UsageError(f"{path}: is not an exported model; {expected}")
        own = _OWN["" if path.is_dir() else path.suffix]
        known = [own] if own in ("tensorflow", _OTHER) else [own, _OTHER]
        wanted = values.runtime or [name for name in known if name == own or importlib.util.find_spec(name)]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise UsageError(f"--runtime={','.join(wanted)}: {path} runs in {' and '.join(known)}, not {unknown[0]}")
        folder = next((place for place in path.absolute().parents[:2] if (place / stored.NAME).is_file()), path.parent)
        answers, failed = stored.read(folder / stored.NAME), []
        if own == "tensorflow":
            command.start_tensorflow()
        for name in wanted:
            text, right = compared(path, None if name == own else name, answers)
            version = metadata.version(name)
            print(f"{'equal' if right else 'DIFFERS':7}  {name} {version}: {text}")
            failed += [] if right else [name]
        if failed:
            raise DataError(f"{path}: differs from the Keras model in {' and '.join(failed)}; see docs/runtimes.md")

    command.run(job, __name__, _USAGE)


if __name__ == "__main__":
    main()
