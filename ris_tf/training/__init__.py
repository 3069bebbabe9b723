"""A training run: starting, stepping, measuring, saving, resuming.

`loop` is the run; `start` makes the model and its optimizer with the learning-rate schedule, and gives both the state
of a checkpoint when a run is resumed; `checkpoints` saves that state, finds the newest one, measures validation images
and keeps the best model; `samples` reads the data; `curriculum` raises the number of steps (`config.curriculum`);
`precision` chooses float32 or bfloat16; `workers` connects several machines and checks that they agree; `monitor` shows
progress, `mlflow_log` writes to MLflow; `termination` handles SIGTERM and Ctrl-C; `thresholds` are tuned at the end of
a run that configured itself.

Start with `loop.train`. The loss is in `objective/`, augmentation in `data/sampling/`.
May import: data, data.sampling, errors, evaluation, files, instances, model, network, settings, storage.
"""
