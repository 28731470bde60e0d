import importlib
import os

from hypothesis import HealthCheck, settings

# The same examples in every run; ATTNPOOL_TEST_SCALE divides their number, as it does the sizes of the library's own tests.
settings.register_profile(
    "attnpool",
    deadline=None,
    derandomize=True,
    max_examples=max(10, 100 // int(os.environ.get("ATTNPOOL_TEST_SCALE") or 1)),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("attnpool")

# Tests against packages that are not there are skipped; where this is set, that is an error.
if os.environ.get("ATTNPOOL_REQUIRE_PEERS"):
    for peer in ("scipy", "sklearn", "torch", "statsmodels", "pandas", "matplotlib"):
        importlib.import_module(peer)
