"""Everything that the pages tell a reader to run is run, and the site is built."""

import contextlib
import functools
import importlib.util
import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from documents import scene, shell
from documents.blocks import ROOT, blocks_of, commands_of, load_config_table, pages, spans_of
from PIL import Image
from scenes import annotations
from scenes.layouts import label_maps, leaves, mask_files, sbd, voc
from scenes.outlines import geojson, labelme, via, yolo

import ris_tf
from ris_tf.commands import command as commands
from ris_tf.commands.data import open_all
from ris_tf.configs import base
from ris_tf.data import convert, sources
from ris_tf.data.readers import layouts
from ris_tf.export import artifact
from ris_tf.model import build
from ris_tf.settings import schema
from ris_tf.storage import load

PAGES = pages()
BLOCKS = [block for page, text in PAGES.items() for block in blocks_of(page, text)]
LINES = list(dict.fromkeys(line for block in BLOCKS if block.kind == "shell" for line in commands_of(block)))
SPANS = list(dict.fromkeys(span for text in PAGES.values() for span in spans_of(text)))
MAINS = {name: importlib.import_module(place.split(":")[0]).main for name, place in shell.entry_points().items()}


@pytest.fixture
def parsed(command, monkeypatch):
    """Runs a ris-... command up to its work: flags, config and its fields are checked by the command's own parser."""

    def no_work(values, rest):
        if "config" in values and values.config:
            schema.check(values.config)

    run = commands.run
    monkeypatch.setattr(commands, "run", lambda job, *how, **more: run(no_work, *how, **more))

    def parse(line):
        name, *words = shell.words_of(line)
        assert name in MAINS, f"{line}: {name} is no command of setup.cfg and not in documents.shell.CHECKED"
        code, _, err = command(MAINS[name], *words)
        assert code == 0, f"{line}: {err}"

    return parse


@pytest.mark.parametrize("line", LINES)
def test_command_is_one_and_knows_its_flags(line, parsed):
    check = shell.check_of(line)
    if check:
        check(shell.words_of(line))
    else:
        parsed(line)


@pytest.mark.parametrize("line", ["ris-trane --data=DIR", "cmake ."])
def test_command_that_nobody_knows_is_seen(line, parsed):
    with pytest.raises(AssertionError, match="is no command"):
        test_command_is_one_and_knows_its_flags(line, parsed)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ris-train --config=nuclei --config.train.step=5", "step"),
        ("ris-train --config=nuclei --config.train.steps=0", "train.steps"),
        ("ris-train --config=nucleii", "nucleii"),
        ("ris-predict --models=nuclei cells.tif", "models"),
        ("python benchmarks/memory.py --step=20", "step"),
        ("python benchmarks/nothing.py", "nothing"),
        ("make demos", "demos"),
        ("pip install '.[serve]'", "serve"),
        ("npm install onnxruntime-web@2", "onnxruntime-web"),
    ],
)
def test_wrong_command_is_seen(line, words, parsed):
    with pytest.raises((AssertionError, OSError), match=words):
        test_command_is_one_and_knows_its_flags(line, parsed)


def test_block_of_an_unknown_kind_is_seen():
    with pytest.raises(ValueError, match="page.md:2: a block of 'perl'"):
        blocks_of("page.md", "text\n```perl\nprint\n```\n")


def test_code_within_the_text_names_what_there_is(parsed):
    table = load_config_table()
    fields = set(table.flat(base.get_config()))
    groups = {name.rsplit(".", depth)[0] for name in fields for depth in range(3)}
    folders = "ris_tf/**", "export/**", "benchmarks"
    flags = {name for folder in folders for file in ROOT.glob(f"{folder}/*.py") for name in shell.script_flags(file)}
    runnable = re.compile(r"(ris-[a-z]+( .*)?|(make|pip install|python benchmarks/\S+)( .*)?)$")
    for span in SPANS:
        if re.fullmatch(r"--[a-z_-]+(=\S*)?", span) and not span.startswith("--config"):
            assert span[2:].split("=")[0].replace("-", "_") in flags, span
        elif span.startswith("--config."):
            for part in span.split():
                parsed(f"ris-train --config=nuclei {part}")
        elif re.fullmatch(r"(data|loss|train|model|predict|curriculum)\.(?!tflite|onnx|xml|yaml)[a-z_.]+(\.\*)?", span):
            assert span.removesuffix(".*") in fields | groups, span
        elif re.fullmatch(r"(docs|tests|ris_tf|export|benchmarks|configs)/[\w/.]*", span) and "presets" not in span:
            assert (ROOT / span).exists(), span
        elif runnable.fullmatch(span):
            words = span.split()
            named = [word for word in words if word.startswith("--") and "=" not in word]  # a flag without its value
            assert {word[2:].replace("-", "_") for word in named} <= flags, span
            test_command_is_one_and_knows_its_flags(" ".join(word for word in words if word not in named), parsed)


