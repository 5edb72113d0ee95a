"""The contracts are classes that engines inherit, so their asserts stand in modules that pytest does not look at."""

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.transport_contract", "tests.contracts.lane_contract", "tests.contracts.ownership_contract"
)
