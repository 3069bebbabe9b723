"""Runs a network over a batch: the encoder once, then the recurrence step by step."""

import tensorflow as tf

from ris_tf.network.recompute import recomputed


def unroll(form, images, steps, correct=None, recompute=False, training=False):
    """Runs the encoder once and the recurrence `steps` times.

    Args:
      form: PaperForm or AttendForm.
      images: float [B, H, W, C], normalised.
      steps: number of steps.
      correct: function of (step, coverage before, outputs, coverage after) that returns the coverage for the next step
        and may add outputs; None for inference. See `objective.forcing.TeacherForcing`.
      recompute: whether the gradient recomputes the activations of each step instead of keeping them.
      training: whether the encoder's batch normalisation uses the statistics of this batch.

    Returns:
      context: the context of the form, to be passed to `form.masks`.
      outputs: dict of tensors [B, T, ...], the outputs of all steps stacked along axis 1.
    """
    context = form.encode(images, training)
    state = form.zero_state(context)
    step = _calls(form.step, recompute)
    collected = []
    for index in range(steps):
        before = state.get("coverage")
        context, (outputs, state) = step(context, state)
        if correct is not None:
            state["coverage"] = correct(index, before, outputs, state["coverage"])
        collected.append(outputs)
    return context, {name: tf.stack([o[name] for o in collected], axis=1) for name in collected[0]}


def masks_of(form, context, outputs, recompute=False):
    """Computes the masks of unrolled steps.

    Args:
      form: PaperForm or AttendForm.
      context, outputs: see `unroll`.
      recompute: whether masks are computed one step at a time, and recomputed in the gradient.

    Returns:
      context: must be used instead of the given one from here on, so that gradients are computed in order.
      masks: float32 [B, T, h, w] in [0, 1].
    """
    if not recompute:
        return context, form.masks(context, outputs)
    masks, collected = recomputed(form.masks), []
    for step in range(outputs["score"].shape[1]):
        context, mask = masks(context, {name: value[:, step : step + 1] for name, value in outputs.items()})
        collected.append(mask)
    return context, tf.concat(collected, axis=1)


def _calls(function, recompute):
    """Wraps a function as (context, x) -> (context, function(context, x)), optionally recomputed in the gradient."""
    return recomputed(function) if recompute else lambda context, x: (context, function(context, x))