def image():
    return scene.pair(0)[0]


class Tritonclient(types.ModuleType):
    """Stands for tritonclient.grpc: a server that holds config.pbtxt's word on names and types."""

    config = (ROOT / "export" / "serving" / "triton_config.pbtxt").read_text("utf-8")

    class InferInput:
        def __init__(self, name, shape, kind):
            assert f'input {{ name: "{name}" data_type: TYPE_{kind} ' in Tritonclient.config
            self.shape, self.kind = shape, kind

        def set_data_from_numpy(self, array):
            assert array.shape == self.shape and array.dtype == self.kind.lower()

    class InferenceServerClient:
        def __init__(self, url):
            assert url.endswith(":8001")

        def infer(self, model, inputs):
            assert model == "nuclei" and len(inputs) == 1
            return self

        def as_numpy(self, name):
            assert f'output {{ name: "{name}" ' in Tritonclient.config
            return np.array([3])


def execute(block, monkeypatch):
    """Runs a block of Python where `image` is a picture; what a comment says of a value's type is held to it."""
    fake = Tritonclient("tritonclient.grpc")
    monkeypatch.setitem(sys.modules, "tritonclient", types.ModuleType("tritonclient"))
    monkeypatch.setitem(sys.modules, "tritonclient.grpc", fake)
    monkeypatch.setattr(sys.modules["tritonclient"], "grpc", fake, raising=False)
    names = {"image": image(), "__name__": "block"}
    with quickly(monkeypatch):
        exec(compile(block.text, str(block), "exec"), names)
    for value, kind, shape in re.findall(r"^(\S+)  # (int|int32|float32|bool)\b(?: \[(.*?)\])?", block.text, re.M):
        value = eval(value, names)
        if not shape:
            assert type(value).__name__ == kind
        else:
            assert value.dtype == kind and value.ndim == len(shape.split(","))
    return names


preset = functools.cache(ris_tf.RIS.from_preset)


@contextlib.contextmanager
def quickly(monkeypatch, line=""):
    """Presets are loaded and traced once; of other models tracing would take longer than their few steps."""
    with monkeypatch.context() as patch:
        patch.setattr(ris_tf.RIS, "from_preset", preset)
        tf.config.run_functions_eagerly(not re.search(r"--model=\w+ ", line))
        yield patch
        tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.kind == "python" and "exported/" not in b.text], ids=str)
def test_python_runs(block, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    scene.save(tmp_path / "cells.tif", image())
    scene.save(tmp_path / "foreground.png", np.uint8(scene.pair(0)[1] > 0) * 255)
    names = execute(block, monkeypatch)
    if "instances" in names:
        assert names["instances"].labels.shape == image().shape[:2]
    if "get_config" in names:
        schema.check(names["get_config"]())


def photographs(root):
    """The same as `annotations.written`, in JPEG."""
    annotations.written(root)
    for file in root.rglob("*.png"):
        Image.open(file).save(file.with_suffix(".jpg"))
    for file in root.rglob("*.json"):
        file.write_text(file.read_text().replace(".png", ".jpg"))


def lay_out(root, text):
    """Writes a data set in the layout of a block, by what the readers' own tests read."""
    if ".tfrecord" in text:
        label_maps(root / "from")
        splits = {name: found.samples for name, found in open_all(root / "from")[1].items()}
        return convert.convert(splits, root / "to", "tfrecord", "object", 2000)
    writers = {"_annotations.coco": annotations.roboflow, "annotations": photographs, "JPEGImages": voc, ".mat": sbd}
    writers |= {"_fg.png": leaves, "ID/masks/*": mask_files}
    writers |= {"labels/train/": yolo, "via_": lambda root: via(root / "train")}
    writers |= {".geojson": lambda root: geojson(root / "train"), "NAME.json": lambda root: labelme(root / "train")}
    writer = next((writer for part, writer in writers.items() if part in text), None)
    if writer:
        return writer(root)
    for path in re.findall(r"DIR/(\S+)", text):
        for split in ("train", "val"):
            array = scene.pair(0)["masks" in path or "_label" in path]
            scene.save(root / path.replace("train", split), array)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "layout"], ids=str)
