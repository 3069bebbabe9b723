"""HTML pages that hold everything inside: templates by jinja2, pictures and plots as data; no network is needed."""

import base64
import importlib
import io
from pathlib import Path

from PIL import Image

from ris_tf.errors import UsageError
from ris_tf.figures import text

FOLDER = Path(__file__).resolve().parent / "templates"
_LONGEST = 1000  # pixels of a picture's longest side


def check_libraries():
    """Raises UsageError where matplotlib or jinja2, both optional, are not installed."""
    for name in ("jinja2", "matplotlib"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UsageError(f"--report needs {name}; pip install 'ris-tf[report]'") from error


def render(template, **values):
    """Fills a template of the folder `templates`; values are escaped.

    Returns:
      str, HTML.
    """
    jinja2 = importlib.import_module("jinja2")
    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["figure"] = text
    return environment.get_template(template).render(**values)


def svg(drawing):
    """SVG text -> address of an image inside the page; None stays None."""
    return drawing and f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"


def jpeg(picture):
    """uint8 [H, W, 3] -> address of an image inside the page, 1000 pixels long at most."""
    image, buffer = Image.fromarray(picture), io.BytesIO()
    image.thumbnail((_LONGEST, _LONGEST))
    image.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
