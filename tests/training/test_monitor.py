"""What a training run shows while it works."""

import types

from ris_tf.training import monitor


def test_the_bar_says_when_the_next_step_is_compiled(small):
    progress = monitor.Progress(small, done=0)
    progress.set_model(types.SimpleNamespace(steps=2))
    progress.on_train_begin()
    labels = [progress.bar.desc]
    for steps in (2, 2, 3, 3, 3):  # as a curriculum, whose callback comes before this one, has left them
        progress.model.steps = steps
        progress.on_train_batch_end(0, {"loss": 1.0, "matched_iou": 0.5})
        labels.append(progress.bar.desc)
    progress.close()
    assert labels == ["compiling", "training", "training", "compiling", "training", "training"]
