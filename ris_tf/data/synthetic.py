"""Synthetic instance-segmentation images, drawn procedurally with NumPy and SciPy.

Every generator returns ``(image, labels)``: ``image`` is uint8 ``[size, size, 3]`` (RGB, 0..255)
and ``labels`` is uint16 ``[size, size]`` with 0 for the background and 1..n, consecutive, for the
instances.  A label covers what is *visible* of its instance after occlusion.

Inside this module images are float32 ``[size, size, 3]`` with values around 0..1, and lengths are
pixels.  A shape is a window of the frame with a signed distance (positive inside) for each pixel,
so that edges and soft shadows come without any supersampling or blurring.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from ris_tf.errors import UsageError

MIN_PIXELS = 12  # an instance with fewer visible pixels is not drawn
F32 = np.float32


# --------------------------------------------------------------------------- shared pieces


@dataclass
class Shape:
    """One instance: ``window`` indexes the frame; ``dist`` float32 [h, w] is positive inside."""

    window: tuple[slice, slice]
    dist: np.ndarray
    extra: dict = field(default_factory=dict)


@lru_cache(maxsize=64)
def _spectrum(size: int, beta: float, lowest: float) -> np.ndarray:
    """Amplitudes of 1/f**beta noise, flat below `lowest`: float32 [size, size // 2 + 1]."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) * size
    return np.where(f > 0, np.maximum(f, lowest) ** -beta, 0).astype(F32)


def _noise(rng, size: int, beta: float = 1.2, lowest: float = 2.0) -> np.ndarray:
    """Multi-octave noise, float32 [size, size], mean 0, deviation about 1; flat below `lowest`."""
    amplitude = _spectrum(size, beta, lowest)
    re, im = rng.standard_normal((2, *amplitude.shape), dtype=F32)
    out = fft.irfft2((re + 1j * im) * amplitude, s=(size, size))
    return out / out.std()


@lru_cache(maxsize=64)
def _upsampling(size: int, cells: int) -> np.ndarray:
    """Weights that spread cells + 2 values smoothly over `size` pixels, float32 [size, cells+2]."""
    away = np.arange(size)[:, None] * (cells / size) + 0.5 - np.arange(cells + 2)
    weight = np.exp(-((away / 0.7) ** 2))
    return (weight / weight.sum(axis=1, keepdims=True)).astype(F32)


def _smooth(rng, size: int, cells: int) -> np.ndarray:
    """Slowly varying noise with about `cells` bumps a side, float32 [size, size], deviation ~1."""
    spread = _upsampling(size, cells)
    low = rng.standard_normal((cells + 2, cells + 2), dtype=F32)
    # einsum rather than @: one thread, and the same sums whatever the BLAS.
    out = np.einsum("ib,jb->ij", np.einsum("ia,ab->ib", spread, low), spread)
    return out / out.std()


def _step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Linear ramp from 0 at `low` to 1 at `high`, clipped."""
    return np.clip((x - low) / (high - low), 0, 1)


def _mix(a, b, weight: np.ndarray) -> np.ndarray:
    """a where `weight` [h, w] is 0, b where it is 1; colours broadcast to [h, w, 3]."""
    w = weight[..., None]
    return np.asarray(a, F32) * (1 - w) + np.asarray(b, F32) * w


def _hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """RGB float32 [3] of a colour; hue in degrees, the rest 0..1."""
    k = (np.array([5, 3, 1]) + hue / 60) % 6
    return (value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))).astype(F32)


def _emboss(height: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Slope of `height` facing the light, [h, w]; light is a unit vector (x, y, z)."""
    out = np.zeros_like(height)
    out[1:-1, 1:-1] = (light[0] * (height[1:-1, :-2] - height[1:-1, 2:])
                       + light[1] * (height[:-2, 1:-1] - height[2:, 1:-1]))
    return out


def _light(rng) -> np.ndarray:
    """Unit vector towards a lamp somewhere above, float32 [3] (x right, y down, z to camera)."""
    angle, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.9)
    return np.array([np.cos(angle) * np.sin(tilt), np.sin(angle) * np.sin(tilt), np.cos(tilt)], F32)


