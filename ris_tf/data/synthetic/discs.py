"""Synthetic images of overlapping shaded discs: balls, coins, glowing blobs and translucent cells."""

import numpy as np

from ris_tf.data.synthetic.scene import (
    F32,
    Shape,
    cast_shadow,
    drop_specks,
    ellipse,
    emboss,
    hsv,
    noise,
    paint,
    photograph,
    random_light,
    smooth,
    step,
    visible,
)


def place(rng, size: int, heaped: bool, sizes: float = 0.25) -> list[Shape]:
    """Places shapes at random positions.

    Args:
      rng: np.random.Generator.
      size: side of the image in pixels.
      heaped: False for up to 30 shapes that overlap by at most about 40%, True for up to 20 that overlap much more.
      sizes: largest standard deviation of the logarithm of the radii.

    Returns:
      list of Shape, from bottom to top.
    """
    base = size * (0.06 * 2.3 ** rng.random() if heaped else 0.03 * 6 ** rng.random())
    jitter, gap = rng.uniform(0, sizes), rng.uniform(0.2, 0.5) if heaped else rng.uniform(0.52, 1.1)
    stretch = rng.choice([0.0, rng.uniform(0, 0.25), rng.uniform(0.2, 0.7)])
    wobble = rng.choice([0.0, 0.0, rng.uniform(0.02, 0.15)])
    wanted = 0 if rng.random() < 0.03 else int(rng.integers(5, 21) if heaped else rng.integers(1, 31))
    clustered = 0.9 if heaped else rng.choice([0.0, 0.4, 0.85])
    centres, shapes = [], []
    for _ in range(wanted * 6):
        radius = base * np.clip(np.exp(rng.normal(0, jitter)), 0.6, 1.6)
        if centres and rng.random() < clustered:
            x0, y0, r0 = centres[rng.integers(len(centres))]
            angle, away = rng.uniform(0, 6.28), (radius + r0) * gap * rng.uniform(1, 1.3)
            x, y = x0 + np.cos(angle) * away, y0 + np.sin(angle) * away
        else:
            x, y = rng.uniform(0, size, 2)
        inside = -0.3 * radius < min(x, y) and max(x, y) < size + 0.3 * radius
        if inside and all(np.hypot(x - a, y - b) > gap * (radius + r) for a, b, r in centres):
            shape = ellipse(rng, x, y, radius, size, stretch, wobble)
            if shape is not None:
                centres.append((x, y, radius))
                shapes.append(shape)
        if len(shapes) == wanted:
            break
    return shapes


def _disc_colour(rng, look: str, shape: Shape, tone, light, relief) -> tuple:
    """Colour [h, w, 3] and opacity (number or [h, w, 1]) of one shape; `look` is "ball", "coin", "glow" or "cell"."""
    e = shape.extra
    rho, lit = np.clip(e["rho"], 0, 1.2), e["nx"] * light[0] + e["ny"] * light[1]
    if look == "ball":
        z = np.sqrt(np.clip(1 - rho * rho, 0, 1))
        shade = 0.35 + 0.75 * np.clip(lit + z * light[2], 0, 1)
        shine = np.clip(lit * 0.5 + z * (1 + light[2]) / 2, 0, 1) ** 40 * F32(rng.uniform(0, 0.4))
        return tone * shade[..., None] + shine[..., None], 1.0
    if look == "coin":
        rim = np.exp(-(((rho - 0.9) / 0.06) ** 2))
        edge = np.exp(-(((rho - 0.97) / 0.05) ** 2))
        face = relief[shape.window] * step(0.85 - rho, 0, 0.1)
        shade = 0.85 + 0.2 * rim + face + 0.35 * edge * lit + rng.uniform(-0.3, 0.3) * lit
        return tone * shade[..., None], 1.0
    if look == "glow":
        power = np.clip(1 - rho**2, 0, 1) ** F32(rng.uniform(0.2, 0.7))
        shade = 0.55 + 0.6 * power + 0.5 * relief[shape.window]
        return tone * shade[..., None], 0.95
    # "cell": a bright or dark rim, nearly transparent inside, often with a nucleus
    ring = np.exp(-((shape.dist / F32(max(1.2, 0.02 * relief.shape[0]))) ** 2))
    spot = np.hypot(e["nx"] - rng.uniform(-0.3, 0.3), e["ny"] - rng.uniform(-0.3, 0.3))
    spot = step(0.45 - spot, 0, 0.15) * F32(rng.uniform(0, 0.6))
    colour = tone * (1 + 0.3 * relief[shape.window] - 0.3 * spot)[..., None]
    return colour, np.clip(F32(rng.uniform(0.3, 0.5)) + ring * 0.6 + spot, 0, 1)[..., None]


