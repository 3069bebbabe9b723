"""Monitoring of a training run: progress bar, TensorBoard, and a stop if the loss becomes NaN or infinite."""

import math

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from ris_tf.errors import DataError
from ris_tf.files import tensorflow_errors
from ris_tf.instances.visualize import overlay

_SIDE = 1024  # longest side of images in TensorBoard, pixels; its files store them again for every measurement


class Progress(keras.callbacks.Callback):
    """Keras callback with a progress bar over the whole training: images per second, time left and loss.

    While TensorFlow compiles, which a curriculum makes it do again, the bar is labelled "compiling".

    Args:
      config: config of the run.
      done: number of training steps of earlier runs.
    """

    def __init__(self, config, done):
        super().__init__()
        self.config, self.done, self.bar, self._compiled = config, done, None, None

    def on_train_begin(self, logs=None):
        batch = self.config.train.batch
        total = self.config.train.steps * batch
        self.bar = tqdm(total=total, initial=self.done * batch, unit=" images", desc="compiling", smoothing=0.05)
        self._compiled = self.model.steps

    def on_train_batch_end(self, batch, logs=None):
        label = "training" if self.model.steps == self._compiled else "compiling"
        self._compiled = self.model.steps
        if label != self.bar.desc:
            self.bar.set_description_str(label)
        self.bar.update(self.config.train.batch)
        self.bar.set_postfix({name: f"{float(logs[name]):.3f}" for name in ("loss", "matched_iou")}, refresh=False)

    def close(self):
        """Closes the bar. Call it also after an error, because Keras does not notify callbacks of errors."""
        if self.bar:
            self.bar.close()


class FiniteLoss(keras.callbacks.Callback):
    """Keras callback that ends the training at the first loss that is NaN or infinite, and names the images.

    The checkpoints of the last measurement are kept. The broken weights are not saved.

    Args:
      names: function of the number of a training step, counted from 0, that returns the names of its images.
      done: number of training steps of earlier runs.
    """

    def __init__(self, names, done):
        super().__init__()
        self.names, self.done = names, done

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["batch_loss"])
        if math.isfinite(loss):
            return
        step = self.done + batch  # not the optimizer's count, which omits batches that mixed_float16 skips
        raise DataError(
            f"{', '.join(self.names(step))}: the loss became {loss} at step {step + 1}, on these images; check them, "
            "or lower train.learning_rate; the last checkpoint is kept"
        )


def each(*reports):
    """One function (model, row) that calls several, of which some may be None."""

    def report(model, row):
        for one in filter(None, reports):
            one(model, row)

    return report


class TensorBoard:
    """Writes measurements, the steps of the curriculum, and overlays of validation images for TensorBoard.

    Args:
      folder: Path of the folder of the event files; created with the first file.
      pictures: list of (image, labels) whose predictions are shown.
    """

    def __init__(self, folder, pictures):
        self.folder, self.pictures, self.writer = folder, pictures, None

    def write(self, model, row):
        """Writes a row of the log, and overlays of what the model finds with its current weights.

        Args:
          model: RIS.
          row: dict, a row of the log, see `checkpoints.Checkpoints`.

        Raises:
          OSError: the events cannot be written.
        """
        with tensorflow_errors.writing(self.folder):
            self.writer = self.writer or tf.summary.create_file_writer(str(self.folder))
            self._write(model, row)
            self.writer.flush()

    def _write(self, model, row):
        step = row["step"]
        with self.writer.as_default():
            for name, value in row.items():
                if name not in ("step", "recurrence_steps"):
                    group = "validation" if name.startswith("val_") else "training"
                    tf.summary.scalar(f"{group}/{name.removeprefix('val_')}", value, step)
            tf.summary.scalar("training/steps_of_the_recurrence", row["recurrence_steps"], step)
            tf.summary.scalar("training/learning_rate", float(model.optimizer.learning_rate), step)
            for index, (image, _) in enumerate(self.pictures):
                drawn = Image.fromarray(overlay(image, model.predict_instances(image).labels))
                drawn.thumbnail((_SIDE, _SIDE))
                tf.summary.image(f"validation/{index}", np.asarray(drawn)[None], step)
