"""What watches a training while it runs: the progress bar, the stop at a loss that is no number, TensorBoard."""

import math

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ris_tf.errors import DataError
from ris_tf.visualize import overlay


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

    def on_train_end(self, logs=None):
        self.bar.close()


class FiniteLoss(keras.callbacks.Callback):
    """Ends the training at the first loss that is NaN or infinite, naming the images of the batch.

    The checkpoints stay those of the last measurement: nothing of the broken weights is saved.

    Args:
      names: function of the number of a training step, from 0, giving the names of its images.
    """

    def __init__(self, names):
        super().__init__()
        self.names = names

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["batch_loss"])
        if math.isfinite(loss):
            return
        step = int(self.model.optimizer.iterations.numpy())
        raise DataError(
            f"{', '.join(self.names(step - 1))}: the loss became {loss} at step {step}, at these images; look at them, "
            "or lower train.learning_rate; the last checkpoint is kept"
        )


class TensorBoard(keras.callbacks.Callback):
    """Writes what a checkpoint measured, the steps of the curriculum, and overlays of validation images.

    Args:
      folder: Path of the event files.
      pictures: [(image, labels)] to draw.
    """

    def __init__(self, folder, pictures):
        super().__init__()
        self.writer, self.pictures = tf.summary.create_file_writer(str(folder)), pictures

    def on_epoch_end(self, epoch, logs=None):
        step = int(self.model.optimizer.iterations.numpy())
        with self.writer.as_default():
            for name, value in logs.items():
                group = "validation" if name.startswith("val_") else "training"
                tf.summary.scalar(f"{group}/{name.removeprefix('val_')}", float(value), step)
            tf.summary.scalar("training/steps_of_the_recurrence", self.model.steps, step)
            tf.summary.scalar("training/learning_rate", float(self.model.optimizer.learning_rate), step)
            for index, (image, _) in enumerate(self.pictures):
                drawn = overlay(image, self.model.predict_instances(image).labels)
                tf.summary.image(f"validation/{index}", np.asarray(drawn)[None], step)
        self.writer.flush()
