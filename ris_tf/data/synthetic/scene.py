"""Building blocks of the synthetic images: noise, light, shapes, shadows and the camera.

Images are float32 ``[size, size, 3]`` with values around 0..1, and lengths are in pixels. A shape is a window of the
frame with a signed distance to the outline for each pixel (positive inside). Smooth edges and soft shadows follow from
the distance, without supersampling or blurring.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

MIN_PIXELS = 12  # instances with fewer visible pixels are removed
F32 = np.float32


@dataclass
class Shape:
    """One instance.

    Attributes:
      window: slices (rows, columns) of the frame.
      dist: float32 [h, w], signed distance to the outline in pixels, positive inside.
      extra: further values that its generator needs for colouring.
    """

    window: tuple[slice, slice]
    dist: np.ndarray
    extra: dict = field(default_factory=dict)


@lru_cache(maxsize=64)
def spectrum(size: int, beta: float, lowest: float) -> np.ndarray:
    """Amplitudes of 1/f**beta noise, constant below the frequency `lowest`: float32 [size, size // 2 + 1]."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) * size
    return np.where(f > 0, np.maximum(f, lowest) ** -beta, 0).astype(F32)


def noise(rng, size: int, beta: float = 1.2, lowest: float = 2.0) -> np.ndarray:
    """1/f**beta noise, float32 [size, size], mean 0, standard deviation 1; see `spectrum`."""
    amplitude = spectrum(size, beta, lowest)
    re, im = rng.standard_normal((2, *amplitude.shape), dtype=F32)
    out = fft.irfft2((re + 1j * im) * amplitude, s=(size, size))
    return out / out.std()


@lru_cache(maxsize=64)
def upsampling(size: int, cells: int) -> np.ndarray:
    """Weights that interpolate cells + 2 values smoothly over `size` pixels, float32 [size, cells + 2]."""
    away = np.arange(size)[:, None] * (cells / size) + 0.5 - np.arange(cells + 2)
    weight = np.exp(-((away / 0.7) ** 2))
    return (weight / weight.sum(axis=1, keepdims=True)).astype(F32)


def smooth(rng, size: int, cells: int) -> np.ndarray:
    """Smooth noise with about `cells` bumps along each side, float32 [size, size], standard deviation 1."""
    spread = upsampling(size, cells)
    low = rng.standard_normal((cells + 2, cells + 2), dtype=F32)
    # einsum instead of @, because it uses one thread and gives the same sums with every BLAS library.
    out = np.einsum("ib,jb->ij", np.einsum("ia,ab->ib", spread, low), spread)
    return out / out.std()


def step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Linear ramp from 0 at `low` to 1 at `high`, clipped."""
    return np.clip((x - low) / (high - low), 0, 1)


def mix(a, b, weight: np.ndarray) -> np.ndarray:
    """Blends two colours, which broadcast to [h, w, 3]: a where `weight` [h, w] is 0, b where it is 1."""
    w = weight[..., None]
    return np.asarray(a, F32) * (1 - w) + np.asarray(b, F32) * w


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Converts a HSV colour to RGB float32 [3]; hue in degrees, saturation and value 0..1."""
    k = (np.array([5, 3, 1]) + hue / 60) % 6
    return (value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))).astype(F32)


