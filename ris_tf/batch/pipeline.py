"""The Apache Beam pipeline of ris-batch. Needs the extra `beam`; `ris_tf.commands.batch` reports if it is missing.

    patterns -> distinct files -> images -> model -> instances-*.parquet, or failed-*.jsonl with the reason
"""

import json
import shutil
import tempfile
import threading
from pathlib import Path

import apache_beam as beam
import pyarrow
from apache_beam.io import fileio
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.parquetio import WriteToParquet
from apache_beam.ml.inference.base import ModelHandler, RunInference

from ris_tf import runtime
from ris_tf.batch.rows import Failure, Source, is_shard, is_url, row
from ris_tf.errors import DataError

SCHEMA = pyarrow.schema(
    [
        ("image", pyarrow.string()),
        ("name", pyarrow.string()),
        ("height", pyarrow.int32()),
        ("width", pyarrow.int32()),
        ("count", pyarrow.int32()),
        ("scores", pyarrow.list_(pyarrow.float32())),
        ("rle", pyarrow.list_(pyarrow.string())),
    ]
)


def count(pipeline, patterns, model, out, threads=1, done=None):
    """Adds the whole job to a pipeline.

    Args:
      pipeline: beam.Pipeline.
      patterns: globs of image files and of TFRecord files, paths or URLs that Beam reads.
      model: exported model, see `runtime.load`; a .tflite file may be a URL.
      out: folder or URL for instances-*.parquet, failed-*.jsonl and totals.json.
      threads: number of threads of the model in each worker.
      done: path of a local file that gets one byte for each finished image, for a progress bar; None for no file.
    """
    found = (
        pipeline
        | "patterns" >> beam.Create(patterns)
        | "files" >> fileio.MatchAll()
        | "paths" >> beam.Map(lambda file: file.path)
        | "each once" >> beam.Distinct()  # several patterns may match it; also spreads the files over the workers
        | "images" >> beam.FlatMap(images)
        | "instances" >> RunInference(Handler(model, threads, done))
    )
    rows = found | "rows" >> beam.Filter(lambda result: not isinstance(result, Failure))
    failed = found | "failures" >> beam.Filter(lambda result: isinstance(result, Failure))
    _ = rows | "write rows" >> WriteToParquet(f"{out}/instances", SCHEMA, file_name_suffix=".parquet", codec="zstd")
    _ = (
        failed
        | "lines" >> beam.Map(lambda failure: json.dumps(vars(failure), ensure_ascii=False))
        | "write failures" >> beam.io.WriteToText(f"{out}/failed", ".jsonl")
    )
    _ = (
        found
        | "tally" >> beam.Map(_tally)
        | "sum" >> beam.CombineGlobally(Totals())
        | "totals" >> beam.Map(json.dumps)
        | "write totals" >> beam.io.WriteToText(f"{out}/totals", ".json", num_shards=1, shard_name_template="")
    )


def images(path):
    """Yields a Source for an image file or for each record of a TFRecord file; a Failure for unreadable records."""
    if not is_shard(path):
        yield Source(path)
        return
    from ris_tf.data.readers.tfrecord import records  # imports TensorFlow, which image files do not need

    number = 0
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.AUTO) as stream:
            for number, record in enumerate(records(stream)):
                yield Source(f"{path}#{number}", record)
                number += 1
    except Exception as error:  # from a store, a decompressor or `records`
        yield Failure(f"{path}#{number}", " ".join(str(error).split()))


def _tally(result):
    """Counts one image, in the form of totals.json."""
    failed = isinstance(result, Failure)
    return {"images": 1, "rows": int(not failed), "failed": int(failed), "instances": 0 if failed else result["count"]}


class Totals(beam.CombineFn):
    """Sums the counts that `_tally` gives for each image."""

    def create_accumulator(self):
        return {"images": 0, "rows": 0, "failed": 0, "instances": 0}

    def add_input(self, sums, tally):
        return {name: value + tally[name] for name, value in sums.items()}

    def merge_accumulators(self, parts):
        total = self.create_accumulator()
        for part in parts:
            total = self.add_input(total, part)
        return total

    def extract_output(self, sums):
        return sums


class Handler(ModelHandler):
    """An exported model that each worker process opens once and shares among its threads.

    Args:
      path: path or URL of the model.
      threads: number of threads of the model.
      done: see `count`.
    """

    def __init__(self, path, threads=1, done=None):
        self._path, self._threads, self._done = path, threads, done

    def load_model(self):
        model = load(self._path, self._threads)
        model.turn = threading.Lock()  # an interpreter runs one image at a time, while other threads read images
        return model

    def run_inference(self, batch, model, inference_args=None):
        def predict(image):
            with model.turn:
                return model.predict_instances(image)

        for source in batch:
            yield source if isinstance(source, Failure) else row(source, predict, FileSystems.open)
            if self._done:
                with open(self._done, "ab") as file:
                    file.write(b".")

    def batch_elements_kwargs(self):
        return {"min_batch_size": 1, "max_batch_size": 1}  # images may be large, and the model takes one

    def get_num_bytes(self, batch):
        return sum(len(getattr(source, "packed", None) or b"") for source in batch)


def load(path, threads=None):
    """Same as `runtime.load`, but also opens a .tflite file at a URL."""
    if not is_url(path):
        return runtime.load(path, threads)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.rsplit("/", 1)[1]
        try:
            with FileSystems.open(path) as stream, copy.open("wb") as file:
                shutil.copyfileobj(stream, file)
        except Exception as error:  # each store raises its own kind
            raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())[:120]})") from error
        return runtime.load(copy, threads)


def unmatched(patterns):
    """Returns the patterns that match no file."""
    found = FileSystems.match(patterns, limits=[1] * len(patterns))
    return [pattern for pattern, files in zip(patterns, found, strict=True) if not files.metadata_list]


def earlier(out):
    """Returns the paths of the results that a folder already contains."""
    kinds = [f"{out}/instances-*.parquet", f"{out}/failed-*.jsonl", f"{out}/totals.json"]
    return [file.path for files in FileSystems.match(kinds) for file in files.metadata_list]
