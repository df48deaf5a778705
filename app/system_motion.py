"""Whether the desktop asks programs to move less.

Qt 6.11 does not tell, so each platform is asked in its own words. Asked once a process; an answer
that does not come is "no".
"""

import ctypes
import sys
from ctypes.util import find_library
from functools import cache


@cache
def system_reduces_motion() -> bool:
    """Whether animations are switched off in the system's settings."""
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "darwin":
        return _macos()
    return _freedesktop()


def _windows() -> bool:
    if sys.platform != "win32":
        return False
    shown = ctypes.c_int(1)
    client_area_animation = 0x1042
    ctypes.windll.user32.SystemParametersInfoW(client_area_animation, 0, ctypes.byref(shown), 0)
    return not shown.value


def _macos() -> bool:
    # [[NSWorkspace sharedWorkspace] accessibilityDisplayShouldReduceMotion], through the C runtime;
    # Qt's own platform plug-in has loaded AppKit.
    objc = ctypes.CDLL(find_library("objc"))
    objc.objc_getClass.restype = objc.sel_registerName.restype = ctypes.c_void_p
    objc.objc_getClass.argtypes = objc.sel_registerName.argtypes = [ctypes.c_char_p]
    address = ctypes.cast(objc.objc_msgSend, ctypes.c_void_p).value
    get_object = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(address or 0)
    get_bool = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)(address or 0)
    shared = get_object(objc.objc_getClass(b"NSWorkspace"), objc.sel_registerName(b"sharedWorkspace"))
    return bool(get_bool(shared, objc.sel_registerName(b"accessibilityDisplayShouldReduceMotion")))


def _freedesktop() -> bool:
    from PySide6.QtDBus import QDBus, QDBusConnection, QDBusMessage, QDBusVariant

    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return False
    question = QDBusMessage.createMethodCall(
        "org.freedesktop.portal.Desktop",
        "/org/freedesktop/portal/desktop",
        "org.freedesktop.portal.Settings",
        "ReadOne",
    )
    question.setAutoStartService(False)
    question.setArguments(["org.gnome.desktop.interface", "enable-animations"])
    patience_ms = 50
    answer = bus.call(question, QDBus.CallMode.Block, patience_ms).arguments()
    shown: object = answer[0] if answer else True
    # A variant over the bus comes wrapped.
    if isinstance(shown, QDBusVariant):
        shown = shown.variant()
    return shown is False
