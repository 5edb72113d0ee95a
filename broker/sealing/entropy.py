"""Where randomness comes from: injected, so that the pure core has no hidden input and a test can drive it."""

import os
from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""Gives that many random bytes."""

system_entropy: Entropy = os.urandom
