"""Gradient checkpointing: recomputes activations in the gradient instead of storing them, to save memory."""

import tensorflow as tf


def recomputed(function):
    """Wraps a function so that only its inputs and outputs are stored for the gradient.

    It is made for functions that are called many times with a shared argument. It differs from `tf.recompute_grad` in
    two ways. In a graph, `tf.recompute_grad` may recompute all calls at once, because nothing delays them, and then
    saves no memory. Here, each call waits for the gradients of its outputs. Also, if many calls share an argument,
    TensorFlow keeps the gradient from each call and adds them up at the end. Here, these gradients are added one by
    one, so the shared argument must be passed on from call to call. XLA does not keep this order.

    Args:
      function: (shared, *args) -> results, all of them nested tensors. It may use variables.

    Returns:
      (shared, *args) -> (shared, results). Pass the returned `shared` to the next call.
    """

    def call(shared, *args):
        arguments, own = (shared, *args), len(tf.nest.flatten(shared))
        results = None

        @tf.custom_gradient
        def forward(*flat):
            nonlocal results
            results = function(*tf.nest.pack_sequence_as(arguments, flat))

            def gradient(*upstream, variables=()):
                with tf.control_dependencies(upstream):
                    again = [tf.identity(value) for value in flat]
                with tf.GradientTape() as tape:
                    tape.watch(again)
                    outputs = tf.nest.flatten(function(*tf.nest.pack_sequence_as(arguments, again)))
                inputs, weights = tape.gradient(outputs, (again, list(variables)), output_gradients=upstream[own:])
                for index, before in enumerate(upstream[:own]):
                    inputs[index] = before if inputs[index] is None else before + inputs[index]
                return (inputs, weights) if variables else inputs

            return [*flat[:own], *tf.nest.flatten(results)], gradient

        flat = forward(*tf.nest.flatten(arguments))
        return tf.nest.pack_sequence_as((shared, results), flat)

    return call