def emboss(height: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Slope of the relief `height` towards the light, [h, w]; `light` is a unit vector (x, y, z)."""
    out = np.zeros_like(height)
    out[1:-1, 1:-1] = light[0] * (height[1:-1, :-2] - height[1:-1, 2:]) + light[1] * (
        height[:-2, 1:-1] - height[2:, 1:-1]
    )
    return out


def random_light(rng) -> np.ndarray:
    """Unit vector towards a lamp somewhere above the scene, float32 [3] (x right, y down, z towards the camera)."""
    angle, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.9)
    return np.array([np.cos(angle) * np.sin(tilt), np.sin(angle) * np.sin(tilt), np.cos(tilt)], F32)


def frame_window(cx: float, cy: float, reach: float, size: int):
    """Window of the frame within `reach` of a point, and pixel offsets x [1, w] and y [h, 1] from the point.

    Returns None if the window is outside the frame.
    """
    x0, x1 = max(0, int(cx - reach)), min(size, int(cx + reach) + 2)
    y0, y1 = max(0, int(cy - reach)), min(size, int(cy + reach) + 2)
    if x0 >= x1 or y0 >= y1:
        return None
    x = np.arange(x0, x1, dtype=F32)[None] - F32(cx)
    y = np.arange(y0, y1, dtype=F32)[:, None] - F32(cy)
    return (slice(y0, y1), slice(x0, x1)), x, y


def ellipse(rng, cx, cy, radius, size, stretch: float, wobble: float) -> Shape | None:
    """A disc, ellipse or blob; None if it is outside the frame.

    `extra` contains nx and ny, -1..1 from edge to edge along x and y, and rho, 0 in the centre and 1 at the edge.
    """
    found = frame_window(cx, cy, radius * (1 + stretch) * (1 + 2 * wobble) + 3, size)
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
        waves = sum(F32(rng.normal(0, wobble / k)) * np.cos(k * theta + F32(rng.uniform(0, 6.28))) for k in (2, 3, 5))
        rho = rho / np.clip(1 + waves, 0.6, 1.4)
    nx, ny = np.clip(major * c - minor * s, -1, 1), np.clip(major * s + minor * c, -1, 1)
    return Shape(window, (1 - rho) * F32(radius), {"nx": nx, "ny": ny, "rho": rho})


def visible(shapes: list[Shape], size: int, keep: float) -> tuple[list[Shape], np.ndarray]:
    """Removes shapes of which too little is visible.

    Args:
      shapes: list of Shape from bottom to top.
      size: side of the frame in pixels.
      keep: least visible share of a shape, 0 to 1. At least 1.5 MIN_PIXELS must also be visible.

    Returns:
      The remaining shapes from bottom to top, and their labels, uint16 [size, size].
    """
    while True:
        labels = np.zeros((size, size), np.uint16)
        for i, shape in enumerate(shapes, 1):
            labels[shape.window][shape.dist > 0] = i
        seen = np.bincount(labels.ravel(), minlength=len(shapes) + 1)[1:]
        kept = [
            s
            for s, n in zip(shapes, seen, strict=False)
            if n >= max(MIN_PIXELS * 1.5, keep * np.count_nonzero(s.dist > 0))
        ]
        if len(kept) == len(shapes):
            return shapes, labels
        shapes = kept


def drop_specks(labels: np.ndarray) -> np.ndarray:
    """Sets small fragments of instances to background and renumbers the instances to 1..n.

    A fragment is removed if it has fewer than 8 pixels or less than 3% of the pixels of its instance. The largest
    fragment is always kept. Instances with fewer than MIN_PIXELS are removed as well.
    """
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


def cast_shadow(canvas, shape: Shape, dx: int, dy: int, soft: float, strength: float) -> None:
    """Darkens `canvas` in place under `shape` moved by (dx, dy); the edges of the shadow are `soft` pixels wide."""
    size = canvas.shape[0]
    (ys, xs), dist = shape.window, shape.dist
    y0, y1 = max(0, ys.start + dy), min(size, ys.stop + dy)
    x0, x1 = max(0, xs.start + dx), min(size, xs.stop + dx)
    if y0 < y1 and x0 < x1:
        part = dist[y0 - dy - ys.start : y1 - dy - ys.start, x0 - dx - xs.start : x1 - dx - xs.start]
        canvas[y0:y1, x0:x1] *= (1 - F32(strength) * step(part, -soft, soft))[..., None]


def paint(canvas, shape: Shape, colour: np.ndarray, opacity=1.0) -> None:
    """Paints `colour` [h, w, 3] onto `canvas` in place within `shape`, with a smooth edge."""
    alpha = step(shape.dist, -0.6, 0.6)[..., None] * F32(opacity)
    canvas[shape.window] += (colour - canvas[shape.window]) * alpha


def photograph(rng, scene: np.ndarray, blur: float) -> np.ndarray:
    """Simulates camera and lamp: uneven light, colour cast, exposure, blur and noise; returns uint8."""
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
    if rng.random() < 0.35:  # image compression keeps less detail in colour than in brightness
        scene = ndimage.uniform_filter(scene - grey[..., None], (3, 3, 0)) + grey[..., None]
    scene = scene + grain[..., None]
    return (np.clip(scene, 0, 1) * 255 + 0.5).astype(np.uint8)
