"""ris-batch: batch inference on millions of images with Apache Beam, on this machine or on a cluster."""

import contextlib
import importlib
import json
import os
import tempfile
import threading
from pathlib import Path

from absl import flags, logging
from tqdm import tqdm

from ris_tf.batch.rows import is_url
from ris_tf.commands import command, places
from ris_tf.errors import DataError, UsageError
from ris_tf.optional import import_optional
from ris_tf.wording import counted

_USAGE = """
Counts and outlines the objects in any number of images, as an Apache Beam pipeline. Needs ris-tf[beam].

  ris-batch --model=exported/model.tflite --out=found 'images/*.png' 'more/**.jpg'
  ris-batch --model=exported/model.tflite --out=found 'shards/*.tfrecord' --workers=4
  ris-batch --model=gs://B/model.tflite --out=gs://B/found 'gs://B/images/*.png' -- --runner=DataflowRunner ...

--model takes a model written by ris-export (.tflite, .onnx, .xml, saved_model). The patterns name image files, or
TFRecord files written by ris-data convert. The command writes to --out, which must not contain results yet:

  instances-*.parquet  one row per image: image, name, height, width, count, scores, rle (COCO's compressed RLE of
                       each instance)
  failed-*.jsonl       one line for each image without a row: image and reason
  totals.json          the numbers of images, rows, failed images and instances

Everything after -- is passed to Beam; docs/batch.md shows the options for Flink and Dataflow.
"""

_HERE = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"  # runs on this machine, in pure Python


def batch(model, patterns, out, workers=1, threads=1, options=()):
    """Runs the whole job and waits until it has finished.

    Args:
      model: exported model, see `runtime.load`; a .tflite file may be a URL.
      patterns: globs of image files and of TFRecord files, paths or URLs that Beam reads.
      out: folder or URL; must not contain results yet.
      workers: number of processes on this machine; must be 1 if `options` name another runner.
      threads: number of threads of the model in each worker; has no effect on a SavedModel, see `runtime.load`.
      options: options of Beam, such as "--runner=FlinkRunner".

    Returns:
      {"images", "rows", "failed", "instances": int}; every image counts either as a row or as failed.

    Raises:
      UsageError: Beam is not installed, an argument is invalid, or `out` already contains results.
      DataError: the model cannot be read, no file matches a pattern, or the job failed.
    """
    for name, value in (("workers", workers), ("threads", threads)):
        if value < 1:
            raise UsageError(f"--{name}={value}: expected 1 or more")
    given = map(str, (model, out, *patterns))
    model, out, *patterns = (place if is_url(place) else os.path.abspath(place) for place in given)
    _check_here(model, patterns, out)
    pipeline, beam = _library()
    pipeline.load(model)  # an invalid model is reported here, not by the workers
    _check_places(pipeline, patterns, out)
    options, here = _options(beam, workers, options)
    if here and workers > 1:  # otherwise NumPy's threads take the cores of the other workers
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with _progress(here) as done, beam.Pipeline(options=options) as job:
            pipeline.count(job, patterns, model, out, threads, done)
    except (UsageError, DataError):
        raise
    except Exception as error:  # each runner raises its own kind
        raise DataError(f"the job failed: {' '.join(str(error).split())[-300:]}") from error
    return _totals(pipeline, out)


def _library():
    """Imports Apache Beam; returns `ris_tf.batch.pipeline` and Beam."""
    logging.set_verbosity(logging.ERROR)  # hides Beam's warnings about optional parts
    beam = import_optional("apache_beam", "ris-batch", "Apache Beam", "'ris-tf[beam]'")
    return importlib.import_module("ris_tf.batch.pipeline"), beam


def _check_here(model, patterns, out):
    """Raises an error if anything is wrong with the places on this machine, before Beam is imported, which is slow."""
    if not is_url(model):
        places.model(model)
    local = [pattern for pattern in patterns if not is_url(pattern)]
    folders = [pattern for pattern in local if os.path.isdir(pattern)]
    if folders:
        kind = "are folders" if folders[1:] else "is a folder"
        raise UsageError(f"{', '.join(folders)}: {kind}; give a pattern such as {folders[0]}/*.png")
    _check_matched([pattern for pattern in local if not set(pattern) & set("*?[{") and not os.path.exists(pattern)])
    if not is_url(out):
        places.folder("out", out)


def _check_places(pipeline, patterns, out):
    """Raises an error unless every pattern matches a file and `out` holds no results."""
    _check_matched(pipeline.unmatched(patterns))
    for file in pipeline.earlier(out):
        raise UsageError(f"--out={out}: contains {Path(file).name} of another run; give an empty folder")


def _check_matched(unmatched):
    if unmatched:
        raise DataError(f"{', '.join(unmatched)}: no file matches; expected images or TFRecord files")


def _options(beam, workers, options):
    """Returns Beam's PipelineOptions, and whether the job runs on this machine."""
    given, here = list(options), not any(option.startswith("--runner") for option in options)
    if here:
        given += [f"--runner={_HERE}", f"--direct_num_workers={workers}"]
        given += ["--direct_running_mode=multi_processing"] if workers > 1 else []
        given += ["--default_sdk_harness_log_level=ERROR"]  # otherwise each worker logs every channel it opens
    elif workers > 1:
        raise UsageError(f"--workers={workers}: is for this machine only; use the options of the runner instead")
    return beam.options.pipeline_options.PipelineOptions(given), here


@contextlib.contextmanager
def _progress(shown):
    """Shows a progress bar; yields the file to which workers append a byte per image, or None if no bar is shown."""
    if not shown:
        yield None
        return
    ended = threading.Event()

    def watch(file, bar):
        while not ended.wait(0.5) or bar.n < os.path.getsize(file):
            bar.update(os.path.getsize(file) - bar.n)

    with tempfile.NamedTemporaryFile() as file, tqdm(unit=" images", desc="images") as bar:
        watcher = threading.Thread(target=watch, args=(file.name, bar), daemon=True)
        watcher.start()
        try:
            yield file.name
        finally:
            ended.set()
            watcher.join()


def _totals(pipeline, out):
    """Reads totals.json and checks that every image was counted once."""
    with pipeline.FileSystems.open(f"{out}/totals.json") as stream:
        totals = json.loads(stream.read())
    if totals["rows"] + totals["failed"] != totals["images"]:
        raise DataError(
            f"{out}/totals.json: has {counted(totals['images'], 'image')}, but {counted(totals['rows'], 'row')} and "
            f"{totals['failed']} failed, so the results are incomplete; run the job again with another --out"
        )
    return totals


def main():
    flags.DEFINE_string("model", None, "file or folder written by ris-export")
    flags.DEFINE_string("out", None, "folder or URL for the results; must not contain results yet")
    flags.DEFINE_integer("workers", 1, "number of processes on this machine")
    flags.DEFINE_integer("threads", 1, "number of threads of the model in each worker; ignored by a SavedModel")

    def job(values, rest):
        patterns = [argument for argument in rest if not argument.startswith("--")]
        options = [argument for argument in rest if argument.startswith("--")]
        command.required(values, "model", "out", also=[] if patterns else ["a pattern of images"])
        totals = batch(values.model, patterns, values.out, values.workers, values.threads, options)
        print(f"{values.out}: {counted(totals['images'], 'image')}, {counted(totals['instances'], 'instance')}")
        if totals["failed"]:
            print(f"{counted(totals['failed'], 'image')} failed; see failed-*.jsonl for the reasons")

    command.run(job, __name__, _USAGE)


if __name__ == "__main__":
    main()
