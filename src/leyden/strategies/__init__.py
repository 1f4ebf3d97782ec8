"""What programs name of the hardware: strategies and accelerators, thin faces over ``runtime``."""

from leyden.strategies.accelerator import Accelerator, CPUAccelerator, CUDAAccelerator, MPSAccelerator
from leyden.strategies.parallel import DDPStrategy, ParallelStrategy
from leyden.strategies.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision
from leyden.strategies.strategy import SingleDeviceStrategy, Strategy

__all__ = [
    "Accelerator",
    "CPUAccelerator",
    "CUDAAccelerator",
    "DDPStrategy",
    "DoublePrecision",
    "HalfPrecision",
    "MPSAccelerator",
    "MixedPrecision",
    "ParallelStrategy",
    "Precision",
    "SingleDeviceStrategy",
    "Strategy",
]
