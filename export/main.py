"""ris-export: converts a trained model to files for TensorFlow, LiteRT, ONNX Runtime and OpenVINO."""

from pathlib import Path

from absl import flags

from ris_tf import presets
from ris_tf.commands import command, places
from ris_tf.data import sources
from ris_tf.errors import DataError, UsageError
from ris_tf.export.formats.table import ASSEMBLED, CONVERTED
from ris_tf.export.pictures import LEAST

QUANTIZE = ("none", "float16", "dynamic", "int8")
_USAGE = """
Converts a trained model to SavedModel (TF Serving), LiteRT (.tflite), ONNX and OpenVINO, and compares each file with
the Keras model.

  ris-export --model=nuclei --format=all --out=exported
  ris-export --model=runs/mine --format=tflite --quantize=none,float16,int8 --data=DIR --out=exported
  ris-export --model=rosettes --format=web --out=exported

--model takes a preset ({names}), a work folder of ris-train, or a .keras file.

Each file is run in its own runtime. A file that differs too much from Keras is not kept, and the exit status is 1.
The command also writes MODEL_CARD.md, metadata.json, and check.npz for ris-check.

Formats (all stands for {all}):
{formats}

Quantisation of .tflite files:
  none         float32
  float16      weights in float16
  dynamic      8 bits; the range of each input is determined at run time
  int8         8 bits; ranges are calibrated on images like the training data, which you give with --data. For models
               of the view "tiles", only the weights have 8 bits, and nothing is calibrated
"""


def _formats():
    """The lines of the help that describe the formats."""
    width = max(map(len, (*CONVERTED, *ASSEMBLED)))
    lines = [f"  {name:{width}}  {row.writes}" for name, row in CONVERTED.items()]
    lines += [f"  {name:{width}}  {' and '.join(row.parts)}, and {row.writes}" for name, row in ASSEMBLED.items()]
    return "\n".join(lines)


def _pair(text):
    """Parses --size: "H,W" -> [H, W]."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and int(part) >= 8 for part in parts):
        raise UsageError(f"--size={text}: expected height and width of at least 8 pixels, as in --size=256,256")
    return [int(part) for part in parts]


def _several(name, values, known):
    """Returns the distinct values of a flag that takes a list; raises UsageError if one is unknown."""
    wrong = [value for value in values if value not in known]
    if wrong or not values:
        raise UsageError(f"--{name}={','.join(values)}: expected all, or one or more of {', '.join(known)}")
    return list(dict.fromkeys(values))


def everything():
    """The formats of --format=all: those that the extra `export` can write."""
    return [name for name, row in CONVERTED.items() if row.extra == "export"]


def main():
    flags.DEFINE_string("model", None, "preset, work folder of ris-train, or .keras file")
    flags.DEFINE_list("format", ["all"], f"formats to write: all, or some of {', '.join((*CONVERTED, *ASSEMBLED))}")
    flags.DEFINE_list("quantize", ["none"], f"quantisation of .tflite files: all, or some of {', '.join(QUANTIZE)}")
    flags.DEFINE_string("size", None, "H,W of the images that the graph takes; by default the network's input size")
    flags.DEFINE_integer("steps", None, "largest number of objects; by default that of the model", lower_bound=1)
    flags.DEFINE_string("out", None, "folder for the files; created if missing")
    flags.DEFINE_string("data", None, "data set, as for ris-evaluate, to try the files on; default: synthetic images")
    flags.DEFINE_string("split", "val", "split of the data set")
    flags.DEFINE_string("node_modules", "node_modules", "web: folder in which npm installed the page's libraries")
    flags.DEFINE_integer("images", 24, "number of images to try the files on", lower_bound=LEAST)

    def job(values, rest):
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        command.required(values, "model", "out")
        known = [*CONVERTED, *ASSEMBLED]
        formats = everything() if values.format == ["all"] else _several("format", values.format, known)
        quantize = list(QUANTIZE) if values.quantize == ["all"] else _several("quantize", values.quantize, QUANTIZE)
        if quantize != ["none"] and not {"tflite", *ASSEMBLED} & set(formats):
            raise UsageError(f"--quantize={','.join(quantize)}: only tflite can be quantised; add tflite to --format")
        size = None if values.size is None else _pair(values.size)
        out = places.folder("out", values.out)
        places.model(values.model, exported=False)
        if values.data:
            sources.check([values.data])
        from ris_tf.export.check import table  # TensorFlow takes seconds to import
        from ris_tf.export.job import export

        command.start_tensorflow()
        data = values.data, values.split, values.images
        rows = export(values.model, formats, quantize, size, values.steps, out, *data, Path(values.node_modules))
        print(table(rows))
        failed = sorted({f"{row.file} ({row.way}: {row.failed})" for row in rows if row.failed})
        if failed:
            raise DataError(f"{out}: some files differ too much from Keras and were not kept: {'; '.join(failed)}")
        written = sorted({row.file for row in rows}) + [kind for kind in ASSEMBLED if kind in formats]
        print(f"{out}: {', '.join(written)}, MODEL_CARD.md, metadata.json and check.npz written")

    names = {"names": presets.names(), "all": everything()}
    usage = _USAGE.format(formats=_formats(), **{key: ", ".join(values) for key, values in names.items()})
    command.run(job, __name__, usage)


if __name__ == "__main__":
    main()
