"""Places inside true objects, as the inhibition would point at them, to make masks without the recurrence."""

import tensorflow as tf

from ris_tf.network.places import cell_grid
from ris_tf.objective.random_numbers import uniform

_FROM_CORE = 0.7  # share of the places that lie in an object's interior, where the inhibition will point


def glances_at(form, context, inside, cores, seed, stream):
    """Attention at one random place in each object, under the window of the inhibition.

    Args:
      form: AttendForm.
      context: see `AttendForm.encode`.
      inside, cores: float32 [B, K, Q], the objects and their interiors, see `Truth`.
      seed: int [2], seed of the random numbers.
      stream: int; this one and the next are used, see `uniform`.

    Returns:
      float32 [B, K, Q], which sums to 1 over the positions. The gradient treats it as a constant.
    """
    height, width = context["objectness"].shape[1:3]
    x, y = cell_grid(height, width, 32.0)
    from_core = uniform(tf.shape(inside)[:2], seed, stream) < _FROM_CORE
    pool = tf.where(from_core[..., None], cores, inside)
    place = tf.argmax(pool * uniform(tf.shape(pool), seed, stream + 1, low=0.5), axis=2)  # [B, K]
    distance = tf.square(tf.gather(x, place)[..., None] - x) + tf.square(tf.gather(y, place)[..., None] - y)
    glance = tf.nn.softmax(tf.math.log(inside + 1e-3) - distance / (2 * form.inhibition.window**2))
    return tf.stop_gradient(glance)
