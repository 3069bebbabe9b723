"""Measurements on this machine: which preset to start from, and how many training steps fit into the time."""

import time

import keras
import numpy as np

from ris_tf import model as models
from ris_tf import presets, storage
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records, areas_of, median_diameter
from ris_tf.evaluation import metrics
from ris_tf.planning import rules
from ris_tf.training import precision, start

_IMAGES = 4  # on which presets are tried
_STEPS = 12  # timed training steps
_MEASUREMENTS = 8  # times that the validation images are measured during training, at most
_TUNING = 12  # times that an image is looked at when thresholds are tuned
_MEASURING = 0.25  # largest share of the time for what is not training
_FEW, _VALIDATION = 6, 24  # images; with fewer the best weights would be chosen by chance
_LEAST = 100  # training steps


def best_start(config, names, source):
    """Tries presets, as they are and with their thresholds, on a few training images.

    Args:
      config: ConfigDict of the run.
      names: list of presets with the same network.
      source: list of (name, read).

    Returns:
      name: the preset with the highest SBD.
      figures: {name: SBD}.
      seconds: float, time that an image takes.
    """
    chosen = [source[i][1]() for i in np.unique(np.linspace(0, len(source) - 1, _IMAGES).round().astype(int))]
    figures, began = {}, None
    for name in names:
        model = models.build(rules.applied(config, rules.thresholds(name, presets.find(name)[0]["predict"])))
        start.copy_weights(model, storage.load(name), name)
        _find(model, *chosen[0])  # compiles
        began = time.perf_counter()
        rows = [metrics.evaluate_image(truth, _find(model, image, truth).labels) for image, truth in chosen]
        figures[name] = metrics.summarise(rows)["sbd"]
    seconds = (time.perf_counter() - began) / len(chosen)
    return max(figures, key=figures.get), figures, seconds


def _find(model, image, truth):
    """Finds the objects of an image; tiles are looked at with the zoom that its true objects need.

    A network that was not trained on such objects often finds a zoom at which an image takes many times as long.
    """
    areas = areas_of(truth)
    if model.config.data.view != "tiles" or not areas.size:
        return model.predict_instances(image)
    return model.predict_instances(image, diameter=median_diameter(areas))


def step_seconds(config, source):
    """Measures a few training steps.

    Args:
      config: ConfigDict of the run.
      source: list of (name, read).

    Returns:
      step: float, seconds of a training step.
      compiling: float, seconds that the first step takes longer.
    """
    records = Records(source[: 2 * config.train.batch], config)
    model = start.model_of(config, precision.choose(config), None, None, None)
    times = []
    timer = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: times.append(time.perf_counter()))
    batches = pipeline.training_batches(records, config)
    began = time.perf_counter()
    model.fit(batches, steps_per_epoch=_STEPS, shuffle=False, verbose=0, callbacks=[timer])
    step = float(np.median(np.diff(times[_STEPS // 3 :])))
    return step, max(0.0, times[0] - began - step)


def schedule(hours, spent, step, image, held_out):
    """Divides the time among training, the measurements on validation images, and the tuning of thresholds.

    Args:
      hours: float, time that the user gives.
      spent: float, seconds that are over already.
      step: float, seconds of a training step.
      image: float, seconds in which an image is predicted.
      held_out: int, number of validation images that there are.

    Returns:
      steps: int, number of training steps, at least 100.
      validation: int, number of validation images to use. They take at most a quarter of the time, unless they are few.
      measurements: int, number of times that they are measured during training; fewer if that takes long.
    """
    looks = _MEASURING * 3600 * hours / image
    validation = min(held_out, _VALIDATION, max(_FEW, int(looks / (_MEASUREMENTS + _TUNING))))
    measurements = min(_MEASUREMENTS, max(2, int(looks / max(validation, 1)) - _TUNING))
    left = 3600 * hours - spent - validation * image * (measurements + _TUNING)
    return max(_LEAST, int(left / step)), validation, measurements
