"""Self-contained HTML pages: fills Jinja2 templates and embeds pictures and plots, so that no network is needed."""

import base64
import importlib
import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ris_tf.evaluation.figures import text
from ris_tf.optional import import_optional
from ris_tf.wording import counted

FOLDER = Path(__file__).resolve().parent / "templates"
_LONGEST = 1000  # pixels, longest side of an embedded picture


def check_libraries():
    """Checks that the optional libraries jinja2 and matplotlib are installed.

    Raises:
      UsageError: one of them is missing.
    """
    for name in ("jinja2", "matplotlib"):
        import_optional(name, "--report", name, "'ris-tf[report]'")


class Made(NamedTuple):
    """How a page was made, for its foot line.

    Attributes:
      date: when the run began, str.
      version: of ris_tf.
      command: the command line.
      data: what was measured.
    """

    date: str
    version: str
    command: str
    data: str


def render(template, made=None, **values):
    """Fills a template.

    Args:
      template: name of a file in the folder `templates`.
      made: Made, or None for a page without a foot line.
      **values: variables of the template; they are escaped for HTML.

    Returns:
      str, HTML.
    """
    jinja2 = importlib.import_module("jinja2")
    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"figure": text, "counted": counted}
    return environment.get_template(template).render(made=made, **values)


def svg(drawing):
    """Encodes an SVG drawing, str, as a data URL; None stays None."""
    return drawing and f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"


def jpeg(picture):
    """Encodes a picture, uint8 [H, W, 3], as the data URL of a JPEG whose longest side is at most 1000 pixels."""
    image, buffer = Image.fromarray(picture), io.BytesIO()
    image.thumbnail((_LONGEST, _LONGEST))
    image.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
