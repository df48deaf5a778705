"""Eight floats at once: explicit SIMD vectors for the kernels whose shape a compiler cannot guess.

LLVM vectors of eight float32: one AVX register, two of NEON or SSE, so the same code is portable.
For the Fourier transform and the resampler; whatever a plain loop expresses stays a plain loop. It
exists because a butterfly reads and writes sixteen streams, and numba cannot promise LLVM that they
do not overlap, so plain loops there stay scalar.

`a + b`, `a - b`, `a * b`, `a / b` work on vectors; products may be fused with sums. Only inside kernels.
"""

import operator
from typing import Any, TypeAlias, cast

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

N_LANES = 8
_FLOAT_BYTES = 4
_VECTOR = ir.VectorType(ir.FloatType(), N_LANES)
_INDEX = ir.IntType(32)


class Vec8(types.Type):
    """numba's type of a vector of eight float32."""

    def __init__(self) -> None:
        super().__init__(name="Vec8")


vec8 = Vec8()

Vector: TypeAlias = Any
"""What a kernel's annotations call a `Vec8`: its operators exist for numba alone."""


@register_model(Vec8)
class _Vec8Model(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


class _VectorOperator(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if not kws and len(args) == 2 and all(isinstance(a, Vec8) for a in args):
            return signature(vec8, vec8, vec8)
        return None


def _define(operation: Any, method: str) -> None:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return getattr(builder, method)(args[0], args[1], flags=("contract",))

    cast("Any", infer_global)(operation)(type(f"_Vec8{method}", (_VectorOperator,), {}))
    lower_builtin(operation, Vec8, Vec8)(lower)


_define(operator.add, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")
_define(operator.truediv, "fdiv")


def _shuffle(builder: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INDEX, len(lanes)), lanes)
    return builder.shuffle_vector(a, b, mask)


def _vector_pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    fields = context.make_array(signature.args[0])(context, builder, args[0])
    index = context.cast(builder, args[1], signature.args[1], types.intp)
    return builder.bitcast(builder.gep(fields.data, [index]), _VECTOR.as_pointer())


def _is_floats(array_type: Any) -> bool:
    if not isinstance(array_type, types.Array):
        return False
    array = cast("Any", array_type)
    return array.dtype == types.float32 and array.ndim == 1 and array.layout == "C"


@intrinsic
def _load8(_typing: Any, array: Any, index: Any) -> Any:
    if not _is_floats(array) or not isinstance(index, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_vector_pointer(context, builder, signature, args), align=_FLOAT_BYTES)

    return vec8(array, index), codegen


@intrinsic
def _store8(_typing: Any, array: Any, index: Any, vector: Any) -> Any:
    if not _is_floats(array) or not isinstance(index, types.Integer) or vector != vec8:
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _vector_pointer(context, builder, signature, args), align=_FLOAT_BYTES)
        return context.get_dummy_value()

    return types.void(array, index, vector), codegen


@intrinsic
def _fetch(_typing: Any, array: Any, index: Any) -> Any:
    if not _is_floats(array) or not isinstance(index, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.bitcast(
            _vector_pointer(context, builder, signature, args), ir.IntType(8).as_pointer()
        )
        kind = ir.FunctionType(ir.VoidType(), [place.type, _INDEX, _INDEX, _INDEX])
        name = "llvm.prefetch.p0i8"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        read, keep, data = (ir.Constant(_INDEX, i) for i in (0, 3, 1))
        builder.call(function, [place, read, keep, data])
        return context.get_dummy_value()

    return types.void(array, index), codegen


@intrinsic
def _splat8(_typing: Any, value: Any) -> Any:
    if not isinstance(value, types.Float):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = context.cast(builder, args[0], signature.args[0], types.float32)
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, scalar, ir.Constant(_INDEX, 0))
        return _shuffle(builder, first, undefined, [0] * N_LANES)

    return vec8(value), codegen


@intrinsic
def _repeat8(_typing: Any, array: Any, index: Any) -> Any:
    if not _is_floats(array) or not isinstance(index, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        fields = context.make_array(signature.args[0])(context, builder, args[0])
        place = context.cast(builder, args[1], signature.args[1], types.intp)
        scalar = builder.load(builder.gep(fields.data, [place]), align=_FLOAT_BYTES)
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, scalar, ir.Constant(_INDEX, 0))
        return _shuffle(builder, first, undefined, [0] * N_LANES)

    return vec8(array, index), codegen


@intrinsic
def _sum8(_typing: Any, vector: Any) -> Any:
    if vector != vec8:
        return None

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        total = args[0]
        for width in (4, 2, 1):
            lower = _shuffle(builder, total, total, list(range(width)))
            upper = _shuffle(builder, total, total, list(range(width, 2 * width)))
            total = builder.fadd(lower, upper)
        return builder.extract_element(total, ir.Constant(_INDEX, 0))

    return types.float32(vector), codegen


def _pair_shuffle(lanes: list[int]) -> Any:
    def typed(_typing: Any, a: Any, b: Any) -> Any:
        if a != vec8 or b != vec8:
            return None

        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return _shuffle(builder, args[0], args[1], lanes)

        return vec8(a, b), codegen

    return intrinsic(typed)


def _choose8(predicate: str) -> Any:
    """The lanes of `a` where `a predicate b`, else those of `b`: for NaN in `a` always `b`."""

    def typed(_typing: Any, a: Any, b: Any) -> Any:
        if a != vec8 or b != vec8:
            return None

        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(predicate, args[0], args[1]), args[0], args[1])

        return vec8(a, b), codegen

    return intrinsic(typed)


