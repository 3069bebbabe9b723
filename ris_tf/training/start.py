"""Creates the model and optimizer of a training run: new, from trained weights, or from the last checkpoint."""

import keras
import tensorflow as tf

from ris_tf import model as models
from ris_tf import storage
from ris_tf.errors import UsageError
from ris_tf.network.encoders import residual_weights
from ris_tf.network.fcn8s import load_vgg16
from ris_tf.network.mobilenet import load_mobilenet_v2
from ris_tf.settings import ranges


def averaging(train, before=None):
    """Momentum of the moving averages: float, `train.ema`, or less in a short run: they span a tenth of it at most.

    The average would otherwise keep a share of the weights that the run began with: 0.995 ** 300 is 0.22. A run that
    goes on from `before`, its last checkpoint, keeps the momentum it began with, which earlier versions did not limit.
    """
    if before:
        return getattr(before.optimizer, "inner_optimizer", before.optimizer).ema_momentum
    return min(train.ema, max(0.0, 1 - 10 / train.steps))


def optimizer(config, before=None):
    """Creates AdamW with warm-up, cosine decay, gradient clipping and averaged weights, as set in `config.train`.

    `before` is as in `averaging`.
    """
    train = config.train
    replicas = tf.distribute.get_strategy().num_replicas_in_sync  # each clips an equal share of the gradient
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, train.steps - train.warmup),
        alpha=train.final_learning_rate,
        warmup_target=train.learning_rate,
        warmup_steps=train.warmup,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=train.weight_decay,
        global_clipnorm=train.clip_norm / replicas or None,
        clipvalue=train.clip_value / replicas or None,
        use_ema=bool(train.ema),
        ema_momentum=averaging(train, before),
    )


def model_of(config, dtype, before, init, workdir):
    """Creates the compiled model that a run trains, with the config of this run.

    Args:
      config: config of the run.
      dtype: Keras dtype policy.
      before: RIS, the last checkpoint, whose weights and training state are restored; None for a new run.
      init: preset, work folder or .keras file with the weights of a new run; None for new weights.
      workdir: Path, for error messages.

    Returns:
      RIS.

    Raises:
      UsageError: the checkpoint has a different optimizer, or `init` is a different network.
    """
    model = models.build(config, dtype)
    train = config.train
    model.freeze(*ranges.listed(train.freeze))
    if train.ema:  # the statistics of normalisation must fit the averaged weights
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = averaging(train, before)
    steps = optimizer(config, before)
    model.compile(steps, jit_compile=train.jit_compile, matcher=train.matcher, recompute=train.recompute)
    if before:
        model.set_weights(before.get_weights())
        model.curriculum, model.progress = before.curriculum, before.progress
        if len(model.optimizer.variables) != len(before.optimizer.variables):
            raise UsageError(
                f"{workdir}: holds the state of a different optimizer; "
                "give the same train.ema, train.freeze and train.precision as when this run began"
            )
        for variable, value in zip(model.optimizer.variables, before.optimizer.variables, strict=True):
            variable.assign(value)
    elif init:
        copy_weights(model, storage.load(init), init)
        print(f"training starts from {init}")
    elif config.model.form == "paper" and config.model.paper.encoder == "fcn8s":
        load_vgg16(model.form.encoder, config.model.fcn8s.weights)
    elif config.model.form == "attend" and config.model.attend.encoder == "mobilenet_v2":
        load_mobilenet_v2(model.form.encoder, config.model.mobilenet_v2.weights)
    if train.freeze:
        trained = sum(weight.shape.num_elements() for weight in model.trainable_weights)
        print(f"train.freeze is {train.freeze!r}: {trained:,} of {model.count_params():,} parameters are trained")
    return model


def copy_weights(model, trained, init):
    """Copies the weights of a trained model into a new one with the same layers; sizes and steps may differ.

    Args:
      model, trained: RIS.
      init: name of the trained model in messages.

    Raises:
      UsageError: it is a different network.
    """
    weights = model.weights
    if model.config.model.form == "attend" and not trained.config.model.attend.residual_blocks:
        begun = {id(weight) for weight in residual_weights(model.form.encoder)}  # stay the identity
        weights = [weight for weight in weights if id(weight) not in begun]
    if [weight.shape for weight in weights] != [weight.shape for weight in trained.weights]:
        here, there = ({**c.model, **c.model[c.model.form]} for c in (model.config, trained.config))
        fields = ("form", "channels", *model.config.model[model.config.model.form])
        other = ", ".join(
            f"{f} is {there.get(f)} there, {here[f]} here" for f in fields if str(here[f]) != str(there.get(f))
        )
        raise UsageError(f"--init={init}: is a different network than the config describes: {other}")
    for weight, value in zip(weights, trained.get_weights(), strict=True):
        weight.assign(value)
