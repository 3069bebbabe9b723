"""Synthetic images of fluorescent nuclei, packed in rows and sheets, over the glow of out-of-focus tissue."""

import numpy as np
from scipy import ndimage

from ris_tf.data.synthetic.scene import F32, Shape, drop_specks, frame_window, noise, smooth, step, visible


def _nucleus(rng, cx, cy, length, width, angle, size) -> Shape | None:
    """An ellipse, slightly bent or blunt; None if it is outside the frame. `extra` contains rho, 1 at the edge."""
    found = frame_window(cx, cy, length / 2 + 3, size)
    if found is None:
        return None
    window, x, y = found
    c, s = F32(np.cos(angle)), F32(np.sin(angle))
    along = (x * c + y * s) / F32(length / 2)
    across = (y * c - x * s) / F32(width / 2) + F32(rng.normal(0, 0.15)) * along * along
    blunt = F32(rng.uniform(1.8, 3.0))
    rho = (np.abs(along) ** blunt + np.abs(across) ** blunt) ** (1 / blunt)
    return Shape(window, (1 - rho) * F32(width / 2), {"rho": rho})


def _row(rng, size, width, length):
    """Nuclei side by side along an ellipse, or along two nested ones.

    Returns:
      list of (x, y, angle), and a map [size, size] that is 1 inside the ellipse and falls to 0 around its edge.
    """
    centre = rng.uniform(0.2, 0.8, 2) * size
    radii = rng.uniform(0.25, 0.9, 2) * size
    start, layers = rng.uniform(0, 2 * np.pi), int(rng.choice([1, 1, 2]))
    spacing, places = width * rng.uniform(0.9, 1.25), []
    for layer in range(layers):
        shrunk = radii - layer * length * rng.uniform(0.8, 1.1)
        if shrunk.min() < 2 * length:
            break
        t = start
        while t < start + 2 * np.pi:
            x, y = centre[0] + shrunk[0] * np.cos(t), centre[1] + shrunk[1] * np.sin(t)
            normal = np.arctan2(np.sin(t) * shrunk[0], np.cos(t) * shrunk[1])
            off = rng.normal(0, 0.12) * length
            places.append((x + off * np.cos(normal), y + off * np.sin(normal), normal + rng.normal(0, 0.12)))
            t += spacing * rng.uniform(0.8, 1.3) / max(np.hypot(shrunk[0] * np.sin(t), shrunk[1] * np.cos(t)), 1)
    axis = np.arange(size, dtype=F32)
    inside = ((axis[None] - centre[0]) / radii[0]) ** 2 + ((axis[:, None] - centre[1]) / radii[1]) ** 2
    return places, step(-inside, -1.05, -0.7)


def _sheet(rng, size, width, length):
    """Nuclei on a jittered hexagonal grid within a patch.

    Returns:
      list of (x, y, angle), and a map [size, size] of the patch, 0 to 1.
    """
    patch = smooth(rng, size, int(rng.integers(2, 5))) + F32(rng.uniform(-0.3, 0.8))
    pitch, lean = (width + length) / 2 * rng.uniform(1.0, 1.5), rng.uniform(0, np.pi)
    flow = smooth(rng, size, 3) * F32(rng.uniform(0, 0.8))
    places = []
    for row, y in enumerate(np.arange(0, size, pitch * 0.87)):
        for x in np.arange((row % 2) * pitch / 2, size, pitch):
            px, py = x + rng.normal(0, 0.12) * pitch, y + rng.normal(0, 0.12) * pitch
            cell = patch[int(np.clip(py, 0, size - 1)), int(np.clip(px, 0, size - 1))]
            if cell > 0 and rng.random() < 0.95:
                bend = flow[int(np.clip(py, 0, size - 1)), int(np.clip(px, 0, size - 1))]
                places.append((px, py, lean + bend + rng.normal(0, 0.2)))
    return places, step(patch, -0.5, 0.5)


def tissue(rng: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Nuclei in rows or sheets, touching and partly out of focus; the blurred background does not count as instances.

    Returns:
      image uint8 [size, size, 3] (grey) and labels uint16 [size, size], 0 = background, 1..n = nuclei.
    """
    width = size * rng.uniform(0.02, 0.05)
    length = width * rng.uniform(1.0, 3.8)
    layout = _row if rng.random() < 0.65 else _sheet
    places, ground = layout(rng, size, width, length)
    shapes = []
    for x, y, angle in rng.permutation(np.reshape(places, [-1, 3])):
        grown = np.exp(rng.normal(0, 0.14, 2))
        shape = _nucleus(rng, x, y, length * grown[0], width * grown[1], angle, size)
        if shape is not None:
            shapes.append(shape)
    shapes, labels = visible(shapes, size, keep=0.4)
    grain = noise(rng, size, 0.9, 10.0)
    # The glow of the tissue inside the row or under the sheet, with stripes and lumps that are never sharp.
    lumps = ndimage.gaussian_filter(rng.standard_normal((size, size), dtype=F32), width * rng.uniform(0.25, 0.6))
    lumps = np.clip(lumps / lumps.std(), -2, 3) * F32(rng.uniform(0, 0.18)) + smooth(rng, size, 4) * F32(0.12)
    glow = rng.choice([0.0, rng.uniform(0.1, 0.65)]) * ground * np.clip(1 + lumps, 0, 3)
    halo = ndimage.gaussian_filter(np.float32(labels > 0), width * rng.uniform(0.6, 1.5)) * F32(rng.uniform(0, 0.5))
    canvas = F32(rng.uniform(0.01, 0.1)) + np.maximum(glow, halo)
    # Nuclei are mottled: a network must learn that bright lumps inside a nucleus are not separate nuclei.
    mottle = ndimage.gaussian_filter(rng.standard_normal((size, size), dtype=F32), width * rng.uniform(0.2, 0.5))
    mottle = mottle / mottle.std() * F32(rng.uniform(0.0, 0.3)) + F32(0.08) * grain
    spread = rng.uniform(0.05, 0.35)
    for shape in shapes:
        bright = np.exp(rng.normal(0, spread)) * (0.75 + 0.25 * np.clip(1 - shape.extra["rho"], 0, 1))
        colour = bright * np.maximum(1 + mottle[shape.window], 0.3)
        alpha = step(shape.dist, -0.7, 0.7)
        canvas[shape.window] += (np.maximum(colour, canvas[shape.window]) - canvas[shape.window]) * alpha
    canvas = ndimage.gaussian_filter(canvas, rng.uniform(0.4, 0.12 * width + 0.5))
    canvas = canvas + rng.standard_normal((size, size), dtype=F32) * F32(rng.uniform(0.003, 0.03))
    canvas = np.clip(canvas * rng.uniform(0.35, 0.75), 0, 1)
    return np.repeat((canvas * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=2), drop_specks(labels)
