"""Fields of a config: defaults, allowed ranges, and the state that is saved with a model.

`schema` completes and checks a whole config; `ranges` has the allowed values of every field; `overrides` explains what
is wrong with `--config.FIELD=VALUE`; `training_state` checks the state of a training inside a .keras file. The default
values are in `configs/base.py`.

Start with `schema.check`. A new field: its default and comment in `configs/base.py`, its range in `ranges`.
May import: configs, errors.
"""
