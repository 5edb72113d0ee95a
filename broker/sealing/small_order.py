"""Ed25519 public keys that anybody can sign for, which OpenSSL takes all the same.

A signature under a key of small order proves nothing (all zeros is such a key, and 64 zero bytes a signature), so
whoever entered one could deny all that was signed with it. Source: RFC 8032, section 5.1, gives curve and p.
"""

_P = 2**255 - 19
_Y_OF_ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER = frozenset({0, 1, _P - 1, _P, _P + 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})
"""The y coordinates, in every spelling, of the points whose order divides 8."""


def has_small_order(public: bytes) -> bool:
    """Whether the 32 bytes of an Ed25519 public key are one of these points, in any spelling."""
    return int.from_bytes(public, "little") & (2**255 - 1) in _SMALL_ORDER
