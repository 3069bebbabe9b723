"""Recomputation: gradients equal those of TensorFlow, and activations are really computed again, one call at a time."""

import numpy as np
import tensorflow as tf

from ris_tf.network.recompute import recomputed


def chain(call, x, weight, shared):
    """Three calls that hand the shared argument on; the sum of what they give."""
    total = 0.0
    for _ in range(3):
        shared, results = call(shared, {"x": x})
        x, total = results["x"], total + tf.reduce_sum(results["extra"])
    return total + tf.reduce_sum(x)


def layer(weight, counter=None):
    def function(shared, state):
        if counter is not None:
            counter.assign_add(1)
        hidden = tf.tanh(state["x"] * weight + shared["used"])
        return {"x": hidden, "extra": hidden * shared["used"]}

    return function


def gradients(recompute, counter=None):
    weight = tf.Variable([0.5, -1.0, 2.0])
    shared = {"unused": tf.constant([1.0]), "used": tf.constant([0.3, 0.2, -0.1])}
    x = tf.constant([1.0, 2.0, 3.0])

    @tf.function
    def run():
        plain = layer(weight, counter)
        call = recomputed(plain) if recompute else lambda context, state: (context, plain(context, state))
        with tf.GradientTape() as tape:
            tape.watch([x, shared["used"]])
            loss = chain(call, x, weight, shared)
        return tape.gradient(loss, [weight, x, shared["used"]])

    return [value.numpy() for value in run()]


def test_gradients_equal_those_without():
    for ours, expected in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_each_call_runs_once_forward_and_once_in_the_gradient():
    for recompute, runs in ((False, 3), (True, 6)):
        counter = tf.Variable(0)
        gradients(recompute, counter)
        assert counter.numpy() == runs


def test_recomputation_waits_for_the_gradient_of_the_outputs():
    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            _, y = recomputed(lambda shared, value: tf.exp(value * shared))(tf.constant(2.0), x)
            loss = tf.sin(y)
        return tape.gradient(loss, x)

    graph = gradient.get_concrete_function(tf.constant(1.0)).graph
    first, again = [op for op in graph.get_operations() if op.type == "Exp"]
    cosine = next(op for op in graph.get_operations() if op.type == "Cos")

    def ancestors(op):
        found, waiting = set(), [op]
        while waiting:
            one = waiting.pop()
            before = [value.op for value in one.inputs] + list(one.control_inputs)
            waiting += [other for other in before if other.name not in found]
            found |= {other.name for other in before}
        return found

    assert cosine.name in ancestors(again) and cosine.name not in ancestors(first)
    np.testing.assert_allclose(gradient(tf.constant(1.0)), np.cos(np.exp(2.0)) * 2 * np.exp(2.0), rtol=1e-5)
