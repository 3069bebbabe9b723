"""A plugin of napari, in which a person corrects what a model finds, and trains it on that.

`widget` joins the rest: `controls` are its buttons, `watch` shows the progress of a training in a `plot`, `layers` are
the image and the objects in the window of napari, `background` keeps long work off the thread of the windows. All
others need no window: `images` lists and reads images, `folder` is the training folder, `objects` changes label maps,
`training` runs ris-train; `model_process` asks the model, which is in a `finder` in a process of its own.
`napari.yaml` tells napari of it.

Start with `widget.CorrectAndTrain`.
May import: configs, data, data.images, data.readers, errors, evaluation, inference, planning, presets, storage.
"""
