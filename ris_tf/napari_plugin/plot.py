"""Draws the loss and the validation SBD of a training."""

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

_CURVES = (("loss", "loss", "#ffa726"), ("val_sbd", "validation SBD", "#4db6ac"))  # column, title, colour
_MARGIN, _LINE = 8, 18  # pixels


class Plot(QWidget):
    """Two curves over the training steps. Each is as high as the plot; the last value stands beside its title."""

    def __init__(self):
        super().__init__()
        self._rows, self._steps = [], 0
        self.setMinimumHeight(140)

    def show_rows(self, rows, steps):
        """Shows the rows of a log.

        Args:
          rows: see `training.rows_of`.
          steps: int, number of steps of the whole training.

        Returns:
          whether there is something new to see, bool.
        """
        new = bool(rows) and rows != self._rows
        self._rows, self._steps = rows, steps
        self.update()
        return new

    def paintEvent(self, event):
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor("#1d2025"))
        for number, (column, title, colour) in enumerate(_CURVES):
            points = [(row["step"], row[column]) for row in self._rows if column in row]
            painter.setPen(QColor(colour))
            said = f"{title} {points[-1][1]:.3f}" if points else title
            side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
            painter.drawText(self.rect().adjusted(_MARGIN, 3, -_MARGIN, 0), side, said)
            self._draw(painter, points, colour)
        if not self._steps:
            return  # nothing has been trained yet
        painter.setPen(QColor("#9aa0a6"))
        bottom = self.rect().adjusted(_MARGIN, 0, -_MARGIN, -3)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, "step 0")
        painter.drawText(bottom, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight, f"{self._steps:,}")

    def _draw(self, painter, points, colour):
        if not points:
            return
        low, high = (pick(value for _, value in points) for pick in (min, max))
        width, height = self.width() - 2 * _MARGIN, self.height() - 2 * _LINE - 2 * _MARGIN
        line = QPolygonF()
        for step, value in points:
            share = (value - low) / (high - low) if high > low else 0.5
            line.append(QPointF(_MARGIN + width * step / self._steps, _LINE + _MARGIN + height * (1 - share)))
        painter.setPen(QPen(QColor(colour), 2))
        painter.drawPolyline(line)
        painter.setBrush(QColor(colour))
        for point in line:
            painter.drawEllipse(point, 2.5, 2.5)