def _window(cx: float, cy: float, reach: float, size: int):
    """Window of `reach` around a point, with pixel offsets x [1, w] and y [h, 1]; None outside."""
    x0, x1 = max(0, int(cx - reach)), min(size, int(cx + reach) + 2)
    y0, y1 = max(0, int(cy - reach)), min(size, int(cy + reach) + 2)
    if x0 >= x1 or y0 >= y1:
        return None
    x = np.arange(x0, x1, dtype=F32)[None] - F32(cx)
    y = np.arange(y0, y1, dtype=F32)[:, None] - F32(cy)
    return (slice(y0, y1), slice(x0, x1)), x, y


def _visible(shapes: list[Shape], size: int, keep: float) -> tuple[list[Shape], np.ndarray]:
    """Shapes (bottom to top) of which a part `keep` is visible, and their labels uint16."""
    while True:
        labels = np.zeros((size, size), np.uint16)
        for i, shape in enumerate(shapes, 1):
            labels[shape.window][shape.dist > 0] = i
        seen = np.bincount(labels.ravel(), minlength=len(shapes) + 1)[1:]
        kept = [s for s, n in zip(shapes, seen)
                if n >= max(MIN_PIXELS * 1.5, keep * np.count_nonzero(s.dist > 0))]
        if len(kept) == len(shapes):
            return shapes, labels
        shapes = kept


def _drop_specks(labels: np.ndarray) -> np.ndarray:
    """Clear fragments under 8 pixels or 3% of their instance, then renumber to 1..n."""
    for i, window in enumerate(ndimage.find_objects(labels), 1):
        if window is None:
            continue
        mask = labels[window] == i
        parts, n = ndimage.label(mask)
        if n > 1:
            area = np.bincount(parts.ravel())
            area[0] = area.sum()
            small = area < min(max(8, 0.03 * mask.sum()), area[1:].max())
            labels[window][small[parts]] = 0
    present = np.bincount(labels.ravel()) >= MIN_PIXELS
    present[0] = False
    return (np.cumsum(present) * present).astype(np.uint16)[labels]


def _cast_shadow(canvas, shape: Shape, dx: int, dy: int, soft: float, strength: float) -> None:
    """Darken `canvas` in place under `shape` moved by (dx, dy), with edges `soft` pixels wide."""
    size = canvas.shape[0]
    (ys, xs), dist = shape.window, shape.dist
    y0, y1 = max(0, ys.start + dy), min(size, ys.stop + dy)
    x0, x1 = max(0, xs.start + dx), min(size, xs.stop + dx)
    if y0 < y1 and x0 < x1:
        part = dist[y0 - dy - ys.start:y1 - dy - ys.start, x0 - dx - xs.start:x1 - dx - xs.start]
        canvas[y0:y1, x0:x1] *= (1 - F32(strength) * _step(part, -soft, soft))[..., None]


def _paint(canvas, shape: Shape, colour: np.ndarray, opacity=1.0) -> None:
    """Put `colour` [h, w, 3] over `canvas` in place where `shape` is, with a smooth edge."""
    alpha = _step(shape.dist, -0.6, 0.6)[..., None] * F32(opacity)
    canvas[shape.window] += (colour - canvas[shape.window]) * alpha


