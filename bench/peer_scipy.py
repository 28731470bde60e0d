"""Kernel regression in one dimension by linear binning, FFT and cubic interpolation, with SciPy, for attnpool_bench.

Reads commands, one a line, and answers each with "ok":
    load FILE TYPE QUERIES KEYS W LOW HIGH THREADS    FILE holds keys, values, queries and room for the results
    run                                               all of it
    prepare                                           up to the queries
    answer                                            the rest
"""
import sys

import numpy as np
from scipy import fft
from scipy.ndimage import map_coordinates, spline_filter

CELLS = 65536


class Problem:
    def __init__(self, path, kind, queries, keys, w, low, high, threads):
        queries, keys, self.w, self.low, high = int(queries), int(keys), float(w), float(low), float(high)
        self.threads = int(threads)
        data = np.memmap(path, kind, "r+")
        self.keys, self.values, self.queries, self.out = np.split(data, [keys, 2 * keys, 2 * keys + queries])
        self.step = (high - self.low) / (CELLS - 1)

    def prepare(self):
        x = (self.keys.astype(np.float64) - self.low) / self.step
        cell = np.minimum(x.astype(np.int64), CELLS - 2)
        part, values = x - cell, self.values.astype(np.float64)
        sums = np.empty((2, CELLS))
        for row, factor in enumerate((1.0, values)):
            sums[row] = np.bincount(cell, (1 - part) * factor, CELLS) + np.bincount(cell + 1, part * factor, CELLS)
        reach = min(CELLS - 1, int(np.ceil(9 / (self.w * self.step))))  # bandwidths; e^-40 is left out
        n = fft.next_fast_len(CELLS + reach, real=True)
        weights = np.exp(-0.5 * (self.w * self.step * np.arange(reach + 1)) ** 2)
        kernel = np.zeros(n)
        kernel[: reach + 1] = weights
        kernel[n - reach :] = weights[:0:-1]
        spectrum = fft.rfft(sums, n, workers=self.threads) * fft.rfft(kernel)
        weight, value = fft.irfft(spectrum, n, workers=self.threads)[:, :CELLS]
        self.spline = spline_filter(value / weight)

    def answer(self):
        at = (self.queries.astype(np.float64) - self.low) / self.step
        map_coordinates(self.spline, [at], self.out, prefilter=False, mode="nearest")


def main():
    problem = None
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "load":
            problem = Problem(*arguments)
        if command in ("run", "prepare"):
            problem.prepare()
        if command in ("run", "answer"):
            problem.answer()
        print("ok", flush=True)


if __name__ == "__main__":
    main()
