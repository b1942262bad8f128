"""Small stand-ins for the container and display widgets of CTK that scripted modules use."""

from __future__ import annotations

from typing import ClassVar

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from . import dialogs
from .signals import connect_weakly


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A titled section; clicking the title hides and shows what is below it."""

    host_strict = True
    host_signals: ClassVar = {"contentsCollapsed(bool)": "contentsCollapsed"}
    contentsCollapsed = Signal(bool)

    _HEADER_HEIGHT = 24

    def __init__(self, *arguments) -> None:
        title = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        parent = next((a for a in arguments if isinstance(a, QtWidgets.QWidget)), None)
        super().__init__(parent)
        self._collapsed = False
        self._collapsed_height = 10
        self._frame_shape = int(QtWidgets.QFrame.NoFrame)
        self._hidden_by_collapse: list[QtWidgets.QWidget] = []
        self.setText(title)
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, self._HEADER_HEIGHT, 0, 0)
        self.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Preferred)
        connect_weakly(self, "toggled", self._on_toggled)

    def _on_toggled(self, checked: bool) -> None:
        self.setCollapsed(not checked)

    def isCollapsed(self) -> bool:
        return self._collapsed

    def setCollapsed(self, collapsed: bool) -> None:
        """Hide or show the contents."""
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self.setChecked(not collapsed)
        self._show_contents(not collapsed)
        self.setMaximumHeight(self._HEADER_HEIGHT if collapsed else 16777215)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    collapsed = Property(bool, isCollapsed, setCollapsed)

    def _show_contents(self, show: bool) -> None:
        if show:
            for widget in self._hidden_by_collapse:
                widget.setVisible(True)
            self._hidden_by_collapse = []
            return
        children = [c for c in self.children() if isinstance(c, QtWidgets.QWidget) and not c.isHidden()]
        for widget in children:
            widget.setVisible(False)
        self._hidden_by_collapse = children

    def _get_collapsed_height(self) -> int:
        return self._collapsed_height

    def setCollapsedHeight(self, height: int) -> None:
        self._collapsed_height = height

    collapsedHeight = Property(int, _get_collapsed_height, setCollapsedHeight)

    def _get_frame_shape(self) -> int:
        return self._frame_shape

    def setContentsFrameShape(self, shape: int) -> None:
        self._frame_shape = int(shape)

    contentsFrameShape = Property(int, _get_frame_shape, setContentsFrameShape)

    def host_ui_loaded(self) -> None:
        """A section that the .ui file declares collapsed was collapsed before it had any contents."""
        if self._collapsed:
            self._show_contents(False)

    def sizeHint(self) -> QtCore.QSize:
        layout = self.layout()
        if layout is None or self._collapsed:
            return QtCore.QSize(200, self._HEADER_HEIGHT)
        return layout.totalSizeHint()

    def minimumSizeHint(self) -> QtCore.QSize:
        layout = self.layout()
        if layout is None or self._collapsed:
            return QtCore.QSize(50, self._HEADER_HEIGHT)
        return layout.totalMinimumSize()

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < self._HEADER_HEIGHT

    def paintEvent(self, _event) -> None:
        """Draw the title bar."""
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, int(self.width), self._HEADER_HEIGHT)
        option.state |= QtWidgets.QStyle.State_Raised
        painter.drawControl(QtWidgets.QStyle.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyleOption(option)
        arrow.rect = QtCore.QRect(6, 7, 10, 10)
        shape = QtWidgets.QStyle.PE_IndicatorArrowRight if self._collapsed else QtWidgets.QStyle.PE_IndicatorArrowDown
        painter.drawPrimitive(shape, arrow)
        text_area = option.rect.adjusted(24, 0, -6, 0)
        painter.drawText(text_area, int(QtCore.Qt.AlignVCenter | QtCore.Qt.AlignLeft), self.text)


class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    """A group box that can be collapsed to its title."""

    host_strict = True

    def __init__(self, *arguments) -> None:
        super().__init__(*[a for a in arguments if a is not None])
        self._collapsed = False
        self._collapsed_height = 14
        self._hidden_by_collapse: list[QtWidgets.QWidget] = []
        self.setCheckable(True)
        self.setChecked(True)
        connect_weakly(self, "toggled", self._on_toggled)

    def isCollapsed(self) -> bool:
        return self._collapsed

    _on_toggled = ctkCollapsibleButton._on_toggled
    setCollapsed = ctkCollapsibleButton.setCollapsed
    _show_contents = ctkCollapsibleButton._show_contents
    host_ui_loaded = ctkCollapsibleButton.host_ui_loaded
    _HEADER_HEIGHT = 24

    collapsed = Property(bool, isCollapsed, setCollapsed)

    def _get_collapsed_height(self) -> int:
        return self._collapsed_height

    def setCollapsedHeight(self, height: int) -> None:
        self._collapsed_height = height

    collapsedHeight = Property(int, _get_collapsed_height, setCollapsedHeight)

    # The group box shares setCollapsed with the button, which announces the change; here nobody can listen.
    class _NoSignal:
        def emit(self, _collapsed: bool) -> None:
            """Say nothing."""

    contentsCollapsed = _NoSignal()


class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box with "don't show again"; it is answered by the test, like every dialog."""

    host_strict = True

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings_key = ""
        self._dont_show_again = False

    def exec_(self) -> int:
        return dialogs.answers.ask("message_box", self.text, self)

    def _get_key(self) -> str:
        return self._settings_key

    def setDontShowAgainSettingsKey(self, key: str) -> None:
        self._settings_key = key

    dontShowAgainSettingsKey = Property(str, _get_key, setDontShowAgainSettingsKey)


