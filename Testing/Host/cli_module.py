"""Slicer's own runner of command line modules, without the desktop.

The desktop parses a module's XML and hands the description to `vtkSlicerCLIModuleLogic` in C++. Python has no wrapper
for those three calls, so they are made through their exported C++ symbols (Linux only).
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import slicer
import slicer_core

LIBRARIES = Path(slicer_core.__file__).parent
DESCRIPTION_BYTES, PARSER_BYTES, STRING_BYTES = 8192, 64, 64
"""Room for the C++ objects; each is larger than what its constructor fills."""


def cli_logic(scene, application, xml: str, script: Path, python: str = sys.executable):
    """Return the logic that runs `script` as the command line module that `xml` describes.

    Raises
    ------
    ValueError
        Slicer's parser refuses the description.
    """
    logic = slicer.vtkSlicerCLIModuleLogic()
    logic.SetMRMLScene(scene)
    logic.SetMRMLApplicationLogic(application)
    description = ctypes.create_string_buffer(DESCRIPTION_BYTES)
    _call(_parser(), "_ZN17ModuleDescriptionC1Ev", description)
    parse = "_ZN23ModuleDescriptionParser5ParseERKSsR17ModuleDescription"
    parser = ctypes.create_string_buffer(PARSER_BYTES)
    if _call(_parser(), parse, parser, _string(xml), description):
        message = "Slicer's parser refuses the module's XML"
        raise ValueError(message)
    for setter, value in (("SetType", "CommandLineModule"), ("SetTarget", str(script)), ("SetLocation", python)):
        symbol = f"_ZN17ModuleDescription{len(setter)}{setter}ERKSs"
        _call(_parser(), symbol, description, _string(value))
    take = "_ZN23vtkSlicerCLIModuleLogic27SetDefaultModuleDescriptionERK17ModuleDescription"
    address = ctypes.c_void_p(int(logic.GetAddressAsString("").split("=")[-1], 16))
    _call(ctypes.CDLL(str(LIBRARIES / "libvtkSlicerBaseLogic.so")), take, address, description)
    return logic


def _parser() -> ctypes.CDLL:
    (library,) = (LIBRARIES / "third_party.libs").glob("libModuleDescriptionParser*.so*")
    return ctypes.CDLL(str(library))


def _call(library: ctypes.CDLL, symbol: str, *arguments) -> int:
    return getattr(library, symbol)(*arguments)


def _string(text: str) -> ctypes.Array:
    """Return a std::string of the ABI that the wheel is built with: one pointer to shared characters."""
    buffer = ctypes.create_string_buffer(STRING_BYTES)
    allocator = ctypes.create_string_buffer(8)
    standard = ctypes.CDLL("libstdc++.so.6")
    _call(standard, "_ZNSsC1EPKcRKSaIcE", buffer, ctypes.c_char_p(text.encode()), allocator)
    return buffer
