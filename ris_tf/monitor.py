"""What watches a training while it runs: the progress bar, the stop at a loss that is no number, TensorBoard."""

import math

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from ris_tf import disk
from ris_tf.errors import DataError
from ris_tf.visualize import overlay

_SIDE = 1024  # of the pictures in TensorBoard at most, pixels: its files hold them again for every measurement


class Progress(keras.callbacks.Callback):
    """Progress bar over the whole training: images per second, time left, the loss.

    Args:
      config: of the run.
      done: training steps of earlier runs.
    """

    def __init__(self, config, done):
        super().__init__()
        self.config, self.done, self.bar = config, done, None

    def on_train_begin(self, logs=None):
        batch = self.config.train.batch
        total = self.config.train.steps * batch
        self.bar = tqdm(total=total, initial=self.done * batch, unit=" images", desc="training", smoothing=0.05)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update(self.config.train.batch)
        self.bar.set_postfix({name: f"{float(logs[name]):.3f}" for name in ("loss", "matched_iou")}, refresh=False)

    def close(self):
        """Ends the bar's line, also after an error, which Keras tells nobody."""
        if self.bar:
            self.bar.close()


class FiniteLoss(keras.callbacks.Callback):
    """Ends the training at the first loss that is NaN or infinite, naming the images of the batch.

    The checkpoints stay those of the last measurement: nothing of the broken weights is saved.

    Args:
      names: function of the number of a training step, from 0, giving the names of its images.
      done: training steps of earlier runs.
    """

    def __init__(self, names, done):
        super().__init__()
        self.names, self.done = names, done

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["batch_loss"])
        if math.isfinite(loss):
            return
        step = self.done + batch  # not the optimizer's, which under mixed_float16 leaves batches out
        raise DataError(
            f"{', '.join(self.names(step))}: the loss became {loss} at step {step + 1}, at these images; look at them, "
            "or lower train.learning_rate; the last checkpoint is kept"
        )


class TensorBoard:
    """Writes what was measured, the steps of the curriculum, and overlays of validation images.

    Args:
      folder: Path of the event files, made with the first of them.
      pictures: [(image, labels)] to draw.
    """

    def __init__(self, folder, pictures):
        self.folder, self.pictures, self.writer = folder, pictures, None

    def write(self, model, row):
        """Writes a row of the log, as of `checkpoints.Checkpoints`, and draws with the weights that the model has.

        Raises:
          OSError: the events cannot be written.
        """
        with disk.writing(self.folder):
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