def _photograph(rng, scene: np.ndarray, blur: float) -> np.ndarray:
    """Camera and lamp: uneven light, colour cast, exposure, blur and noise; returns uint8."""
    size = scene.shape[0]
    axis = np.linspace(-1, 1, size, dtype=F32)
    x, y = axis[None], axis[:, None]
    angle, slope, vignette = rng.uniform(0, 6.28), rng.uniform(0, 0.22), rng.uniform(0, 0.22)
    gain = 1 + F32(slope) * (F32(np.cos(angle)) * x + F32(np.sin(angle)) * y)
    gain = gain - F32(vignette) * (x * x + y * y) * F32(0.6)
    warm = rng.normal(0, 0.05)
    cast = np.exp([warm, rng.normal(0, 0.02), -warm]) * np.exp(rng.normal(0, 0.17))
    scene = scene * (gain[..., None] * cast.astype(F32))
    if blur > 0.25:
        scene = ndimage.gaussian_filter(scene, (blur, blur, 0), truncate=2.5)
    scene = np.clip(scene, 0, 1.2) ** F32(rng.uniform(0.85, 1.15))
    grey = scene.mean(axis=2)
    noise = F32(rng.choice([0.006, 0.014, 0.026]) * rng.uniform(0.5, 1.3))
    grain = rng.standard_normal((size, size), dtype=F32) * (noise * (0.5 + np.sqrt(grey)))
    scene = scene + rng.standard_normal((size, size, 3), dtype=F32) * (noise * F32(0.5))
    if rng.random() < 0.35:  # compression keeps less detail of colour than of brightness
        scene = ndimage.uniform_filter(scene - grey[..., None], (3, 3, 0)) + grey[..., None]
    scene = scene + grain[..., None]
    return (np.clip(scene, 0, 1) * 255 + 0.5).astype(np.uint8)


# --------------------------------------------------------------------------- rosettes


def _soil(rng, size: int, light: np.ndarray) -> np.ndarray:
    """Potting soil, perhaps with stones, moss and the rim of a pot; float32 [size, size, 3]."""
    rough = _noise(rng, size, float(rng.choice([0.8, 1.0, 1.2])), float(rng.choice([6, 12, 24])))
    if rng.random() < 0.7:  # crumbs: rounded lumps that meet in dark creases
        rough = np.maximum(rough, rough.T[::-1]) - F32(0.56)
    patches = _smooth(rng, size, int(rng.integers(3, 8)))
    value, hue = rng.uniform(0.12, 0.42), rng.uniform(8, 40)
    saturation = rng.choice([rng.uniform(0.05, 0.25), rng.uniform(0.25, 0.6)])
    dark = _hsv(hue, saturation, value * rng.uniform(0.2, 0.5))
    pale = _hsv(hue + rng.uniform(-6, 12), saturation * rng.uniform(0.6, 1), value * 1.4)
    soil = _mix(dark, pale, _step(rough + rng.uniform(0.2, 0.7) * patches, -2.0, 2.4))
    soil *= np.clip(1 + rng.uniform(0.15, 0.6) * _emboss(rough, light), 0.25, 2)[..., None]
    for _ in range(int(rng.integers(0, 60)) * int(rng.random() < 0.6)):  # straws of peat
        at, angle, length = rng.uniform(0, size, 2), rng.uniform(0, np.pi), rng.exponential(0.03)
        t = np.arange(3 + length * size)
        curve = rng.normal(0, 0.01) * t * t
        x = np.int32(at[0] + np.cos(angle) * t - np.sin(angle) * curve) % size
        y = np.int32(at[1] + np.sin(angle) * t + np.cos(angle) * curve) % size
        soil[y, x] = soil[y, x] * F32(0.5) + F32(rng.uniform(0.2, 0.7)) * pale
    if rng.random() < 0.4:  # moss and algae
        moss = _step(patches + 0.5 * rough, rng.uniform(0.6, 1.6), 2.4) * F32(rng.uniform(0.3, 0.8))
        green = _hsv(rng.uniform(65, 110), rng.uniform(0.3, 0.6), value * rng.uniform(0.8, 1.3))
        soil = _mix(soil, green * (1 + 0.3 * rough[..., None]), moss)
    for _ in range(int(rng.integers(0, 40)) * int(rng.random() < 0.6)):  # stones, perlite
        radius = rng.uniform(0.003, 0.013) * size
        found = _ellipse(rng, rng.uniform(0, size), rng.uniform(0, size), radius, size, 0.3, 0.1)
        if found:
            tone = _hsv(hue + 10, rng.uniform(0, 0.3), value * rng.uniform(0.6, 2.2))
            _cast_shadow(soil, found, -int(2 * light[0]), -int(2 * light[1]), 2, 0.4)
            nx, ny = found.extra["nx"], found.extra["ny"]
            lit = 0.75 + 0.5 * (nx * light[0] + ny * light[1])
            _paint(soil, found, tone * lit[..., None], 0.9)
    if rng.random() < 0.4:
        soil = _pot(rng, soil, light)
    return soil


