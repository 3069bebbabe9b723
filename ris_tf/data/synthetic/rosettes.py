"""Synthetic images of leaf rosettes on soil, seen from above, in the style of photographs."""

import numpy as np

from ris_tf.data.synthetic.scene import (
    F32,
    Shape,
    cast_shadow,
    drop_specks,
    frame_window,
    hsv,
    mix,
    noise,
    paint,
    photograph,
    random_light,
    step,
    visible,
)
from ris_tf.data.synthetic.soil import soil


def _leaf(plant: dict, cx, cy, angle, length, stalk, size) -> Shape | None:
    """Outline of one leaf that starts at (cx, cy) and points along `angle`; None if it is outside the image.

    Besides numbers, `extra` contains two coordinates, float32 [h, w]: `x`, 0..1 along the blade (negative on the
    stalk), and `q`, -1..1 across it.
    """
    rng = plant["rng"]
    c, s = F32(np.cos(angle)), F32(np.sin(angle))
    width = length * (1 - stalk) * plant["aspect"] * rng.uniform(0.85, 1.15) / 2
    bend = rng.normal(0, 0.11)
    found = frame_window(cx + c * length / 2, cy + s * length / 2, length * 0.56 + 6, size)
    if found is None:
        return None
    window, px, py = found
    px, py = px + c * F32(length / 2), py + s * F32(length / 2)
    u, v = (px * c + py * s) / F32(length), py * c - px * s
    v = v - F32(bend * length) * np.clip(u, 0, 1.1) ** 2
    # Half the width along the leaf, interpolated from a table: first the stalk, then x**a (1-x)**b for the blade.
    t = np.linspace(-0.15, 1.15, 261)
    x = np.clip((t - stalk) / (1 - stalk), 0, 1)
    a, b = plant["base"], plant["tip"]
    blade = x**a * (1 - x) ** b / ((a / (a + b)) ** a * (b / (a + b)) ** b) * width
    stem = max(0.9, plant["stem"] * length) * (1.1 - 0.4 * np.clip(t, 0, 1))
    half = np.maximum(blade, np.where(t < 0.5 + stalk / 2, stem, 0))
    half = np.where(t < 0, t * length, np.where(t > 1, (1 - t) * length, half))
    slope = np.hypot(1, np.clip(np.gradient(half, t * length), -3, 3))
    w, k = np.interp(u, t, half).astype(F32), np.interp(u, t, slope).astype(F32)
    x = (u - F32(stalk)) / F32(1 - stalk)
    wave = np.sin(x * F32(plant["teeth"] * 6.28) + np.where(v > 0, F32(rng.uniform(0, 6.28)), 0))
    w = w + F32(plant["serration"] * width) * wave * ((x > 0.05) & (x < 0.97))
    across = v / np.maximum(w, 1)
    return Shape(window, (w - np.abs(v)) / k, {"x": x, "q": across, "c": c, "s": s, "width": width, "length": length})


def _leaf_colour(plant: dict, leaf: Shape, age: float, light: np.ndarray) -> np.ndarray:
    """Colour of the lit surface of a leaf, float32 [h, w, 3]; `age` is 0 for the youngest leaf, 1 for the oldest."""
    rng, e = plant["rng"], leaf.extra
    x, q = np.clip(e["x"], -0.5, 1.2), np.clip(e["q"], -1.2, 1.2)
    texture = plant["texture"][leaf.window]
    side = np.tanh(q * 5)
    # Slopes along and across the leaf: arched, domed or hollow, folded at the midrib, puckered.
    along = rng.normal(0.1, 0.25) + plant["arch"] * rng.uniform(0.3, 1.5) * (x - 0.4)
    over = plant["dome"] * rng.uniform(0.5, 1.3) * q - plant["fold"] * rng.uniform(0.3, 1.4) * side
    veins = x * F32(plant["veins"]) - np.abs(q) * F32(plant["veins"] * 0.3)
    pucker = F32(plant["pucker"]) * np.sin(veins * 6.28) * np.clip(np.abs(q) * 2, 0, 1)
    nu, nv = -(along + pucker + 0.06 * texture), -(over + 0.08 * texture)
    inverse = 1 / np.sqrt(nu * nu + nv * nv + 1)
    lu, lv = light[0] * e["c"] + light[1] * e["s"], light[1] * e["c"] - light[0] * e["s"]
    lit = (nu * lu + nv * lv + light[2]) * inverse
    shine = np.clip((nu * lu + nv * lv + light[2] + 1) * inverse / np.sqrt(2 + 2 * light[2]), 0, 1)
    shade = plant["ambient"] + (1 - plant["ambient"]) * np.clip(lit, 0, 1) / max(light[2], 0.75)
    colour = hsv(
        plant["hue"] + rng.normal(0, 4) - 7 * (1 - age) * plant["young"],
        np.clip(plant["saturation"] + rng.normal(0, 0.05), 0.1, 0.85),
        plant["value"] * np.exp(rng.normal(0, 0.09) + plant["young"] * (0.5 - age) * 0.3),
    )
    pale = colour * F32(0.65) + F32(0.35) * hsv(72, 0.3, plant["value"] * 1.35)
    rib = np.exp(-((np.abs(q) * F32(e["width"]) / F32(max(0.7, 0.05 * e["width"]))) ** 2))
    fine = np.clip(np.cos(veins * 6.28), 0, 1) ** 8 * np.clip(1.1 - np.abs(q), 0, 1)
    detail = min(1.0, e["width"] / 14) * plant["contrast"]
    weight = np.maximum(np.maximum(rib, F32(0.45) * fine * (x > 0)) * F32(detail), step(-x, -0.04, 0.06) * F32(0.7))
    out = mix(colour, pale, weight)
    if rng.random() < 0.12 * age:  # an ageing leaf yellows from its edge
        out = mix(
            out, hsv(55, 0.6, plant["value"] * 1.2), step(np.abs(q) + 0.6 * x + 0.2 * texture, 0.6, 1.8) * F32(0.8)
        )
    rim = np.exp(-((leaf.dist / 1.3) ** 2)) * F32(rng.normal(0, 0.1))
    shade = shade * (1 + 0.05 * texture + rim) * (1 - 0.15 * step(0.3 - x, 0, 0.6))
    return out * shade[..., None] + (F32(plant["gloss"]) * shine**30)[..., None]


