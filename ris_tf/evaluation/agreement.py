"""Whether two results for the same image are the same, whatever the numbering of the instances."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def agreement(first, second, first_scores, second_scores):
    """Compares two results, regardless of the order in which the instances were found.

    Args:
      first, second: integer [H, W], 0 background, 1..n.
      first_scores, second_scores: float [n], the scores of the labels.

    Returns:
      The share of pixels whose labels correspond, and the largest difference of corresponding scores, 0 if there
      are none.
    """
    size = first.max() + 1, second.max() + 1
    table = np.bincount(first.ravel() * size[1] + second.ravel(), minlength=size[0] * size[1]).reshape(size)
    rows, columns = linear_sum_assignment(table[1:, 1:], maximize=True)
    share = (table[0, 0] + table[1:, 1:][rows, columns].sum()) / first.size
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if table[r + 1, c + 1]]
    return share, max((abs(float(first_scores[r]) - float(second_scores[c])) for r, c in pairs), default=0.0)
