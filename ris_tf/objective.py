"""What training minimises: one unrolled pass over a batch with its truth, every term by name."""

import tensorflow as tf

from ris_tf import losses, matching
from ris_tf.places import cell_grid
from ris_tf.recompute import recomputed


def reduce_masks(masks, stride):
    """Area average of true masks: uint8 or float [B, N, H, W] -> float32 [B, N, H / stride, W / stride] in [0, 1]."""
    _, count, height, width = masks.shape
    cells = tf.reshape(tf.cast(masks, tf.float32), [-1, height, width, 1])
    cells = tf.nn.avg_pool2d(cells, stride, stride, "VALID")
    return tf.reshape(cells, [-1, count, height // stride, width // stride])


def interiors(inside):
    """Core cells of each object, at any size: where a 5x5 average of the object reaches 0.75 of its own maximum.

    Args:
      inside: float32 [B, N, h, w] in [0, 1].

    Returns:
      float32 [B, N, h, w] of 0 and 1; never empty for an object that is not.
    """
    _, count, height, width = inside.shape
    blurred = tf.nn.avg_pool2d(tf.reshape(inside, [-1, height, width, 1]), 5, 1, "SAME")
    blurred = tf.reshape(blurred, [-1, count, height, width]) * inside
    peak = tf.reduce_max(blurred, axis=(2, 3), keepdims=True)
    return tf.cast((blurred >= 0.75 * peak) & (peak > 0), tf.float32)


def _flatten(x):
    return tf.reshape(x, [-1, x.shape[1], x.shape[2] * x.shape[3]])


class Truth:
    """True masks at the resolutions the losses need.

    Attributes:
      count: int32 [B].
      fine: float32 [B, N, P], at the mask stride.
      coarse, cores: float32 [B, N, Q], at the inhibition's stride (attend form only).
      known: float32 [B, 1, P] in [0, 1], at the mask stride: share of a cell that is not ignored.
      ignored: float32 [B, 1, Q] of 0 and 1, at the inhibition's stride: cells of which less than half is known.
    """

    def __init__(self, masks, count, mask_stride, attend, ignored=None):
        fine = reduce_masks(masks, mask_stride)
        self.count = tf.cast(count, tf.int32)
        self.shape = fine.shape[2:4]
        self.fine = _flatten(fine)
        ignored = tf.zeros_like(masks[:, 0]) if ignored is None else ignored
        known = 1.0 - reduce_masks(ignored[:, None], mask_stride)
        self.known = _flatten(known)
        if attend:
            self.ignored = tf.cast(_flatten(reduce_masks(known, 2)) < 0.5, tf.float32)
            coarse = tf.reshape(fine, [-1, *self.shape, 1])
            coarse = tf.nn.avg_pool2d(coarse, 2, 2, "VALID")
            coarse = tf.reshape(coarse, [-1, fine.shape[1], self.shape[0] // 2, self.shape[1] // 2])
            self.coarse, self.cores = _flatten(coarse), _flatten(interiors(coarse))

    def uncovered(self, coverage):
        """Objects of which less than half is covered: coverage [B, h, w, 1] -> float32 [B, N] of 0 and 1."""
        area = tf.reduce_sum(self.coarse, axis=2)
        covered = tf.einsum("bnp,bp->bn", self.coarse, tf.reshape(coverage, [-1, self.coarse.shape[2]]))
        return tf.cast((covered < 0.5 * area) & (area > 0), tf.float32)


def unroll(form, images, steps, truth=None, forcing=None, seed=(0, 0), recompute=False, training=False):
    """Runs the encoder once and the recurrence `steps` times.

    Args:
      form: PaperForm or AttendForm.
      images: float [B, H, W, C], normalised.
      steps: number of steps.
      truth: with `forcing`, the Truth whose masks may enter the coverage.
      forcing: float in [0, 1]; the probability that, after a step, coverage takes the true mask of the uncovered object
        holding most of the attention in place of the predicted mask (teacher forcing); None for inference.
      seed: int [2], of the random numbers.
      recompute: whether the gradient computes the activations of each step again in place of keeping them.
      training: whether the encoder normalises by the batch at hand.

    Returns:
      context: of the form.
      outputs: dict of tensors stacked along axis 1 ([B, T, ...]); with truth also "uncovered" [B, T, N] before a step.
    """
    context = form.encode(images, training)
    state = form.zero_state(context)
    step = _calls(form.step, recompute)
    collected = []
    for index in range(steps):
        before = state.get("coverage")
        context, (outputs, state) = step(context, state)
        if truth is not None and before is not None:
            outputs["uncovered"] = truth.uncovered(before)
            draw = _uniform([tf.shape(before)[0]], seed, index)
            state["coverage"] = _force(state["coverage"], before, outputs, truth, draw < forcing)
        collected.append(outputs)
    return context, {name: tf.stack([o[name] for o in collected], axis=1) for name in collected[0]}


def _uniform(shape, seed, stream, low=0.0):
    """Random float32 in [low, 1), the same for the same int [2] seed and stream on every device and under XLA.

    A replica that holds the r-th part of a batch gets the r-th part of the numbers that the whole batch would get.

    TensorFlow's stateless generators give other numbers under XLA. This is the finaliser of MurmurHash3 (Appleby,
    public domain), twice, over a counter.
    """
    seed = tf.cast(tf.cast(seed, tf.int32), tf.uint32)
    count, context = tf.reduce_prod(shape), tf.distribute.get_replica_context()
    replica = context.replica_id_in_sync_group if context else 0
    counter = tf.cast(tf.range(count) + replica * count, tf.uint32)
    start = _scramble(seed[0] * tf.constant(0x9E3779B1, tf.uint32) + tf.constant(stream, tf.uint32))
    bits = _scramble(_scramble(tf.bitwise.bitwise_xor(counter, start)) + seed[1] * tf.constant(0x85EBCA77, tf.uint32))
    share = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) / 2.0**24
    return tf.reshape(low + (1.0 - low) * share, shape)


def _scramble(bits):
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(factor, tf.uint32)
    return bits


def _force(coverage, before, outputs, truth, forced):
    share = tf.einsum("bnp,bp->bn", truth.coarse, outputs["glance"])
    pick = tf.argmax(share + outputs["uncovered"] * 10.0, axis=1)
    mask = tf.reshape(tf.gather(truth.coarse, pick, batch_dims=1), tf.shape(before))
    forced &= tf.reduce_max(outputs["uncovered"], axis=1) > 0
    return tf.stop_gradient(tf.where(forced[:, None, None, None], tf.maximum(before, mask), coverage))


def _calls(function, recompute):
    """(context, x) -> (context, function(context, x)), recomputed in the gradient or not."""
    return recomputed(function) if recompute else lambda context, x: (context, function(context, x))


def _masks(form, context, outputs, recompute):
    """`form.masks`; with `recompute` one step at a time. Returns the context, too."""
    if not recompute:
        return context, form.masks(context, outputs)
    masks, collected = recomputed(form.masks), []
    for step in range(outputs["score"].shape[1]):
        context, mask = masks(context, {name: value[:, step : step + 1] for name, value in outputs.items()})
        collected.append(mask)
    return context, tf.concat(collected, axis=1)


class Comparison:
    """One unrolled pass over a batch, compared with its truth: all that the matching needs, and the loss after it.

    Args:
      form: PaperForm or AttendForm.
      images: float [B, H, W, C], normalised.
      masks: uint8 [B, N, H, W] of 0 and 1, the first `count` used.
      count: int [B].
      steps: T.
      weights: `config.loss`.
      forcing, seed, recompute, training: see `unroll`.
      ignored: uint8 [B, H, W], 1 at pixels that no term but the score's looks at; None for no such pixels.

    Attributes:
      similarity: float32 [B, T, N], what the matching maximises.
      rows, columns: int32 [B], the steps and objects that take part in it.
    """

    def __init__(
        self, form, images, masks, count, steps, weights, forcing=0.0, seed=(0, 0), recompute=False, training=False,
        ignored=None,
    ):  # fmt: skip
        self.form, self.weights, self.seed = form, weights, seed
        attend = bool(form.extra_terms)
        self.truth = truth = Truth(masks, count, form.mask_stride, attend, ignored)
        context, self.outputs = unroll(form, images, steps, truth, forcing, seed, recompute, training)
        self.context, masks = _masks(form, context, self.outputs, recompute)
        self.predicted = predicted = _flatten(masks) * truth.known  # [B, T, P]
        self.similarity = self.iou = matching.relaxed_iou(predicted, truth.fine)
        step = tf.range(steps)[None]  # [1, T]
        if weights.score_target == "count":
            self.targets = tf.cast(step < truth.count[:, None], tf.float32)
            taken = step < losses.steps_of(truth.count, steps, weights.extra_steps)[:, None]
            self.taken = tf.cast(taken, tf.float32)
            self.rows = tf.minimum(steps, truth.count)
        else:
            self.targets = tf.reduce_max(self.outputs["uncovered"], axis=2)  # [B, T]
            begin = tf.ones_like(self.targets[:, : weights.extra_steps])
            self.taken = tf.concat([begin, self.targets], axis=1)[:, :steps]
            self.rows = tf.cast(tf.reduce_sum(self.targets, axis=1), tf.int32)
        self.columns = truth.count
        if attend:
            mass = tf.matmul(self.outputs["glance"], truth.coarse, transpose_b=True)  # [B, T, N]
            self.similarity += weights.matching_attention * mass

    def terms(self, assignment):
        """Every loss term under an assignment float32 [B, T, N] of 0 and 1.

        Returns:
          dict of float32 [B]: "loss" (weighted sum) and its terms, and "matched_iou", the mean IoU of matched pairs.
        """
        form, weights, outputs, truth = self.form, self.weights, self.outputs, self.truth
        score = outputs["score"]
        iou, paired = self.iou, assignment
        if form.extra_terms:
            iou = losses.fuzzy_iou(self.predicted, tf.matmul(assignment, truth.fine))[..., None]
            paired = tf.reduce_sum(assignment, axis=2, keepdims=True)
        hungarian = losses.hungarian_loss(iou, paired, score, self.targets, self.taken, weights.score)
        terms = {"loss": hungarian, "hungarian": hungarian}
        terms["matched_iou"] = tf.math.divide_no_nan(
            tf.reduce_sum(self.iou * assignment, axis=(1, 2)), tf.reduce_sum(assignment, axis=(1, 2))
        )
        if form.extra_terms:
            allowed = tf.cast(tf.matmul(outputs["uncovered"], truth.cores) > 0, tf.float32)  # [B, T, Q]
            allowed *= 1.0 - truth.ignored
            terms["attention"] = losses.attention_loss(outputs["logits"] - 1e4 * truth.ignored, allowed, self.taken)
            terms["query"] = query_loss(form, self.context, truth, weights.queries, self.seed)
            terms["auxiliary"] = auxiliary_loss(self.context, truth)
            for name in form.extra_terms:
                terms["loss"] += weights[name] * terms[name]
        return terms


def objective(*args, matcher=matching.match, **kwargs):
    """Every loss term of a batch: a `Comparison` of these arguments, matched. Returns as `Comparison.terms`."""
    compared = Comparison(*args, **kwargs)
    return compared.terms(matcher(compared.similarity, compared.rows, compared.columns))


def query_loss(form, context, truth, queries, seed):
    """1 - fuzzy IoU of masks made from random places inside the objects, without the recurrence.

    Objects of late steps thereby train the mask head as often as those of early ones.
    """
    height, width = context["objectness"].shape[1:3]
    x, y = cell_grid(height, width, 32.0)
    present = tf.reduce_sum(truth.coarse, axis=2) > 0
    noise = _uniform(tf.shape(present), seed, 1001) + tf.cast(present, tf.float32)
    chosen = tf.argsort(noise, axis=1, direction="DESCENDING")[:, :queries]  # a random subset, objects first
    inside = tf.gather(truth.coarse, chosen, batch_dims=1)  # [B, K, Q]
    cores = tf.gather(truth.cores, chosen, batch_dims=1)
    # Mostly from the interior, where the inhibition will point, sometimes from anywhere inside.
    from_core = _uniform(tf.shape(chosen), seed, 1002) < 0.7
    pool = tf.where(from_core[..., None], cores, inside)
    place = tf.argmax(pool * _uniform(tf.shape(pool), seed, 1003, low=0.5), axis=2)  # [B, K]
    distance = tf.square(tf.gather(x, place)[..., None] - x) + tf.square(tf.gather(y, place)[..., None] - y)
    glance = tf.nn.softmax(tf.math.log(inside + 1e-3) - distance / (2 * form.inhibition.window**2))
    predicted = form.query(context, tf.stop_gradient(glance)) * truth.known  # [B, K, P]
    fine = tf.gather(truth.fine, chosen, batch_dims=1)
    iou = losses.fuzzy_iou(predicted, fine)
    weight = tf.cast(tf.gather(present, chosen, batch_dims=1), tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(weight * (1 - iou), axis=1), tf.reduce_sum(weight, axis=1))


def auxiliary_loss(context, truth):
    """Pixel BCE on the encoder: foreground and foreground eroded per object at stride 2, interiors at stride 4."""
    height, width = truth.shape
    fine = tf.reshape(truth.fine, [-1, height, width, 1])
    eroded = -tf.nn.max_pool2d(-fine, 3, 1, "SAME")
    foreground = tf.reduce_max(truth.fine, axis=1)
    eroded = tf.reduce_max(tf.reshape(eroded, tf.shape(truth.fine)), axis=1)
    targets = tf.reshape(tf.stack([foreground, eroded], axis=-1), [-1, height, width, 2])
    cores = tf.reshape(tf.reduce_max(truth.cores, axis=1), tf.shape(context["objectness"]))
    known = tf.reshape(truth.known, [-1, height, width, 1])
    seen = tf.reshape(1.0 - truth.ignored, tf.shape(cores))
    return losses.pixel_bce(context["auxiliary"], targets, known) + losses.pixel_bce(context["objectness"], cores, seen)
