"""What starts without TensorFlow, which takes seconds to import; and Keras, which must know our classes even so."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image
from scenes.blobs import mosaic

import ris_tf
from ris_tf import presets, storage
from ris_tf.commands import evaluate, predict
from ris_tf.export.preset import WEIGHTS

ABSENT = "tensorflow,keras,scipy,skimage,imagecodecs,ml_collections,h5py,yaml,pydensecrf"  # from a light installation
COMMANDS = [f"commands.{name}" for name in ("batch", "data", "evaluate", "predict", "train")] + ["export.main"]


def python(code, *arguments):
    """Runs code in a process of its own and returns its standard output."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    assert "delegate" not in done.stderr  # LiteRT announces it
    return done.stdout


def test_tensorflow_is_not_imported_where_it_is_not_needed():
    code = f"""
import importlib, sys
import ris_tf, ris_tf.runtime
from absl import flags, logging
known = set(flags.FLAGS)
for name in {COMMANDS!r}:
    sys.argv = [name, "--help"]
    try:
        importlib.import_module("ris_tf." + name).main()
    except SystemExit as stop:
        assert not stop.code, name
    for flag in set(flags.FLAGS) - known:
        delattr(flags.FLAGS, flag)
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""
    assert python(code).splitlines()[-1] == "[]"


def test_a_preset_predicts_without_tensorflow_or_scipy(tmp_path):
    image = np.uint8(255 * np.clip(mosaic(128, 128, 32, 9)[0], 0, 1))
    Image.fromarray(image).save(tmp_path / "cells.png")
    code = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))
from ris_tf.commands import predict
sys.argv = ["ris-predict", "--model=nuclei", *sys.argv[1:]]
predict.main()
"""
    python(code, ABSENT, str(tmp_path / "cells.png"), f"--out={tmp_path / 'found'}", "--write=labels,overlay,csv,coco")
    expected = "image,count,likely_low,likely_high,limit_reached\ncells.png,16,12,20,no\n"
    assert (tmp_path / "found" / "counts.csv").read_text() == expected


def test_a_preset_is_measured_without_tensorflow_or_scipy(tmp_path):
    for split in ("images", "masks"):
        (tmp_path / "test" / split).mkdir(parents=True)
    rows, columns = np.indices((128, 128))
    disc = np.hypot(rows % 32 - 15.5, columns % 32 - 15.5) < 9
    labels = np.where(disc, rows // 32 * 4 + columns // 32 + 1, 0)
    Image.fromarray(np.uint8(20 + 180 * disc)).save(tmp_path / "test" / "images" / "a.png")
    Image.fromarray(labels.astype(np.uint16)).save(tmp_path / "test" / "masks" / "a.png")
    code = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))
from ris_tf.commands import evaluate
sys.argv = ["ris-evaluate", "--model=nuclei", *sys.argv[1:]]
evaluate.main()
"""
    python(code, ABSENT, f"--data={tmp_path}", f"--out={tmp_path / 'out'}")
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert found["instances"] == 16 and found["dic"] == 0 and found["sbd"] > 0.8


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--score_threshold=0.5"], "a.tif: its compression needs imagecodecs; pip install imagecodecs"),
        (["--engine=keras"], "needs keras, which ris-tf-runtime leaves out; install ris-tf instead of it"),
        (["--write=geojson"], "outlines of objects: needs SciPy; pip install scipy"),
        (["--crf"], "--crf needs pydensecrf2; pip install 'ris-tf[crf]'"),
    ],
)
def test_what_is_missing_is_told_in_one_line(flags, said, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8), compression="lzw")
    code = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))
from ris_tf.commands import predict
sys.argv = ["ris-predict", "--model=nuclei", *sys.argv[1:]]
predict.main()
"""
    arguments = [ABSENT, str(tmp_path / "a.tif"), f"--out={tmp_path / 'found'}", *flags]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "first", ["import ris_tf, keras", "import keras, ris_tf", "import ris_tf, tensorflow as tf; tf.keras.layers.Dense"]
)
@pytest.mark.slow
def test_keras_loads_our_files_after_import_ris_tf_alone(first):
    code = f"""
{first}
import keras
assert keras.saving.get_registered_object("ris_tf>RIS") is ris_tf.RIS
assert keras.__spec__.loader.get_source("keras")
"""
    python(code)


def test_a_missing_attribute_is_named():
    with pytest.raises(AttributeError, match="'ris_tf' has no attribute 'Ris'"):
        ris_tf.Ris  # noqa: B018 - the access is the test


@pytest.mark.parametrize("name", presets.names())
def test_the_file_for_litert_was_written_from_the_weights(name):
    with zipfile.ZipFile(presets.litert_file(name)) as appended:
        assert appended.read(WEIGHTS).decode() == storage.digest(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", presets.names())
def test_both_engines_find_the_same(name, nuclei):
    file = sorted((nuclei / "test" / "images").glob("*.png"))[0]
    image = np.asarray(Image.open(file).convert("RGB"))
    one, other = (storage.open_model(name, engine).predict_instances(image) for engine in ("litert", "keras"))
    assert one.count == other.count
    assert (one.labels != other.labels).mean() < 1e-3
    np.testing.assert_allclose(one.scores, other.scores, atol=2e-3)


@pytest.mark.parametrize(
    ("main", "flags", "said"),
    [
        (predict.main, ["--model={keras}", "--engine=litert"], "export it with ris-export --format=tflite first"),
        (predict.main, ["--model={tflite}", "--engine=keras"], "has its own runtime; leave it out"),
        (evaluate.main, ["--model=nuclei", "--tune", "--tuned_model={keras}", "--engine=litert"], "leave --engine out"),
    ],
)
def test_an_engine_that_cannot_run_the_model_is_told(main, flags, said, command, tmp_path):
    places = {"keras": tmp_path / "mine.keras", "tflite": presets.litert_file("nuclei")}
    places["keras"].write_bytes(b"")
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "a.png")
    given = [flag.format(**places) for flag in flags] + [f"--out={tmp_path / 'found'}"]
    given += ["--data=synthetic:discs"] if main is evaluate.main else [tmp_path / "a.png"]
    code, _, error = command(main, *given)
    assert code == 2 and said in error and len(error.splitlines()) == 1
