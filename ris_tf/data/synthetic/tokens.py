"""Synthetic images of plain discs in heaps, like game tokens, that differ only in colour or outline."""

import numpy as np

from ris_tf.data.synthetic.discs import place
from ris_tf.data.synthetic.scene import F32, drop_specks, hsv, paint, photograph, smooth, step, visible


def _colours(rng, count: int, grey: bool, brightest: float) -> np.ndarray:
    """Random colours float32 [count, 3]; each is the one of five candidates that is farthest from all before it."""
    colours = np.zeros((0, 3), F32)
    for _ in range(count):
        strength = [0.0 if grey else rng.uniform(0.1, 0.9) for _ in range(5)]
        some = np.stack([hsv(rng.uniform(0, 360), each, rng.uniform(0.05, brightest)) for each in strength])
        away = np.abs(some[:, None] - colours[None]).sum(axis=2).min(axis=1, initial=9.0)
        colours = np.concatenate([colours, some[away.argmax()][None]])
    return colours


def tokens(rng: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Flat discs, 5 to 20 in heaps or, in a quarter of the images, up to 30 that overlap less; each is an instance.

    In half of the images, all discs have an outline. In half of these, all discs also have the same colour.

    Returns:
      image uint8 [size, size, 3] and labels uint16 [size, size], 0 = background, 1..n = the discs, numbered from bottom
      to top.
    """
    heaped = rng.random() < 0.75
    shapes, labels = visible(place(rng, size, heaped, sizes=0.45), size, keep=0.12)
    outlined, grey = rng.random() < 0.5, rng.random() < 0.4
    line = F32(rng.choice([0.3, 0.5, 1.6])) if outlined else F32(1.0)
    ground, *fills = _colours(rng, len(shapes) + 1, grey, 0.5 if line > 1 else 0.85)
    if outlined and rng.random() < 0.5:
        fills = fills[:1] * len(shapes)
    width = rng.uniform(0.005, 0.014) * size
    uneven = smooth(rng, size, int(rng.integers(1, 5))) * F32(rng.choice([0.0, rng.uniform(0, 0.08)]))
    canvas = ground * np.maximum(1 + uneven, 0.5)[..., None]
    slope = rng.choice([0.0, rng.uniform(0, 0.2)])  # slight shading across each disc
    for shape, fill in zip(shapes, fills, strict=True):
        inner = step(shape.dist, width - 0.6, width + 0.6) if outlined else np.ones_like(shape.dist)
        edge = np.clip(fill * line + (F32(0.1) if line > 1 else 0), 0, 1)
        shade = 1 + F32(slope) * shape.extra["nx"]
        paint(canvas, shape, (edge + (fill * shade[..., None] - edge) * inner[..., None]).astype(F32))
    return photograph(rng, canvas, rng.uniform(0.2, 1.0) * size / 256), drop_specks(labels)
