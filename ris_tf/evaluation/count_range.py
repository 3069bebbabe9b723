"""A range around a count that likely holds the true count, learned from images whose objects are known.

The method is split conformal prediction (Lei et al. 2018, "Distribution-free predictive inference for regression",
algorithm 2). The error of a count is divided by the square root of the count, since larger counts have larger errors.
The range holds the true count with the stated probability if new images are drawn as the known ones were.
"""

import math

SHARE = 0.9  # probability that a range holds the true count


def spread_of(found, true):
    """Learns how far true counts lie from the counts that were found.

    Args:
      found: list of int, counts that were found, one for each image.
      true: list of int, the true counts.

    Returns:
      float, the spread, see `likely`; 0 if there are fewer than 9 images, which cannot tell.
    """
    errors = sorted(abs(a - b) / math.sqrt(max(a, 1)) for a, b in zip(found, true, strict=True))
    rank = math.ceil(SHARE * (len(errors) + 1))
    if rank > len(errors):
        return 0.0
    return max(round(errors[rank - 1], 4), 0.001)  # 0 would mean that it is not known


def likely(count, spread):
    """The range that likely holds the true count.

    Args:
      count: int, number of objects that were found.
      spread: float, `config.predict.count_spread` of the model; 0 if it is not known.

    Returns:
      (low, high), ints, both included; None if the spread is not known.
    """
    if not spread:
        return None
    reach = spread * math.sqrt(max(count, 1)) + 1e-3  # the spread is rounded
    return max(0, math.ceil(count - reach)), math.floor(count + reach)


def share_inside(rows, spread):
    """Share of images whose true count lies in its likely range; SHARE is expected.

    Args:
      rows: list of dict, see `metrics.row`.
      spread: see `likely`.

    Returns:
      float in [0, 1]; None if the spread is not known.
    """
    ranges = [(row["count_true"], likely(row["count_pred"], spread)) for row in rows]
    return sum(low <= true <= high for true, (low, high) in ranges) / len(ranges) if spread and ranges else None
