"""
Time series: what was known at the time
=======================================

Weekly carbon dioxide at Mauna Loa, 1958 to 2001. Smoothing with all rows looks into the future; a causal range lets every
row see the rows before it and itself only.
"""

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm

import attnpool

series = sm.datasets.co2.load_pandas().data["co2"].dropna()
weeks = (series.index - series.index[0]).days.to_numpy() / 7.0
co2 = series.to_numpy()

# %%
# Both have a bandwidth of 26 weeks. The causal one lags behind a rising series, as every one-sided mean does.
smooth = attnpool.pool(weeks, weeks, co2, bandwidth=26.0)
causal = attnpool.pool(weeks, weeks, co2, bandwidth=26.0, key_range=attnpool.KeyRange.causal())

recent = slice(-300, None)
ax = plt.subplots(figsize=(8, 4))[1]
ax.plot(series.index[recent], co2[recent], ".", color="lightgrey", label="measured")
ax.plot(series.index[recent], smooth[recent], label="all rows")
ax.plot(series.index[recent], causal[recent], label="causal")
ax.set_ylabel("CO$_2$, ppm")
ax.legend()

# %%
# Each row predicted from all the others finds the season: the bandwidth of the least leave-one-out error is a few weeks.
found = attnpool.bandwidth.loo(weeks, co2)
print(found.summary())
ax = plt.subplots(figsize=(8, 4))[1]
ax.plot(series.index[recent], co2[recent], ".", color="lightgrey", label="measured")
ax.plot(series.index[recent], attnpool.pool(weeks, weeks, co2, w=found.w)[recent], label="least leave-one-out error")
ax.set_ylabel("CO$_2$, ppm")
ax.legend()
