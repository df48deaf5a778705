"""Order among eight floats at once: the smaller, the larger, one or the other.

For the running median, whose sorted windows lie side by side in SIMD lanes: a comparison there must
never be a branch, because neighbouring lanes answer differently. Beside lanes.py, which has the
arithmetic. Only inside kernels; values are finite, of NaN either operand may come out.
"""

from typing import Any

from numba.extending import intrinsic

from engine.kernels.lanes import vec8


def _chooser(relation: str) -> Any:
    """An intrinsic that gives `a` in the lanes where `a` stands in `relation` to `b`, otherwise `b`."""

    def typed(_typing: Any, a: Any, b: Any) -> Any:
        if a != vec8 or b != vec8:
            return None

        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(relation, args[0], args[1]), args[0], args[1])

        return vec8(a, b), codegen

    return intrinsic(typed)


@intrinsic
def _where_less8(_typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    if any(v != vec8 for v in (a, b, yes, no)):
        return None

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return vec8(a, b, yes, no), codegen


min8: Any = _chooser("<")
"""`min8(a, b)`: the smaller of each pair of lanes, one instruction."""

max8: Any = _chooser(">")
"""`max8(a, b)`: the larger of each pair of lanes."""

where_less8: Any = _where_less8
"""`where_less8(a, b, yes, no)`: `yes` in the lanes where a < b, `no` in the others."""