def _plant(rng, size: int, arabidopsis: bool) -> dict:
    """Traits shared by all leaves of one plant; lengths are relative to the rosette's radius or to the leaf."""
    plant = {
        "rng": rng,
        # rosette
        "leaves": 5 + int(round(15 * rng.beta(1.6, 2.2))),
        "stalk": rng.uniform(0.15, 0.45),
        "smallest": rng.uniform(0.14, 0.3),
        "bulge": rng.uniform(0.5, 1.1),
        # outline
        "aspect": rng.uniform(0.5, 0.95) if rng.random() < 0.7 else rng.uniform(0.3, 0.5),
        "base": rng.uniform(0.4, 0.8),
        "tip": rng.uniform(0.35, 0.75),
        "stem": rng.uniform(0.018, 0.04),
        "teeth": rng.integers(3, 9),
        "serration": max(0, rng.normal(0.01, 0.03)),
        # colour
        "hue": rng.uniform(74, 118),
        "saturation": rng.uniform(0.3, 0.72),
        "value": rng.uniform(0.4, 0.72),
        "young": rng.uniform(0, 1.3),
        # relief and light
        "arch": rng.uniform(-0.4, 0.9),
        "dome": rng.uniform(-0.5, 0.7),
        "fold": rng.uniform(0, 0.45),
        "veins": rng.uniform(4, 8),
        "pucker": rng.uniform(0, 0.15),
        "contrast": rng.uniform(0.3, 1),
        "gloss": rng.uniform(0, 0.25),
        "ambient": rng.uniform(0.2, 0.5),
        "texture": noise(rng, size, 1.2, 8.0) * F32(rng.uniform(0.2, 1)),
    }
    if arabidopsis:  # spoon-shaped, matt leaves on long stalks, the young ones crowded in the centre
        plant |= {
            "leaves": int(rng.integers(11, 21)),
            "stalk": rng.uniform(0.3, 0.52),
            "smallest": rng.uniform(0.07, 0.16),
            "bulge": rng.uniform(0.7, 1.4),
            "aspect": rng.uniform(0.55, 0.95),
            "base": rng.uniform(0.5, 0.9),
            "tip": rng.uniform(0.3, 0.5),
            "stem": rng.uniform(0.02, 0.035),
            "serration": abs(rng.normal(0, 0.012)),
            "hue": rng.uniform(72, 108),
            "saturation": rng.uniform(0.3, 0.65),
            "value": rng.uniform(0.45, 0.8),
            "contrast": rng.uniform(0.1, 0.6),
            "gloss": rng.uniform(0, 0.08),
            "pucker": rng.uniform(0, 0.05),
            "arch": rng.uniform(0, 0.8),
        }
    return plant


