"""The learning rate of a step: asked for once, and the weights end as Keras leaves them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ris_tf.objective.training_step import one_learning_rate


class Counted(keras.optimizers.schedules.LearningRateSchedule):
    asked = 0

    def __call__(self, step):
        Counted.asked += 1
        return 0.1 / (1.0 + tf.cast(step, tf.float32))

    def get_config(self):
        return {}


@pytest.mark.parametrize("scaled", [False, True])
def test_the_schedule_is_asked_once_and_the_weights_are_those_of_keras(scaled):
    ended = []
    for once in (False, True):
        weights = [keras.Variable(np.full(3, 1.0 + index, np.float32)) for index in range(5)]
        optimizer = keras.optimizers.AdamW(Counted(), weight_decay=0.01)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
        optimizer.build(weights)
        for step in range(3):
            gradients = [tf.fill([3], 0.5 + step) for _ in weights]
            Counted.asked = 0
            if once:
                with one_learning_rate(optimizer):
                    optimizer.apply(gradients, weights)
            else:
                optimizer.apply(gradients, weights)
            assert Counted.asked == 1 if once else Counted.asked > len(weights)
        ended.append(np.stack([weight.numpy() for weight in weights]))
    np.testing.assert_array_equal(*ended)