class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as high as its text."""

    host_strict = True

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._collapsed = True
        self._collapsible_text = ""

    def setCollapsibleText(self, text: str) -> None:
        self._collapsible_text = text
        self.setHtml(text)

    def _get_collapsible_text(self) -> str:
        return self._collapsible_text

    collapsibleText = Property(str, _get_collapsible_text, setCollapsibleText)

    def sizeHint(self) -> QtCore.QSize:
        document = self.document.clone()
        document.setTextWidth(max(200, self.viewport().width))
        return QtCore.QSize(200, int(document.size.height()) + 8)


class ctkSearchBox(QtWidgets.QLineEdit):
    """A line edit with a magnifying glass."""

    host_strict = True

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._show_search_icon = True
        self._always_show_clear_icon = False
        self.setPlaceholderText("Search...")
        self.setClearButtonEnabled(True)

    def _get_show_search_icon(self) -> bool:
        return self._show_search_icon

    def setShowSearchIcon(self, show: bool) -> None:
        self._show_search_icon = show

    showSearchIcon = Property(bool, _get_show_search_icon, setShowSearchIcon)

    def _get_always_show_clear_icon(self) -> bool:
        return self._always_show_clear_icon

    def setAlwaysShowClearIcon(self, show: bool) -> None:
        self._always_show_clear_icon = show

    alwaysShowClearIcon = Property(bool, _get_always_show_clear_icon, setAlwaysShowClearIcon)


class ctkColorPickerButton(QtWidgets.QPushButton):
    """A button that holds a colour."""

    host_strict = True
    host_signals: ClassVar = {"colorChanged(QColor)": "colorChanged"}
    colorChanged = Signal(QtGui.QColor)

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._color = QtGui.QColor(0, 0, 0)

    def _get_color(self) -> QtGui.QColor:
        return self._color

    def setColor(self, color: QtGui.QColor) -> None:
        if color != self._color:
            self._color = color
            self.colorChanged.emit(color)

    color = Property(QtGui.QColor, _get_color, setColor)


WIDGETS = (
    ctkCollapsibleButton,
    ctkCollapsibleGroupBox,
    ctkMessageBox,
    ctkFittedTextBrowser,
    ctkSearchBox,
    ctkColorPickerButton,
)