def rosettes(rng: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A leaf rosette on soil, seen from above; each leaf (with its stalk) is an instance.

    Two of three images look like Arabidopsis in a tray, with 11 to 20 leaves. The others vary more and have 5 to 20.

    Returns:
      image uint8 [size, size, 3] and labels uint16 [size, size], 0 = soil, 1..n = leaves, numbered from the oldest leaf
      (bottom) to the youngest (top).
    """
    light = random_light(rng)
    arabidopsis = rng.random() < 2 / 3
    canvas = soil(rng, size, light)
    plant = _plant(rng, size, arabidopsis)
    n = plant["leaves"]
    radius = rng.uniform(0.5, 1.0) * size / 2
    free = max(0.03 * size, 0.8 * (size / 2 - radius))
    cx, cy = size / 2 + rng.uniform(-1, 1, 2) * min(free, 0.13 * size)
    start = rng.uniform(0, 2 * np.pi)
    leaves = []
    for i in range(n):
        age = 1 - i / (n - 1)
        grown = plant["smallest"] + (1 - plant["smallest"]) * min(1, age / 0.85) ** plant["bulge"]
        length = radius * grown * np.clip(rng.normal(0.95, 0.09), 0.7, 1.05)
        if arabidopsis and age > 0.85:  # the first leaves stay small
            length *= rng.uniform(0.5, 0.9)
        angle = start + i * 2.39996 + rng.normal(0, 0.16)
        leaf = _leaf(
            plant,
            cx + rng.normal(0, 0.012) * size,
            cy + rng.normal(0, 0.012) * size,
            angle,
            length,
            plant["stalk"] * (0.35 + 0.65 * age) * rng.uniform(0.8, 1.15),
            size,
        )
        if leaf is not None:
            leaf.extra["age"] = age
            leaves.append(leaf)
    return _photographed(rng, canvas, light, plant, leaves, size)


def seedlings(rng: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A young plant of 3 to 12 leaves, anywhere on the soil and often small; each leaf is an instance.

    The plant is at most half as wide as the picture, and at least 32 pixels wide. Its two oldest leaves are the seed
    leaves, which are short and round.

    Returns:
      see `rosettes`.
    """
    light = random_light(rng)
    canvas = soil(rng, size, light)
    plant = _plant(rng, size, arabidopsis=rng.random() < 0.8)
    radius = 0.5 * max(32.0, size * np.exp(rng.uniform(np.log(0.06), np.log(0.55))))
    n = int(rng.integers(3, min(13, 4 + radius / 4)))  # so that each leaf has some pixels
    cx, cy = size / 2 + rng.uniform(-0.25, 0.25, 2) * size
    start, first, leaves = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.7), []
    for i in range(n):
        seed_leaf, age = i < 2, 1 - i / (n - 1)
        # The larger the plant, the smaller its seed leaves beside the others, which are largest in the middle.
        grown = first * (3 / n) ** 0.3 if seed_leaf else (0.35 + 0.65 * np.sin(np.pi * min(1, 0.15 + 0.85 * age)))
        shape = {"aspect": rng.uniform(0.8, 1.1), "base": 0.5, "tip": 0.4, "serration": 0.0} if seed_leaf else {}
        leaf = _leaf(
            plant | shape,
            cx + rng.normal(0, 0.03) * radius,
            cy + rng.normal(0, 0.03) * radius,
            start + (np.pi * i if seed_leaf else 1.2 + i * 2.39996) + rng.normal(0, 0.16),
            max(8.0, radius * grown * np.clip(rng.normal(0.95, 0.09), 0.7, 1.05)),
            plant["stalk"] * rng.uniform(0.8, 1.3),
            size,
        )
        if leaf is not None:
            leaf.extra["age"] = age
            leaves.append(leaf)
    return _photographed(rng, canvas, light, plant, leaves, size, 2 * radius)


def _photographed(rng, canvas, light, plant, leaves, size, width=None):
    """Paints leaves, from bottom to top, with their shadows; `width` is that of the plant, None for all of the picture.

    Returns:
      see `rosettes`.
    """
    width = width or size
    leaves, labels = visible(leaves, size, keep=0.12)
    strength, lift = rng.uniform(0.25, 0.6), rng.uniform(0.01, 0.03) * width
    for leaf in leaves:
        drop = lift * (0.5 + leaf.extra["age"]) * np.tan(np.arccos(light[2]))
        flat = light[:2] / np.linalg.norm(light[:2])
        dx, dy = np.round(-flat * drop).astype(int)
        cast_shadow(canvas, leaf, int(dx), int(dy), 1.5 + lift * 0.5, strength)
        cast_shadow(canvas, leaf, 0, 0, 3.0, 0.25)
        paint(canvas, leaf, _leaf_colour(plant, leaf, leaf.extra["age"], light))
    return photograph(rng, canvas, rng.uniform(0.2, 1.0) * size / 256), drop_specks(labels)
