"""Finds the thresholds of the best model of a run, on its validation images, once the training is over."""

from ris_tf import storage
from ris_tf.evaluation.tune import tune_model
from ris_tf.files.writing import write_table
from ris_tf.instances.unfinished import Kept
from ris_tf.training import checkpoints, samples

TABLE = "tuning.csv"


def tune_best(workdir, config, data):
    """Finds the thresholds and saves them in the best model, unless that was done. It can be interrupted and resumes.

    Args:
      workdir: Path of the work folder of a finished run.
      config: config of the run.
      data: value of --data.
    """
    table, best = workdir / TABLE, workdir / checkpoints.BEST
    held_out = samples.held_out_of(data, config)
    if table.is_file() or not held_out:
        return
    model = storage.load(best)
    source = [(f"{index}", lambda pair=pair: pair) for index, pair in enumerate(held_out)]
    kept = Kept(workdir / "unfinished", model.config, storage.digest(best))
    _, fields, trials = tune_model(model, source, kept=kept)
    storage.save(model, best)
    write_table(table, trials)
    kept.remove()
    found = {name: value for name, value in fields.items() if value or name != "count_spread"}  # 0: not known
    print(f"{best}: thresholds found: " + ", ".join(f"{name} {value}" for name, value in found.items()))
