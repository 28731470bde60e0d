#!/usr/bin/env python3
"""Regenerates the polynomials of the cosine kernel in simd/profile-inl.hpp: needs python3-mpmath.

Chebyshev approximations on [0, 1] in the squared distance e, lowest coefficient first, with their largest errors.
"""

import mpmath as mp

mp.mp.dps = 40


def over_rest(e: mp.mpf) -> mp.mpf:
    """cos(pi/2 sqrt(e)) / (1 - e)"""
    return mp.cos(mp.pi / 2 * mp.sqrt(e)) / (1 - e) if abs(e - 1) > mp.mpf(10) ** -15 else mp.pi / 4


def decline(e: mp.mpf) -> mp.mpf:
    """pi/4 sin(pi/2 r) / r, r = sqrt(e)"""
    return mp.pi / 4 * (mp.sin(mp.pi / 2 * mp.sqrt(e)) / mp.sqrt(e) if e > 0 else mp.pi / 2)


for function in (over_rest, decline):
    for type_name, terms in (("float", 5), ("double", 8)):
        coefficients, error = mp.chebyfit(function, [0, 1], terms, error=True)
        print(function.__name__, type_name, "error", mp.nstr(error, 3))
        print("  ", ", ".join(repr(float(c)) for c in reversed(coefficients)))
