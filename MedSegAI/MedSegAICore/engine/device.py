"""Where a network runs and in which precision: the only code that asks torch about the hardware."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DeviceUnavailable


@dataclass(frozen=True)
class DevicePlan:
    """Where and how a network runs.

    Parameters
    ----------
    device
        Name for torch: `cpu`, `mps` or `cuda:0`.
    dtype
        Name for torch of the type that large networks compute in: `float32`, `bfloat16` or `float16`.
    reason
        Why, in words for the user.
    """

    device: str
    dtype: str
    reason: str


@dataclass(frozen=True)
class Hardware:
    """What this computer has.

    Parameters
    ----------
    cuda
        Name and compute capability of every CUDA device.
    mps
        Whether there is an Apple GPU.
    cpu_bfloat16
        The processor's instructions for bfloat16 matrices, in words; "" if it has none.
    """

    cuda: tuple[tuple[str, tuple[int, int]], ...]
    mps: bool
    cpu_bfloat16: str


def plan_device(requested: str = "auto", hardware: Hardware | None = None) -> DevicePlan:
    """Return where to run.

    Parameters
    ----------
    requested
        `auto` takes the fastest device; or `cpu`, `mps`, `cuda`, `cuda:1`...
    hardware
        What to choose from; None looks at this computer.

    Raises
    ------
    DeviceUnavailable
        The requested device does not exist here.
    """
    hardware = hardware or probe_hardware()
    wanted = requested.strip().lower()
    if wanted == "auto":
        wanted = "cuda" if hardware.cuda else "mps" if hardware.mps else "cpu"
    if wanted == "cpu":
        return _plan_cpu(hardware)
    if wanted == "mps" and hardware.mps:
        return DevicePlan("mps", "float32", "Runs on the Apple GPU in float32, where half precision is not reliable.")
    kind, _, number = wanted.partition(":")
    if kind == "cuda" and (number or "0") in map(str, range(len(hardware.cuda))):
        return _plan_cuda(int(number or 0), hardware)
    message = f"There is no device '{requested}' on this computer."
    raise DeviceUnavailable(message)


def _plan_cpu(hardware: Hardware) -> DevicePlan:
    if hardware.cpu_bfloat16:
        reason = f"Runs on the processor in bfloat16, which its {hardware.cpu_bfloat16} instructions make faster."
        return DevicePlan("cpu", "bfloat16", reason)
    reason = "Runs on the processor in float32: without instructions for bfloat16 that type would be slower."
    return DevicePlan("cpu", "float32", reason)


def _plan_cuda(index: int, hardware: Hardware) -> DevicePlan:
    name, capability = hardware.cuda[index]
    dtype = "bfloat16" if capability >= (8, 0) else "float16"
    return DevicePlan(f"cuda:{index}", dtype, f"Runs on {name} in {dtype}.")


def probe_hardware() -> Hardware:
    """Return what torch finds on this computer."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = tuple((torch.cuda.get_device_name(n), torch.cuda.get_device_capability(n)) for n in range(count))
    return Hardware(cuda, torch.backends.mps.is_available(), _cpu_bfloat16())


def _cpu_bfloat16() -> str:
    """Return which instructions multiply bfloat16 matrices here, or "" if none do.

    Having the type is not enough: without AMX or AVX512-BF16 torch emulates it about five times slower
    than float32. oneDNN is asked too, because its own settings may switch the instructions off.
    """
    import torch

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return ""
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return ""
    names = {"_is_amx_tile_supported": "AMX", "_is_avx512_bf16_supported": "AVX512-BF16"}
    for function, words in names.items():
        # older versions of torch lack the functions: then nothing is known, and float32 is the safe choice
        if getattr(torch.cpu, function, bool)():
            return words
    return ""
