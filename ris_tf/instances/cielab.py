"""Colours as people see them: CIELAB, and the difference of two colours by CIEDE2000. NumPy only.

Sources: IEC 61966-2-1 (sRGB), CIE 15 (CIELAB, white point D65), Sharma, Wu and Dalal 2005 (CIEDE2000).
"""

import numpy as np

_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, observer of 2 degrees


def lab(rgb):
    """Converts sRGB `[..., 3]` in [0, 1] to CIELAB, float64 `[..., 3]`: lightness 0 to 100, a and b."""
    rgb = np.asarray(rgb, np.float64)
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    x, y, z = np.moveaxis(np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def difference(one, other):
    """CIEDE2000 between colours in CIELAB `[..., 3]`, which are broadcast: float64 `[...]`; about 1 is just visible."""
    (light1, a1, b1), (light2, a2, b2) = (np.moveaxis(np.asarray(colour, np.float64), -1, 0) for colour in (one, other))
    seventh = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(seventh / (seventh + 25.0**7))  # of a, so that greys come out grey
    chroma1, chroma2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    hue1, hue2 = np.arctan2(b1, stretch * a1) % (2 * np.pi), np.arctan2(b2, stretch * a2) % (2 * np.pi)
    grey = chroma1 * chroma2 == 0
    turn = (hue2 - hue1 + np.pi) % (2 * np.pi) - np.pi  # the shorter way round
    turn, hue = np.where(grey, 0, turn), np.where(grey, hue1 + hue2, hue1 + turn / 2)
    lights, chromas = (light1 + light2) / 2, (chroma1 + chroma2) / 2
    weight = (
        1
        - 0.17 * np.cos(hue - np.pi / 6)
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.radians(6))
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )
    from_middle = (lights - 50) ** 2
    in_light = (light2 - light1) / (1 + 0.015 * from_middle / np.sqrt(20 + from_middle))
    in_chroma = (chroma2 - chroma1) / (1 + 0.045 * chromas)
    in_hue = 2 * np.sqrt(chroma1 * chroma2) * np.sin(turn / 2) / (1 + 0.015 * chromas * weight)
    blue = np.radians(60) * np.exp(-(((np.degrees(hue % (2 * np.pi)) - 275) / 25) ** 2))
    rotation = -np.sin(blue) * 2 * np.sqrt(chromas**7 / (chromas**7 + 25.0**7))
    return np.sqrt(np.maximum(in_light**2 + in_chroma**2 + in_hue**2 + rotation * in_chroma * in_hue, 0))
