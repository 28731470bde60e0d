"""The pictures hold what they are given."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import attnpool  # noqa: E402


def test_plot_fit():
    x = np.array([2.0, 0.0, 1.0])
    ax = attnpool.plot_fit(x, x**2, keys=[0.5], values=[3.0], truth=x)
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert lines == {"Truth": [[0, 0], [1, 1], [2, 2]], "Pred": [[0, 0], [1, 1], [2, 4]], "Data": [[0.5, 3]]}
    assert attnpool.plot_fit(x, x, ax=ax) is ax
    banded = attnpool.plot_fit(x, x, band=(x - 1, x + 1))
    assert "Band" in [text.get_text() for text in banded.get_legend().get_texts()]
    with pytest.raises(ValueError, match="band: must have"):
        attnpool.plot_fit(x, x, band=(x, x[1:]))


def test_plot_weights():
    p = attnpool.attention_weights(np.arange(3.0), np.arange(4.0), w=1.0)
    ax = attnpool.plot_weights(p)
    image = ax.get_images()[0]
    np.testing.assert_array_equal(image.get_array(), p)
    assert image.get_cmap().name == "Reds" and ax.get_xlabel() == "Sorted training inputs"
    with pytest.raises(ValueError, match="^weights"):
        attnpool.plot_weights([1.0])


def test_plot_loss():
    result = attnpool.fit([0.0, 1.0, 2.0], [0.0, 1.0, 0.5], w0=1.0, epochs=3)
    np.testing.assert_array_equal(attnpool.plot_loss(result, label="fit").get_lines()[0].get_ydata(), result.losses)
