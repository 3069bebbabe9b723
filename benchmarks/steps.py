"""Diagnosis of the recurrence step by step: attention, mask IoU, gradient norms and calibration of the score.

    python benchmarks/steps.py --model=nuclei --data=DIR/nuclei --split=val --batches=20 --json=steps.json

Runs training samples of a split through the model without teacher forcing, that is, with the model's own coverage. For
each step of the recurrence it prints

- the share of samples with an object that is not covered yet ("left"),
- the largest value of the attention ("peak"),
- the share of the attention's mass that lies in the interiors of uncovered objects ("mass"),
- the IoU of the mask with the best uncovered object,
- the norm of the gradient of the loss with respect to the attention's logits and to the weights of the mask network.

It then prints the calibration of the score in ten bins: the mean score and the share of steps that had an object left.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags

from ris_tf import storage
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.objective import matching
from ris_tf.objective.comparison import compare
from ris_tf.objective.rollout import Pass

_BINS = 10


def examine(model, batch):
    """Measures one batch; the model must have the form "attend".

    Returns:
      {quantity: float [B, T]}; quantities other than "left" and "score" are NaN in steps without an object left.
    """
    config = model.config
    batch = {name: batch[name] for name in ("image", "masks", "count")}
    batch["image"] = tf.cast(batch["image"], model.compute_dtype)
    with tf.GradientTape(persistent=True) as tape:
        compared = compare(model.form, batch, config.loss, Pass(model.steps, seed=(config.seed, 0)))
        terms = compared.terms(matching.match(compared.similarity, compared.rows, compared.columns))
        loss = tf.reduce_mean(terms["loss"])
    outputs, left = compared.rollout.outputs, compared.targets > 0
    attention = tf.nn.softmax(outputs["logits"])
    allowed = tf.matmul(outputs["uncovered"], compared.truth.cores) > 0
    iou = tf.reduce_max(compared.iou * outputs["uncovered"], axis=2)
    where_left = {
        "peak": tf.reduce_max(attention, axis=2),
        "mass": tf.reduce_sum(tf.where(allowed, attention, 0), axis=2),
        "iou": iou,
        "gradient_attention": tf.norm(tape.gradient(loss, outputs["logits"]), axis=2),
        "gradient_mask": tf.norm(tape.gradient(loss, outputs["first"]), axis=[-2, -1]),
    }
    result = {name: tf.where(left, value, np.nan).numpy() for name, value in where_left.items()}
    return {**result, "left": left.numpy().astype(float), "score": tf.sigmoid(outputs["score"]).numpy()}


def calibration(score, left):
    """Calibration of the score: (mean score, share with an object left, number of steps) of each non-empty bin."""
    bins = np.minimum((score * _BINS).astype(int), _BINS - 1)
    chosen = [bins == index for index in range(_BINS)]
    return [(float(score[c].mean()), float(left[c].mean()), int(c.sum())) for c in chosen if c.any()]


def main(_):
    values = flags.FLAGS
    model = storage.load(values.model)
    config = model.config
    opened = sources.open_source(values.data, values.split, config.data.synthetic_size, values.images, values.seed)
    batches = pipeline.training_batches(Records(opened, config), config).take(values.batches)
    parts = [examine(model, batch) for batch in batches]
    figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    samples, steps = figures["left"].shape
    print(f"{samples} samples, no teacher forcing; means over the samples with an object left")
    print("step   left   peak   mass    IoU   gradient: attention, masks")
    rows = []
    for step in range(steps):
        if not figures["left"][:, step].any():
            break
        rows.append({name: float(np.nanmean(value[:, step])) for name, value in figures.items()})
        row = rows[-1]
        print(
            f"{step + 1:4}  {row['left']:5.2f}  {row['peak']:5.2f}  {row['mass']:5.2f}  {row['iou']:5.2f}"
            f"   {row['gradient_attention']:.1e}  {row['gradient_mask']:.1e}"
        )
    table = calibration(figures["score"].ravel(), figures["left"].ravel())
    print("\nscore   an object left   steps")
    for score, left, count in table:
        print(f"{score:5.2f}   {left:5.2f}            {count}")
    if values.json:
        Path(values.json).write_text(json.dumps({"steps": rows, "calibration": table}, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("model", None, "preset, work folder or .keras file; its form must be attend", required=True)
    flags.DEFINE_string("data", None, "folder with the data, or synthetic:KIND", required=True)
    flags.DEFINE_string("split", "val", "split to examine")
    flags.DEFINE_integer("images", 100, "number of synthetic images", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "seed of the synthetic images", lower_bound=0)
    flags.DEFINE_integer("batches", 20, "number of training batches to examine", lower_bound=1)
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
