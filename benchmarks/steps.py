"""Where the recurrence goes wrong, and where the gradient goes, step by step.

    python benchmarks/steps.py --model=nuclei --data=DIR/nuclei --split=val --batches=20 --json=steps.json

Runs training samples of a split through the model on its own coverage (no teacher forcing) and prints for each step
of the recurrence: the share of samples with an object left uncovered; how peaked the attention is; how much of its
mass falls inside interiors not yet covered; the IoU of the mask with the best uncovered object; the norm of the loss's
gradient with respect to the attention's logits and to the weights of the mask network. Then the calibration of the
score: its mean beside the share of steps that had an object left, in ten bins.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags

from ris_tf import matching, storage
from ris_tf.data import pipeline
from ris_tf.data.records import Records
from ris_tf.objective import Comparison

_BINS = 10


def examine(model, batch):
    """Of one batch of a model of the attend form: {quantity: float [B, T]}."""
    config = model.config
    images, truth = tf.cast(batch["image"], model.compute_dtype), (batch["masks"], batch["count"])
    with tf.GradientTape(persistent=True) as tape:
        compared = Comparison(model.form, images, *truth, model.steps, config.loss, seed=(config.seed, 0))
        terms = compared.terms(matching.match(compared.similarity, compared.rows, compared.columns))
        loss = tf.reduce_mean(terms["loss"])
    outputs, left = compared.outputs, compared.targets > 0
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
    """[(mean score, share with an object left, number of steps)] of the bins that hold any."""
    bins = np.minimum((score * _BINS).astype(int), _BINS - 1)
    chosen = [bins == index for index in range(_BINS)]
    return [(float(score[c].mean()), float(left[c].mean()), int(c.sum())) for c in chosen if c.any()]


def main(_):
    values = flags.FLAGS
    model = storage.load(values.model)
    config = model.config
    opened = pipeline.open_source(values.data, values.split, config.data.synthetic_size, values.images, values.seed)
    batches = pipeline.training_batches(Records(opened, config), config).take(values.batches)
    parts = [examine(model, batch) for batch in batches]
    figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    samples, steps = figures["left"].shape
    print(f"{samples} samples, no teacher forcing; means over those with an object left")
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
    flags.DEFINE_string("model", None, "preset, work folder or .keras file, of the attend form", required=True)
    flags.DEFINE_string("data", None, "folder with the data, or synthetic:KIND", required=True)
    flags.DEFINE_string("split", "val", "split to examine")
    flags.DEFINE_integer("images", 100, "synthetic images", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "of synthetic images", lower_bound=0)
    flags.DEFINE_integer("batches", 20, "training batches to examine", lower_bound=1)
    flags.DEFINE_string("json", None, "file for the figures")
    app.run(main)
