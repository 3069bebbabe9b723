"""Writes the log of a training run to MLflow, an optional library, where its own settings (MLFLOW_...) say."""

from pathlib import Path

from absl import logging

from ris_tf.errors import UsageError
from ris_tf.files.writing import write_text
from ris_tf.optional import import_optional

_EXPERIMENT = "ris_tf"  # unless MLFLOW_EXPERIMENT_NAME names another
_RUN = "mlflow_run"  # file in the work folder with the id of the run, so that a resumed training continues it
_LONGEST = 500  # characters of a parameter, which older servers store


class MLflowLog:
    """A run in MLflow that belongs to a work folder.

    Args:
      workdir: Path of the work folder; its name becomes that of the run.

    Raises:
      UsageError: mlflow is not installed, or its store cannot be opened.
    """

    def __init__(self, workdir):
        self._mlflow = import_optional("mlflow", "--log=mlflow", "mlflow", "'ris-tf[mlflow]'")
        self._workdir, self._run = Path(workdir), None
        try:
            if not self._mlflow.environment_variables.MLFLOW_EXPERIMENT_NAME.get():
                self._mlflow.set_experiment(_EXPERIMENT)
            self._client = self._mlflow.MlflowClient()
        except Exception as error:  # the store may be a server, a data base or a folder, with errors of their own
            raise UsageError(f"--log=mlflow: {self._mlflow.get_tracking_uri()}: {_line(error)}") from error

    def write(self, model, row):
        """Writes a row of the log. If that fails, a warning says so, and the training goes on.

        Args:
          model: RIS; its config becomes the parameters of the run.
          row: dict with "step" and numbers, see `checkpoints.Checkpoints`.
        """
        try:
            self._run = self._run or self._started(model.config)
            for name, value in row.items():
                if name != "step" and value is not None:
                    self._client.log_metric(self._run, name, float(value), step=int(row["step"]))
        except Exception as error:  # the training must not end because a server is away
            logging.warning("--log=mlflow: step %s was not written: %s", row["step"], _line(error))

    def _started(self, config):
        """Continues the run of the work folder, or starts one with the fields of the config; returns its id."""
        file = self._workdir / _RUN
        if file.is_file():
            return file.read_text().strip()
        with self._mlflow.start_run(run_name=self._workdir.name) as run:
            self._mlflow.log_params({name: str(value)[:_LONGEST] for name, value in _flat(config.to_dict())})
        write_text(file, run.info.run_id + "\n")
        return run.info.run_id


def _flat(fields, before=""):
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _line(error):
    return " ".join(str(error).split())[:200]
