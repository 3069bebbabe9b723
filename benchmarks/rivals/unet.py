"""Rival: a small U-Net in Keras that classifies background, interior and border, then watershed from the interiors."""

import time

import keras
import numpy as np
from scipy import ndimage
from skimage.segmentation import find_boundaries, watershed

SIDE = 256  # side of a training crop, pixels
DEPTH = 4
BORDER = 5.0  # weight of border pixels in the loss, because they are few
LEAST = 12  # pixels; smaller interiors are dropped


def build(channels, width=16):
    """Builds a U-Net with about half a million parameters: [B, H, W, channels] -> probabilities [B, H, W, 3]."""

    def block(x, filters):
        for _ in range(2):
            x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = keras.layers.Activation("relu")(keras.layers.BatchNormalization(momentum=0.9)(x))
        return x

    inputs = x = keras.Input((None, None, channels))
    skips = []
    for level in range(DEPTH):
        x = block(x, width * 2**level)
        skips.append(x)
        x = keras.layers.MaxPooling2D()(x)
    x = block(x, width * 2**DEPTH)
    for level in reversed(range(DEPTH)):
        x = keras.layers.Conv2DTranspose(width * 2**level, 2, strides=2)(x)
        x = block(keras.layers.Concatenate()([x, skips[level]]), width * 2**level)
    return keras.Model(inputs, keras.layers.Conv2D(3, 1, activation="softmax")(x))


def classes(labels):
    """Classes of the pixels of a label map, uint8 [H, W]: 0 background, 1 interior, 2 border (outermost two pixels)."""
    interior = labels
    for _ in range(2):
        interior = np.where(find_boundaries(interior, mode="inner"), 0, interior)
    return np.where(interior > 0, 1, 2 * (labels > 0)).astype(np.uint8)


def _crop(rng, image, target):
    """A random crop of an image and its classes, flipped, turned and changed in brightness and contrast."""
    missing = [(0, max(0, SIDE - length)) for length in target.shape]
    image, target = np.pad(image, [*missing, (0, 0)], mode="reflect"), np.pad(target, missing)
    top, left = (rng.integers(length - SIDE + 1) for length in target.shape)
    image, target = image[top : top + SIDE, left : left + SIDE], target[top : top + SIDE, left : left + SIDE]
    turns = rng.integers(4)
    image, target = np.rot90(image, turns), np.rot90(target, turns)
    if rng.random() < 0.5:
        image, target = image[:, ::-1], target[:, ::-1]
    return image * rng.uniform(0.6, 1.6) + rng.uniform(-0.1, 0.1), target


def train(images, labels, minutes, batch=4):
    """Trains a U-Net from scratch for a given time.

    Args:
      images: list of float32 [H, W, C], normalised.
      labels: list of int [H, W].
      minutes: duration of the training.
      batch: crops per step.

    Returns:
      keras.Model.
    """
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    targets = [classes(each) for each in labels]
    model = build(images[0].shape[2])
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    start = time.monotonic()
    while (spent := (time.monotonic() - start) / (60 * minutes)) < 1:
        model.optimizer.learning_rate = 1e-3 * (0.01 + 0.99 * (1 + np.cos(np.pi * spent)) / 2)
        chosen = rng.integers(len(images), size=batch)
        crops = [_crop(rng, images[i], targets[i]) for i in chosen]
        target = np.stack([c[1] for c in crops])
        model.train_on_batch(np.stack([c[0] for c in crops]), target, np.where(target == 2, BORDER, 1.0))
    return model


def segment(model, image):
    """Segments one image.

    Args:
      model: keras.Model from `build`.
      image: float32 [H, W, C], normalised.

    Returns:
      int labels [H, W].
    """
    height, width = image.shape[:2]
    multiple = 2**DEPTH
    padded = np.pad(image, [(0, -height % multiple), (0, -width % multiple), (0, 0)], mode="edge")
    chance = np.asarray(model.predict_on_batch(padded[None]))[0, :height, :width]
    pieces, _ = ndimage.label(chance.argmax(-1) == 1)
    markers = np.where(np.bincount(pieces.ravel())[pieces] >= LEAST, pieces, 0)
    return watershed(-chance[..., 1], markers, mask=chance[..., 0] < 0.5)
