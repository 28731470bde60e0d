"""The smoothing kernel of a call: one of ten shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from ._core import Kernel as ScaledKernel


@dataclass(frozen=True)
class Kernel:
    """A smoothing kernel K as a function of u, the distance in bandwidths.

    shape: "gaussian" e^(-u^2/2), "boxcar" 1, "triangular" 1 - u, "epanechnikov" 1 - u^2, "biweight" (1 - u^2)^2, "triweight"
    (1 - u^2)^3, "tricube" (1 - u^3)^3, "cosine" cos(pi u / 2), all but the first 0 from u = 1 on; "laplace" e^-u,
    "rational_quadratic" (1 + u^2 / (2 alpha))^-alpha. alpha: of the last, in (0, 1000]. product: the product of K over the
    dimensions, instead of K of the Euclidean distance.

    Wherever a function takes ``kernel``, the name of a shape does too.
    """

    shape: str = "gaussian"
    alpha: float = 1.0
    product: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.shape, str):
            raise TypeError(f"kernel: must be a string or an attnpool.Kernel, got {self.shape!r}")
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, (int, float)):
            raise TypeError(f"alpha: must be a number, got {self.alpha!r}")
        ScaledKernel([1.0], False, self.shape, self.alpha, bool(self.product))  # checks them


def profile(kernel: Union[str, Kernel, Any]) -> ScaledKernel:
    """The kernel that the caller named, for calls that find bandwidths of their own."""
    k = kernel_argument(kernel)
    return ScaledKernel([1.0], False, k.shape, k.alpha, k.product)


def kernel_argument(kernel: Union[str, Kernel, Any]) -> Kernel:
    """The kernel that the caller named."""
    return kernel if isinstance(kernel, Kernel) else Kernel(kernel)