@intrinsic
def _flush8(_typing: Any, vector: Any, threshold: Any) -> Any:
    if vector != vec8 or threshold != vec8:
        return None

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        integers = ir.VectorType(_INDEX, N_LANES)
        bits = builder.bitcast(args[0], integers)
        size = builder.bitcast(builder.and_(bits, ir.Constant(integers, [0x7FFFFFFF] * N_LANES)), _VECTOR)
        small = builder.fcmp_ordered("<", size, args[1])
        return builder.select(small, ir.Constant(_VECTOR, [0.0] * N_LANES), args[0])

    return vec8(vector, threshold), codegen


@intrinsic
def _reverse8(_typing: Any, vector: Any) -> Any:
    if vector != vec8:
        return None

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _shuffle(builder, args[0], args[0], [7, 6, 5, 4, 3, 2, 1, 0])

    return vec8(vector), codegen


# Three rounds of two-vector shuffles, each one instruction on AVX and one or none on NEON:
# pairs of floats, pairs of doubles, halves.
_TRANSPOSE_ROUNDS = (
    (1, [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]),
    (2, [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]),
    (4, [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]),
)


@intrinsic
def _transpose8(_typing: Any, rows: Any) -> Any:
    if rows != types.UniTuple(vec8, N_LANES):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        v = cgutils.unpack_tuple(builder, args[0], N_LANES)
        for distance, low, high in _TRANSPOSE_ROUNDS:
            for i in range(N_LANES):
                if not i & distance:
                    a, b = v[i], v[i + distance]
                    v[i] = _shuffle(builder, a, b, low)
                    v[i + distance] = _shuffle(builder, a, b, high)
        # What the rounds leave at row i belongs to column TRANSPOSED[i].
        ordered = [v[i] for i in (0, 2, 1, 3, 4, 6, 5, 7)]
        return context.make_tuple(builder, signature.return_type, ordered)

    return rows(rows), codegen


load8: Any = _load8
"""`load8(array, i)`: elements i..i+7 of a contiguous float32 array; any alignment, unchecked."""

store8: Any = _store8
"""`store8(array, i, vector)`: write elements i..i+7."""

fetch: Any = _fetch
"""`fetch(array, i)`: bring the line of memory that element i lies on nearer; it never waits, any i is safe.

For what is read next in an order that the processor does not foresee.
"""

splat8: Any = _splat8
"""`splat8(x)`: eight times the float x."""

repeat8: Any = _repeat8
"""`repeat8(array, i)`: eight times element i, which `splat8(array[i])` is after a look for a negative i."""

sum8: Any = _sum8
"""`sum8(vector)`: float32 sum of the lanes."""

min8: Any = _choose8("<")
"""`min8(a, b)`: the smaller of each pair; NaN in `a` becomes `b`."""

max8: Any = _choose8(">")
"""`max8(a, b)`: the larger of each pair; NaN in `a` becomes `b`."""

flush8: Any = _flush8
"""`flush8(v, threshold)`: `v` with exact zeros where it is nearer to zero than `threshold`.

What decays in a loop ends as zero instead of in denormal numbers, whose products take a hundred times longer.
"""

reverse8: Any = _reverse8
"""`reverse8(vector)`: lanes 7..0."""

even8: Any = _pair_shuffle([0, 2, 4, 6, 8, 10, 12, 14])
"""`even8(a, b)`: elements 0, 2, .. 14 of the sixteen of a then b."""

odd8: Any = _pair_shuffle([1, 3, 5, 7, 9, 11, 13, 15])
"""`odd8(a, b)`: elements 1, 3, .. 15."""

zip_low8: Any = _pair_shuffle([0, 8, 1, 9, 2, 10, 3, 11])
"""`zip_low8(a, b)`: a0 b0 a1 b1 a2 b2 a3 b3."""

zip_high8: Any = _pair_shuffle([4, 12, 5, 13, 6, 14, 7, 15])
"""`zip_high8(a, b)`: a4 b4 .. a7 b7."""

transpose8: Any = _transpose8
"""`transpose8((r0, .., r7))`: the columns of eight rows, as a tuple."""
