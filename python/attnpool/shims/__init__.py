"""Drop-ins for other people's interfaces; each module says what it replaces and where it answers differently.

``tutorial``, ``jmetzen`` and ``sklearn`` need NumPy alone, ``statsmodels`` SciPy for bandwidth selection, ``d2l`` PyTorch.
"""