def test_layout_is_read_as_the_page_lays_it_out(block, tmp_path):
    lay_out(tmp_path, block.text)
    text = block.text.replace("train.txt, val.txt", "train.txt    DIR/val.txt").replace("00003", "*")
    text = re.sub(r"DIR/(\S*)train.txt    DIR/val", r"DIR/\1train.txt    DIR/\1val", re.sub(r"#.*", "", text))
    wanted = [re.sub(r"\b(ID|NAME)(?=\b|_)", "*", path) for path in re.findall(r"DIR/(\S+)", text)]
    folders = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]
    dirs = [folder for folder in folders if all(list(folder.glob(path)) for path in wanted)]
    assert dirs, f"{wanted} are not as the reader's tests lay them out"
    layout, _ = layouts.detect(dirs[0])
    before = PAGES[block.page].splitlines()[: block.line]
    if block.page == "docs/data.md":
        title = next(line for line in reversed(before) if line.startswith("**"))[2:]
        assert title.lower()[:3] in layout.name.lower()
    assert layouts.open_folder(dirs[0], "all")


def small_model(small, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    build(small).save(path)


@pytest.mark.slow
@pytest.mark.parametrize("page", list(dict.fromkeys(block.page for block in BLOCKS)))
def test_commands_of_a_page_do_what_they_say(page, command, small, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    scene.write(tmp_path)
    for block in (block for block in BLOCKS if block.page == page):
        if block.kind == "python" and "exported/" in block.text:
            if not Path("runs/mine").exists():
                small_model(small, tmp_path / "runs" / "mine" / "best.keras")
            if not Path("exported/model.tflite").exists():
                order = {"model": "runs/mine", "size": None, "steps": None, "quantize": "none"}
                artifact.convert("to_litert", order, tmp_path / "exported")
            execute(block, monkeypatch)
        for line in commands_of(block) if block.kind == "shell" else []:
            if not shell.check_of(line):
                run(line, command, small, monkeypatch)


def trainings():
    """The first ris-train line of each config; the others, and those in the configs' own texts, are not trained."""
    pages_lines = (line for b in BLOCKS if b.kind == "shell" and b.page.endswith(".md") for line in commands_of(b))
    lines = [line for line in pages_lines if line.startswith("ris-train") and "--config=" in line]
    return {re.search(r"--config=(\w+)", line)[1]: line for line in reversed(lines)}.values()


def open_only(config, data, workdir, init=None, termination=None):
    """In place of `loop.train`: all that it reads, and no step."""
    schema.check(config)
    arguments = config.data.synthetic_size, 2, config.seed, config.data.category, config.data.held_out
    for split in ("train", "val"):
        for _, read in sources.open_source(data, split, *arguments):
            read()
    if init:
        load(init)


def run(line, command, small, monkeypatch):
    """Runs one command where a reader would, after what it needs is there; what it writes has to be there then."""
    scene.lay(Path(), line)
    for folder in map(Path, re.findall(r"--(?:model|init)=(runs/\w+)", line)):
        if not (folder / "best.keras").exists():
            folder.mkdir(parents=True, exist_ok=True)
            build(small).save(folder / "best.keras")
    for earlier in re.findall(r"results_\w", line):
        shutil.copytree("results", earlier)
    trains = line in trainings()
    name, *words = scene.shortened(line, trains)
    if name == "ris-batch" and not importlib.util.find_spec("apache_beam"):
        return  # make test-beam runs it
    whole = {"ris-train": trains, "ris-export": False}.get(name, True)
    with quickly(monkeypatch, line) as patch:
        if not whole:
            patch.setattr("ris_tf.training.loop.train", open_only)
            patch.setattr("ris_tf.training.thresholds.tune_best", lambda *order: None)
            patch.setattr("ris_tf.planning.speed.best_start", lambda *order: ("rosettes", {"rosettes": 0.5}, 0.1))
            patch.setattr("ris_tf.planning.speed.step_seconds", lambda *order: (1.0, 0.0))
            patch.setattr("ris_tf.export.job.export", lambda *order: [])  # test_export_command.py does it
        code, _, err = command(MAINS[name], *words)
    assert code == 0, f"{line}: {err}"
    for path in (Path(word.split("=")[1]) for word in words if word.startswith(("--out=", "--workdir="))):
        assert not whole or path.is_file() or list(path.iterdir()), f"{line}: nothing in {path}"
