"""ris-batch: counts the objects in millions of images, by many workers, on any engine that runs Apache Beam."""

import contextlib
import importlib
import json
import os
import tempfile
import threading
from pathlib import Path

from absl import flags, logging
from tqdm import tqdm

from ris_tf import command
from ris_tf.batch_rows import is_url
from ris_tf.errors import DataError, UsageError

_USAGE = """
Counts and outlines the objects in very many images, as an Apache Beam pipeline; needs ris-tf[beam].

  ris-batch --model=exported/model.tflite --out=found 'images/*.png' 'more/**.jpg'
  ris-batch --model=exported/model.tflite --out=found 'shards/*.tfrecord' --workers=4
  ris-batch --model=gs://B/model.tflite --out=gs://B/found 'gs://B/images/*.png' -- --runner=DataflowRunner ...

--model takes what ris-export wrote (.tflite, .onnx, saved_model). Patterns name image files, or TFRecord files
as ris-data convert writes them. --out gets, for every image once,
  instances-*.parquet  image, name, height, width, count, scores, rle (COCO's compressed RLE of each instance)
  failed-*.jsonl       or, where there is no such row, image and reason
  totals.json          how many of each
What stands behind -- are Beam's own options; docs/batch.md shows those for Flink and Dataflow.
"""

_HERE = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"  # on this machine, in Python alone


def batch(model, patterns, out, workers=1, threads=1, options=()):
    """Runs the whole job and waits for its end.

    Args:
      model: exported model, see `runtime.load`; a .tflite file may be a URL.
      patterns: globs of image files and of TFRecord files, paths or URLs that Beam reads.
      out: folder or URL that holds no results yet.
      workers: processes on this machine; of no meaning under a runner of `options`.
      threads: of the model in each worker; without effect on a SavedModel, see `runtime.load`.
      options: Beam's, such as "--runner=FlinkRunner".

    Returns:
      {"images", "rows", "failed", "instances": int}; every image is a row or failed.

    Raises:
      UsageError: Beam is missing, an argument is wrong, or `out` holds results.
      DataError: the model cannot be read, no file matches a pattern, or the job failed.
    """
    for name, value in (("workers", workers), ("threads", threads)):
        if value < 1:
            raise UsageError(f"--{name}={value}: expected 1 or more")
    pipeline, beam = _library()
    places = map(str, (model, out, *patterns))
    model, out, *patterns = (place if is_url(place) else os.path.abspath(place) for place in places)
    pipeline.load(model)  # what is wrong with it is told here, not by the workers
    _check_places(pipeline, patterns, out)
    options, here = _options(beam, workers, options)
    if here and workers > 1:  # NumPy's threads would take the other workers' cores
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with _progress(here) as done, beam.Pipeline(options=options) as job:
            pipeline.count(job, patterns, model, out, threads, done)
    except (UsageError, DataError):
        raise
    except Exception as error:  # each runner has its own
        raise DataError(f"the job failed: {' '.join(str(error).split())[-300:]}") from error
    return _totals(pipeline, out)


def _library():
    logging.set_verbosity(logging.ERROR)  # Beam warns of what it does not need here
    try:
        beam = importlib.import_module("apache_beam")
    except ImportError as error:
        raise UsageError("ris-batch needs Apache Beam; pip install 'ris-tf[beam]'") from error
    return importlib.import_module("ris_tf.batch_pipeline"), beam


def _check_places(pipeline, patterns, out):
    for pattern in patterns:
        if not is_url(pattern) and Path(pattern).is_dir():
            raise UsageError(f"{pattern}: is a folder; give a pattern such as {pattern}/*.png")
    for pattern in pipeline.unmatched(patterns):
        raise DataError(f"{pattern}: no file matches; expected images or TFRecord files")
    if not is_url(out) and Path(out).exists() and not Path(out).is_dir():
        raise UsageError(f"--out={out}: is a file; give a folder")
    for file in pipeline.earlier(out):
        raise UsageError(f"--out={out}: holds {Path(file).name} of another run; give an empty folder")


def _options(beam, workers, options):
    """Beam's PipelineOptions, and whether the job runs on this machine."""
    given, here = list(options), not any(option.startswith("--runner") for option in options)
    if here:
        given += [f"--runner={_HERE}", f"--direct_num_workers={workers}"]
        given += ["--direct_running_mode=multi_processing"] if workers > 1 else []
        given += ["--default_sdk_harness_log_level=ERROR"]  # else each worker tells of every channel it opens
    elif workers > 1:
        raise UsageError(f"--workers={workers}: is for this machine; the runner given has options of its own")
    return beam.options.pipeline_options.PipelineOptions(given), here


@contextlib.contextmanager
def _progress(shown):
    """A progress bar, and the file that workers here append one byte to for each image; None if not shown."""
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
    with pipeline.FileSystems.open(f"{out}/totals.json") as stream:
        totals = json.loads(stream.read())
    if totals["rows"] + totals["failed"] != totals["images"]:
        raise DataError(f"{out}: {totals['images']} images, but {totals['rows']} rows and {totals['failed']} failed")
    return totals


def main():
    flags.DEFINE_string("model", None, "file or folder of ris-export")
    flags.DEFINE_string("out", None, "folder or URL for the results")
    flags.DEFINE_integer("workers", 1, "processes on this machine")
    flags.DEFINE_integer("threads", 1, "threads of the model in each worker; a SavedModel takes TensorFlow's")

    def job(values, rest):
        command.required(values, "model", "out")
        patterns = [argument for argument in rest if not argument.startswith("--")]
        options = [argument for argument in rest if argument.startswith("--")]
        if not patterns:
            raise UsageError("no images given; name patterns of files after the flags, see --helpshort")
        totals = batch(values.model, patterns, values.out, values.workers, values.threads, options)
        print(f"{values.out}: {totals['images']} images, {totals['instances']} instances")
        if totals["failed"]:
            print(f"{totals['failed']} of the images failed; failed-*.jsonl says why")

    command.run(job, __name__, _USAGE)


if __name__ == "__main__":
    main()