def _pot(rng, soil: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Cover what is outside a round or square pot with its rim and the tray; float32 like soil."""
    size = soil.shape[0]
    axis = np.arange(size, dtype=F32) / size - F32(0.5)
    shift, turn = rng.normal(0, 0.03, 2), rng.normal(0, 0.06)
    x, y = axis[None] - F32(shift[0]), axis[:, None] - F32(shift[1])
    x, y = x + F32(turn) * y, y - F32(turn) * x
    rho = np.hypot(x, y) if rng.random() < 0.5 else (x**6 + y**6) ** F32(1 / 6)
    radius, width = rng.uniform(0.42, 0.56), rng.uniform(0.015, 0.05)
    plastic = _hsv(rng.uniform(0, 360), rng.uniform(0, 0.15), rng.choice([0.07, 0.12, 0.2, 0.6]))
    across = (rho - F32(radius)) / F32(width)  # 0 at the inner edge of the rim, 1 at the outer one
    facing = (x * light[0] + y * light[1]) / np.maximum(rho, F32(0.05))
    bevel = 1 + 0.6 * np.exp(-((across - 0.5) / 0.25) ** 2) - 0.5 * facing * (across - 0.5)
    tray = plastic * rng.uniform(0.3, 1.1) * (1 + 0.1 * _smooth(rng, size, 6))[..., None]
    soil = soil * (1 - 0.6 * _step(across, -2, 0))[..., None]
    soil = _mix(soil, plastic * bevel[..., None], _step(across, -0.08, 0.08))
    return _mix(soil, tray, _step(across, 0.95, 1.1)).astype(F32)


def _leaf(plant: dict, cx, cy, angle, length, stalk, size) -> Shape | None:
    """Outline of one leaf that starts at (cx, cy) and points along `angle`.

    `extra` holds float32 [h, w] coordinates: `x`, 0..1 along the blade (negative on the stalk), and
    `q`, -1..1 across it.
    """
    rng = plant["rng"]
    c, s = F32(np.cos(angle)), F32(np.sin(angle))
    width = length * (1 - stalk) * plant["aspect"] * rng.uniform(0.85, 1.15) / 2
    bend = rng.normal(0, 0.11)
    found = _window(cx + c * length / 2, cy + s * length / 2, length * 0.56 + 6, size)
    if found is None:
        return None
    window, px, py = found
    px, py = px + c * F32(length / 2), py + s * F32(length / 2)
    u, v = (px * c + py * s) / F32(length), py * c - px * s
    v = v - F32(bend * length) * np.clip(u, 0, 1.1) ** 2
    # Half width along the leaf, from a table: the stalk, then x**a (1-x)**b for the blade.
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
    return Shape(window, (w - np.abs(v)) / k,
                 {"x": x, "q": across, "c": c, "s": s, "width": width, "length": length})


def _leaf_colour(plant: dict, leaf: Shape, age: float, light: np.ndarray) -> np.ndarray:
    """Lit surface of a leaf, float32 [h, w, 3]; age is 0 for the youngest, 1 for the oldest."""
    rng, e = plant["rng"], leaf.extra
    x, q = np.clip(e["x"], -0.5, 1.2), np.clip(e["q"], -1.2, 1.2)
    texture = plant["texture"][leaf.window]
    side = np.tanh(q * 5)
    # Slopes along and across: arching, domed or dished, folded at the mid-rib, puckered.
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
    colour = _hsv(plant["hue"] + rng.normal(0, 4) - 7 * (1 - age) * plant["young"],
                  np.clip(plant["saturation"] + rng.normal(0, 0.05), 0.1, 0.85),
                  plant["value"] * np.exp(rng.normal(0, 0.09) + plant["young"] * (0.5 - age) * 0.3))
    pale = colour * F32(0.65) + F32(0.35) * _hsv(72, 0.3, plant["value"] * 1.35)
    rib = np.exp(-((np.abs(q) * F32(e["width"]) / F32(max(0.7, 0.05 * e["width"]))) ** 2))
    fine = np.clip(np.cos(veins * 6.28), 0, 1) ** 8 * np.clip(1.1 - np.abs(q), 0, 1)
    detail = min(1.0, e["width"] / 14) * plant["contrast"]
    weight = np.maximum(np.maximum(rib, F32(0.45) * fine * (x > 0)) * F32(detail),
                        _step(-x, -0.04, 0.06) * F32(0.7))
    out = _mix(colour, pale, weight)
    if rng.random() < 0.12 * age:  # an ageing leaf yellows from its edge
        out = _mix(out, _hsv(55, 0.6, plant["value"] * 1.2),
                   _step(np.abs(q) + 0.6 * x + 0.2 * texture, 0.6, 1.8) * F32(0.8))
    rim = np.exp(-((leaf.dist / 1.3) ** 2)) * F32(rng.normal(0, 0.1))
    shade = shade * (1 + 0.05 * texture + rim) * (1 - 0.15 * _step(0.3 - x, 0, 0.6))
    return out * shade[..., None] + (F32(plant["gloss"]) * shine**30)[..., None]


def rosettes(rng: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """A leaf rosette on soil, seen from above; each leaf (with its stalk) is an instance.

    Returns image uint8 [size, size, 3] and labels uint16 [size, size], 0 = soil, 1..n = leaves
    (about 5 to 20), numbered from the oldest leaf (bottom) to the youngest (top).
    """
    light = _light(rng)
    canvas = _soil(rng, size, light)
    n = 5 + int(round(15 * rng.beta(1.6, 2.2)))
    radius = rng.uniform(0.5, 1.0) * size / 2
    free = max(0.03 * size, 0.8 * (size / 2 - radius))
    cx, cy = size / 2 + rng.uniform(-1, 1, 2) * min(free, 0.13 * size)
    style = rng.random()
    plant = {
        "rng": rng,
        # outline
        "aspect": rng.uniform(0.5, 0.95) if style < 0.7 else rng.uniform(0.3, 0.5),
        "base": rng.uniform(0.4, 0.8), "tip": rng.uniform(0.35, 0.75),
        "stem": rng.uniform(0.018, 0.04), "teeth": rng.integers(3, 9),
        "serration": max(0, rng.normal(0.01, 0.03)),
        # colour
        "hue": rng.uniform(74, 118), "saturation": rng.uniform(0.3, 0.72),
        "value": rng.uniform(0.4, 0.72), "young": rng.uniform(0, 1.3),
        # relief and light
        "arch": rng.uniform(-0.4, 0.9), "dome": rng.uniform(-0.5, 0.7),
        "fold": rng.uniform(0, 0.45), "veins": rng.uniform(4, 8),
        "pucker": rng.uniform(0, 0.15), "contrast": rng.uniform(0.3, 1),
        "gloss": rng.uniform(0, 0.25), "ambient": rng.uniform(0.2, 0.5),
        "texture": _noise(rng, size, 1.2, 8.0) * F32(rng.uniform(0.2, 1)),
    }
    stalk, start = rng.uniform(0.15, 0.45), rng.uniform(0, 2 * np.pi)
    smallest, bulge = rng.uniform(0.14, 0.3), rng.uniform(0.5, 1.1)
    leaves = []
    for i in range(n):
        age = 1 - i / (n - 1)
        grown = smallest + (1 - smallest) * min(1, age / 0.85) ** bulge
        length = radius * grown * np.clip(rng.normal(0.95, 0.09), 0.7, 1.05)
        angle = start + i * 2.39996 + rng.normal(0, 0.16)
        leaf = _leaf(plant, cx + rng.normal(0, 0.012) * size, cy + rng.normal(0, 0.012) * size,
                     angle, length, stalk * (0.35 + 0.65 * age) * rng.uniform(0.8, 1.15), size)
        if leaf is not None:
            leaf.extra["age"] = age
            leaves.append(leaf)
    leaves, labels = _visible(leaves, size, keep=0.12)
    strength, lift = rng.uniform(0.25, 0.6), rng.uniform(0.01, 0.03) * size
    for leaf in leaves:
        drop = lift * (0.5 + leaf.extra["age"]) * np.tan(np.arccos(light[2]))
        flat = light[:2] / np.linalg.norm(light[:2])
        dx, dy = np.round(-flat * drop).astype(int)
        _cast_shadow(canvas, leaf, int(dx), int(dy), 1.5 + lift * 0.5, strength)
        _cast_shadow(canvas, leaf, 0, 0, 3.0, 0.25)
        _paint(canvas, leaf, _leaf_colour(plant, leaf, leaf.extra["age"], light))
    return _photograph(rng, canvas, rng.uniform(0.2, 1.0) * size / 256), _drop_specks(labels)


# --------------------------------------------------------------------------- discs


def _ellipse(rng, cx, cy, radius, size, stretch: float, wobble: float) -> Shape | None:
    """A disc, ellipse or blob; `extra` has nx, ny (-1..1 towards the edge) and rho (1 = edge)."""
    found = _window(cx, cy, radius * (1 + stretch) * (1 + 2 * wobble) + 3, size)
    if found is None:
        return None
    window, x, y = found
    angle, ratio = rng.uniform(0, np.pi), 1 + rng.uniform(0, stretch)
    c, s = F32(np.cos(angle)), F32(np.sin(angle))
    major = (x * c + y * s) / F32(radius * ratio**0.5)
    minor = (y * c - x * s) / F32(radius / ratio**0.5)
    rho = np.sqrt(major * major + minor * minor)
    if wobble > 0:
        theta = np.arctan2(minor, major)
        waves = sum(F32(rng.normal(0, wobble / k)) * np.cos(k * theta + F32(rng.uniform(0, 6.28)))
                    for k in (2, 3, 5))
        rho = rho / np.clip(1 + waves, 0.6, 1.4)
    nx, ny = np.clip(major * c - minor * s, -1, 1), np.clip(major * s + minor * c, -1, 1)
    return Shape(window, (1 - rho) * F32(radius), {"nx": nx, "ny": ny, "rho": rho})


def _place(rng, size: int) -> list[Shape]:
    """Up to 20 shapes of about one size, bottom to top, overlapping by at most about 40%."""
    base = size * 0.03 * 6 ** rng.random()
    jitter, gap = rng.uniform(0, 0.25), rng.uniform(0.52, 1.1)
    stretch = rng.choice([0.0, rng.uniform(0, 0.25), rng.uniform(0.2, 0.7)])
    wobble = rng.choice([0.0, 0.0, rng.uniform(0.02, 0.15)])
    wanted = 0 if rng.random() < 0.03 else int(rng.integers(1, 21))
    clustered = rng.choice([0.0, 0.4, 0.85])
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
            shape = _ellipse(rng, x, y, radius, size, stretch, wobble)
            if shape is not None:
                centres.append((x, y, radius))
                shapes.append(shape)
        if len(shapes) == wanted:
            break
    return shapes


def _disc_colour(rng, look: str, shape: Shape, tone, light, relief) -> tuple:
    """Colour [h, w, 3] and opacity (number or [h, w, 1]) of one shape in one of the looks."""
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
        face = relief[shape.window] * _step(0.85 - rho, 0, 0.1)
        shade = 0.85 + 0.2 * rim + face + 0.35 * edge * lit + rng.uniform(-0.3, 0.3) * lit
        return tone * shade[..., None], 1.0
    if look == "glow":
        power = np.clip(1 - rho**2, 0, 1) ** F32(rng.uniform(0.2, 0.7))
        shade = 0.55 + 0.6 * power + 0.5 * relief[shape.window]
        return tone * shade[..., None], 0.95
    # "cell": a bright or dark rim, nearly clear inside, and often a nucleus
    ring = np.exp(-((shape.dist / F32(max(1.2, 0.02 * relief.shape[0]))) ** 2))
    spot = np.hypot(e["nx"] - rng.uniform(-0.3, 0.3), e["ny"] - rng.uniform(-0.3, 0.3))
    spot = _step(0.45 - spot, 0, 0.15) * F32(rng.uniform(0, 0.6))
    colour = tone * (1 + 0.3 * relief[shape.window] - 0.3 * spot)[..., None]
    return colour, np.clip(F32(rng.uniform(0.3, 0.5)) + ring * 0.6 + spot, 0, 1)[..., None]


def discs(rng: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Coins, berries, glowing blobs or cells, overlapping; each is an instance.

    Returns image uint8 [size, size, 3] and labels uint16 [size, size], 0 = background, 1..n = the
    discs (0 to 20), numbered from the bottom one to the top one.
    """
    light = _light(rng)
    look = str(rng.choice(["ball", "coin", "glow", "cell"]))
    shapes, labels = _visible(_place(rng, size), size, keep=0.25)
    brighter = rng.random() < 0.75
    low, high = (rng.uniform(0.02, 0.4), rng.uniform(0.5, 0.95))
    back, front = (low, high) if brighter else (high, low + 0.1)
    hue, grey = rng.uniform(0, 360), rng.random() < 0.4
    colourful = 0.0 if grey else rng.uniform(0.1, 0.8)
    if look == "coin":
        colourful *= 0.6
    ground = _hsv(rng.uniform(0, 360), 0 if grey else rng.uniform(0, 0.5), back)
    uneven = _smooth(rng, size, int(rng.integers(1, 5))) * F32(rng.uniform(0, 0.25))
    grain = _noise(rng, size, 1.0, 8.0)
    canvas = ground * np.maximum(1 + uneven + F32(rng.uniform(0, 0.12)) * grain, 0.3)[..., None]
    relief = _smooth(rng, size, max(12, size // 12))
    relief = _emboss(np.tanh(2 * relief), light) * F32(rng.uniform(0.2, 0.7)) + F32(0.04) * grain
    spread, several = rng.uniform(0, 0.22), rng.random() < 0.25
    shadow = 0.0 if look in ("glow", "cell") else rng.uniform(0, 0.6)
    far = rng.uniform(0.005, 0.025) * size
    for shape in shapes:
        turn = rng.uniform(0, 360) if several else rng.normal(0, 8)
        tone = _hsv(hue + turn, colourful, np.clip(front * np.exp(rng.normal(0, spread)), 0.05, 1))
        colour, opacity = _disc_colour(rng, look, shape, tone, light, relief)
        if shadow:
            dx, dy = (int(round(-far * 2 * a)) for a in light[:2])
            _cast_shadow(canvas, shape, dx, dy, 1 + far, shadow)
        _paint(canvas, shape, colour, opacity)
    blur = rng.uniform(0.2, 1.3) * (1.6 if look == "glow" else 1.0) * size / 256
    return _photograph(rng, canvas, blur), _drop_specks(labels)


# --------------------------------------------------------------------------- by name

KINDS = {"discs": discs, "rosettes": rosettes}


def sample(kind: str, seed: int, index: int, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 [size, size, 3] and labels uint16 [size, size]; the same for the same arguments.

    Raises UsageError if `kind` is not one of KINDS.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of synthetic image {kind!r}; known: {', '.join(KINDS)}")
    return KINDS[kind](np.random.default_rng([seed, index]), size)
