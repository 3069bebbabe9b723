"""Everything that needs the model. It runs in a process of its own, see `model_process`."""

from ris_tf import storage
from ris_tf.errors import UsageError
from ris_tf.evaluation.disagreement import disagreement
from ris_tf.inference.zoom import find_zoom
from ris_tf.napari_plugin import images, objects


class Finder:
    """Answers questions about images. It keeps the last model and the last image, so that only the first is slow.

    The `source` of all methods is the model: preset, work folder or .keras file. They raise UsageError or DataError if
    it cannot be loaded (see `storage.load`), or has the form "paper", and DataError if the image cannot be read.
    """

    def __init__(self):
        self._opened, self._seen, self._zoom = (None, None), (None, None), None

    def config(self, source):
        """The config of a model, dict."""
        return self._model(source).config.to_dict()

    def find(self, source, file, labels):
        """Finds the objects of an image, and says what they add to a label map, int32 [H, W]: see `objects.added`."""
        return objects.added(labels, self._model(source).predict_instances(self._image(file)).labels)

    def object_at(self, source, file, row, column, labels):
        """Outlines the object at a place: bool [H, W]. For the other arguments and errors, see `RIS.object_at`."""
        model, image = self._model(source), self._image(file)
        if model.config.data.view == "tiles" and self._zoom is None:
            self._zoom = find_zoom(model.looking(), model.config, image)  # kept, because it takes several looks
        return model.object_at(image, row, column, labels, self._zoom)

    def doubt(self, source, file):
        """How much the results in four orientations of an image disagree: float in [0, 1]."""
        return disagreement(self._model(source).predict_instances, images.read(file))[1]

    def _model(self, source):
        if self._opened[0] != source:
            model = storage.load(source)
            if model.config.model.form != "attend":
                raise UsageError(f"{source}: has the form 'paper', which draws no object from a click; choose another")
            self._opened, self._zoom = (source, model), None
        return self._opened[1]

    def _image(self, file):
        if self._seen[0] != file:
            self._seen, self._zoom = (file, images.read(file)), None
        return self._seen[1]