def heaps(rng: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Discs as in `discs`, 5 to 20, lying in heaps, so that often only a crescent or two corners are visible."""
    return discs(rng, size, heaped=True)


def discs(rng: np.random.Generator, size: int = 256, heaped: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping coins, berries, glowing blobs or cells; each is an instance.

    Returns:
      image uint8 [size, size, 3] and labels uint16 [size, size], 0 = background, 1..n = the discs (0 to 30), numbered
      from bottom to top.
    """
    light = random_light(rng)
    looks = ["ball", "coin", "glow"]
    # No cells in heaps: they are transparent, so nobody could tell which of them is on top.
    look = str(rng.choice(looks if heaped else [*looks, "cell"]))
    shapes, labels = visible(place(rng, size, heaped), size, keep=0.15 if heaped else 0.25)
    brighter = rng.random() < 0.75
    low, high = (rng.uniform(0.02, 0.4), rng.uniform(0.5, 0.95))
    back, front = (low, high) if brighter else (high, low + 0.1)
    hue, grey = rng.uniform(0, 360), rng.random() < 0.4
    colourful = 0.0 if grey else rng.uniform(0.1, 0.8)
    if look == "coin":
        colourful *= 0.6
    ground = hsv(rng.uniform(0, 360), 0 if grey else rng.uniform(0, 0.5), back)
    uneven = smooth(rng, size, int(rng.integers(1, 5))) * F32(rng.uniform(0, 0.4))
    grain = noise(rng, size, 1.0, 8.0)
    canvas = ground * np.maximum(1 + uneven + F32(rng.uniform(0, 0.12)) * grain, 0.3)[..., None]
    relief = emboss(np.tanh(2 * smooth(rng, size, max(12, size // 12))), light) * F32(rng.uniform(0.2, 0.7))
    if look == "coin":  # an embossed head or figure, which is bolder and larger than the grain of the surface
        figure = emboss(np.tanh(4 * smooth(rng, size, int(rng.integers(10, 45)))), light)
        relief += figure / figure.std() * F32(rng.uniform(0, 0.25))
    relief += F32(0.04) * grain
    spread, several = rng.uniform(0, 0.22), rng.random() < 0.25
    shadow = 0.0 if look in ("glow", "cell") else rng.uniform(0, 0.6)
    far = rng.uniform(0.005, 0.025) * size
    for shape in shapes:
        turn = rng.uniform(0, 360) if several else rng.normal(0, 8)
        tone = hsv(hue + turn, colourful, np.clip(front * np.exp(rng.normal(0, spread)), 0.05, 1))
        colour, opacity = _disc_colour(rng, look, shape, tone, light, relief)
        if shadow:
            dx, dy = (int(round(-far * 2 * a)) for a in light[:2])
            cast_shadow(canvas, shape, dx, dy, 1 + far, shadow)
        paint(canvas, shape, colour, opacity)
    blur = rng.uniform(0.2, 1.3) * (1.6 if look == "glow" else 1.0) * size / 256
    return photograph(rng, canvas, blur), drop_specks(labels)
