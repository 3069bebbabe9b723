"""The ground of drawn plants: potting soil, with stones, moss and pots."""

import numpy as np

from ris_tf.data.synthetic.scene import (
    F32,
    cast_shadow,
    ellipse,
    emboss,
    hsv,
    mix,
    noise,
    paint,
    smooth,
    step,
)


def soil(rng, size: int, light: np.ndarray) -> np.ndarray:
    """Potting soil, sometimes with stones, moss and the rim of a pot; float32 [size, size, 3]."""
    rough = noise(rng, size, float(rng.choice([0.8, 1.0, 1.2])), float(rng.choice([6, 12, 24])))
    if rng.random() < 0.7:  # crumbs: rounded lumps that meet in dark creases
        rough = np.maximum(rough, rough.T[::-1]) - F32(0.56)
    patches = smooth(rng, size, int(rng.integers(3, 8)))
    value, hue = rng.uniform(0.12, 0.42), rng.uniform(8, 40)
    saturation = rng.choice([rng.uniform(0.05, 0.25), rng.uniform(0.25, 0.6)])
    dark = hsv(hue, saturation, value * rng.uniform(0.2, 0.5))
    pale = hsv(hue + rng.uniform(-6, 12), saturation * rng.uniform(0.6, 1), value * 1.4)
    soil = mix(dark, pale, step(rough + rng.uniform(0.2, 0.7) * patches, -2.0, 2.4))
    soil *= np.clip(1 + rng.uniform(0.15, 0.6) * emboss(rough, light), 0.25, 2)[..., None]
    for _ in range(int(rng.integers(0, 60)) * int(rng.random() < 0.6)):  # straws of peat
        at, angle, length = rng.uniform(0, size, 2), rng.uniform(0, np.pi), rng.exponential(0.03)
        t = np.arange(3 + length * size)
        curve = rng.normal(0, 0.01) * t * t
        x = np.int32(at[0] + np.cos(angle) * t - np.sin(angle) * curve) % size
        y = np.int32(at[1] + np.sin(angle) * t + np.cos(angle) * curve) % size
        soil[y, x] = soil[y, x] * F32(0.5) + F32(rng.uniform(0.2, 0.7)) * pale
    if rng.random() < 0.4:  # moss and algae
        moss = step(patches + 0.5 * rough, rng.uniform(0.6, 1.6), 2.4) * F32(rng.uniform(0.3, 0.8))
        green = hsv(rng.uniform(65, 110), rng.uniform(0.3, 0.6), value * rng.uniform(0.8, 1.3))
        soil = mix(soil, green * (1 + 0.3 * rough[..., None]), moss)
    for _ in range(int(rng.integers(0, 40)) * int(rng.random() < 0.6)):  # stones, perlite
        radius = rng.uniform(0.003, 0.013) * size
        found = ellipse(rng, rng.uniform(0, size), rng.uniform(0, size), radius, size, 0.3, 0.1)
        if found:
            tone = hsv(hue + 10, rng.uniform(0, 0.3), value * rng.uniform(0.6, 2.2))
            cast_shadow(soil, found, -int(2 * light[0]), -int(2 * light[1]), 2, 0.4)
            nx, ny = found.extra["nx"], found.extra["ny"]
            lit = 0.75 + 0.5 * (nx * light[0] + ny * light[1])
            paint(soil, found, tone * lit[..., None], 0.9)
    if rng.random() < 0.4:
        soil = _pot(rng, soil, light)
    return soil


def _pot(rng, soil: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Draws the rim of a round or square pot, and the tray around it, over the soil; returns float32 like `soil`."""
    size = soil.shape[0]
    axis = np.arange(size, dtype=F32) / size - F32(0.5)
    shift, turn = rng.normal(0, 0.03, 2), rng.normal(0, 0.06)
    x, y = axis[None] - F32(shift[0]), axis[:, None] - F32(shift[1])
    x, y = x + F32(turn) * y, y - F32(turn) * x
    rho = np.hypot(x, y) if rng.random() < 0.5 else (x**6 + y**6) ** F32(1 / 6)
    radius, width = rng.uniform(0.42, 0.56), rng.uniform(0.015, 0.05)
    if rng.random() < 0.3:
        plastic = hsv(rng.uniform(-12, 14), rng.uniform(0.6, 0.9), rng.uniform(0.25, 0.7))  # red
    else:
        plastic = hsv(rng.uniform(0, 360), rng.uniform(0, 0.15), rng.choice([0.07, 0.12, 0.2, 0.6]))
    across = (rho - F32(radius)) / F32(width)  # 0 at the inner edge of the rim, 1 at the outer one
    facing = (x * light[0] + y * light[1]) / np.maximum(rho, F32(0.05))
    bevel = 1 + 0.6 * np.exp(-(((across - 0.5) / 0.25) ** 2)) - 0.5 * facing * (across - 0.5)
    tray = plastic * rng.uniform(0.3, 1.1) * (1 + 0.1 * smooth(rng, size, 6))[..., None]
    soil = soil * (1 - 0.6 * step(across, -2, 0))[..., None]
    soil = mix(soil, plastic * bevel[..., None], step(across, -0.08, 0.08))
    return mix(soil, tray, step(across, 0.95, 1.1)).astype(F32)
