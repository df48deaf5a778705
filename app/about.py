"""What Charon is, which version, and whose work it stands on.

GUI thread.
"""

from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import QCoreApplication, QSize, Qt, qVersion
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from app.theme import icon, tokens

ICON_PX = 64
WIDTH_PX = 400


def show_about(parent: QWidget) -> None:
    """Open the dialog over `parent`."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(_tr("About Charon"))
    column = QVBoxLayout(dialog)
    column.setContentsMargins(32, 32, 32, 20)
    column.setSpacing(8)
    picture = QLabel(dialog)
    picture.setPixmap(icon("charon", tokens().accent).pixmap(QSize(ICON_PX, ICON_PX)))
    words = (
        ("heading", f"Charon {_version()}"),
        ("", _tr("Plays a song at once, and lets you mix its stems while they are being separated.")),
        ("small", _tr("MIT licence. Window: Qt {} (LGPL). Typeface: Inter (OFL).").format(qVersion())),
        ("small", _tr("The file NOTICE names every model and library, with its licence.")),
    )
    column.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
    for kind, text in words:
        label = QLabel(text, dialog)
        label.setProperty("class", kind)
        label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        label.setWordWrap(True)
        column.addWidget(label)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
    close = buttons.button(QDialogButtonBox.StandardButton.Close)
    close.setIcon(QIcon())
    close.setToolTip(_tr("Close"))
    close.setAccessibleName(_tr("Close"))
    buttons.rejected.connect(dialog.reject)
    column.addSpacing(12)
    column.addWidget(buttons)
    dialog.setFixedWidth(WIDTH_PX)
    dialog.open()


def _version() -> str:
    try:
        return version("charon")
    except PackageNotFoundError:
        return ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("About", text)
