"""Drop-ins for other people's interfaces; each module says what it replaces and where it answers differently.

``tutorial`` and ``sklearn`` need NumPy alone, ``statsmodels`` SciPy for bandwidth selection, ``jmetzen`` scikit-learn,
``d2l`` PyTorch.
"""
