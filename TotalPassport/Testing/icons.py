"""Draws the module's icon: an organ's ellipsoid with its three principal axes on a passport's cover."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QGuiApplication, QImage, QLinearGradient, QPainter, QPen, QRadialGradient

ICON = Path(__file__).parents[1] / "Resources" / "Icons" / "TotalPassport.png"


def draw_icon(size: int) -> QImage:
    """Return the icon as a square image with a transparent border."""
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 128, size / 128)
    _draw_cover(painter)
    painter.translate(66, 56)
    painter.rotate(-28)
    _draw_organ(painter)
    _draw_axes(painter)
    painter.end()
    return image


def _draw_cover(painter: QPainter) -> None:
    gradient = QLinearGradient(20, 4, 108, 124)
    gradient.setColorAt(0, QColor("#1f5f8b"))
    gradient.setColorAt(1, QColor("#0d2f4f"))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(gradient)
    painter.drawRoundedRect(QRectF(16, 4, 98, 120), 12, 12)
    painter.setBrush(QColor(255, 255, 255, 40))
    painter.drawRect(QRectF(16, 16, 7, 96))
    painter.setBrush(QColor("#ffd75e"))  # the machine-readable lines of a passport
    for y, width in ((101, 62), (110, 48)):
        painter.drawRoundedRect(QRectF(36, y, width, 4.5), 2, 2)


def _draw_organ(painter: QPainter) -> None:
    gradient = QRadialGradient(QPointF(-10, -10), 44)
    gradient.setColorAt(0, QColor("#ffd9c2"))
    gradient.setColorAt(1, QColor("#e07a5f"))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(gradient))
    painter.drawEllipse(QPointF(0, 0), 35, 21)


def _draw_axes(painter: QPainter) -> None:
    axes = (("#2f7ef7", QPointF(17, -17)), ("#2fae4a", QPointF(0, 27)), ("#e53935", QPointF(42, 0)))
    for color, end in axes:
        painter.setPen(QPen(QColor("white"), 8.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(-end, end)
        painter.setPen(QPen(QColor(color), 5.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(-end, end)
    painter.setPen(QPen(QColor("white"), 2))
    painter.setBrush(QColor("#ffd75e"))
    painter.drawEllipse(QPointF(0, 0), 6, 6)


if __name__ == "__main__":
    application = QGuiApplication(sys.argv[:1])
    draw_icon(128).save(str(ICON))
