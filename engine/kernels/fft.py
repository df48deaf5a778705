"""Fast Fourier transform of real float32 frames, power-of-two sizes, with explicit SIMD.

Any worker thread; a frame at a time inside a nogil kernel. It exists because numpy's transform
is a few times slower than the separation it would feed, and scipy is not a run-time dependency.

A real frame of n = 2N samples becomes N complex ones (even samples real, odd imaginary). Lane v of
eight transforms the samples j = v mod 8, N/8 points, by Stockham radix-4 passes whose every load
and store is a whole vector; a last radix-8 step with an 8 x 8 transposition joins the lanes; then the
spectrum of the real frame is taken apart. Real and imaginary parts stay in arrays of their own.

References
----------
.. [1] D. H. Bailey, "FFTs in external or hierarchical memory", J. Supercomputing 4, 1990: the split
   into lanes and a joining step.
.. [2] W. H. Press et al., "Numerical Recipes", 3rd ed., 12.3: two-for-one real transform.
"""

from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.kernels.lanes import (
    even8,
    fetch,
    load8,
    odd8,
    reverse8,
    splat8,
    store8,
    transpose8,
    zip_high8,
    zip_low8,
)
from engine.units import F32, F64, AnyArray

MIN_N_FFT = 64
MAX_N_FFT = 16384
PAD = 8
"""Floats beyond N in every work array: the smallest size stores past its end."""

_HALF = float(np.sqrt(0.5))


@dataclass(frozen=True)
class FftTables:
    """Constants of one transform size.

    Attributes
    ----------
    n_fft : int
        Real samples a frame, 2N.
    passes : float32 array
        Radix-4 twiddles w, w^2, w^3 (re, im), pass after pass.
    join : float32 array, shape (2 * N + 2 * PAD,)
        exp(-2 pi i v k / N) at 8 k + v: N (+ PAD) real parts, then imaginary ones.
    split : float32 array, shape (2 * (N + PAD),)
        exp(-2 pi i k / 2N), k in 0..N-1, likewise.
    """

    n_fft: int
    passes: F32
    join: F32
    split: F32


def _parts(angle: AnyArray) -> F32:
    pad = np.zeros(PAD)
    return np.concatenate([np.cos(angle), pad, -np.sin(angle), pad]).astype(np.float32)


def fft_tables(n_fft: int) -> FftTables:
    """Make the constants for frames of `n_fft` samples.

    Parameters
    ----------
    n_fft : int
        A power of two, 64 to 16384.
    """
    if n_fft & (n_fft - 1) or not MIN_N_FFT <= n_fft <= MAX_N_FFT:
        raise ParameterError(f"a transform of {n_fft} samples is not a power of two in 64..16384")
    n = n_fft // 2
    passes: list[F64] = []
    size = n // 8
    while size >= 4:
        angle = 2 * np.pi / size * np.outer(np.arange(size // 4), [1, 2, 3])
        passes.append(np.stack([np.cos(angle), -np.sin(angle)], axis=2).reshape(-1))
        size //= 4
    k, v = np.divmod(np.arange(n), 8)
    join = _parts(2 * np.pi / n * (k * v % n))
    split = _parts(np.pi / n * np.arange(n))
    return FftTables(n_fft, np.concatenate(passes).astype(np.float32), join, split)


@kernel
def _butterfly4(
    ar: F32, ai: F32, br: F32, bi: F32, size: int, stride: int, twiddles: F32, first_twiddle: int
) -> None:
    """One Stockham radix-4 pass over a whole complex array, `stride` a multiple of 8."""
    quarter = size // 4 * stride
    for p in range(size // 4):
        t = first_twiddle + 6 * p
        w1r = splat8(twiddles[t])
        w1i = splat8(twiddles[t + 1])
        w2r = splat8(twiddles[t + 2])
        w2i = splat8(twiddles[t + 3])
        w3r = splat8(twiddles[t + 4])
        w3i = splat8(twiddles[t + 5])
        for q in range(0, stride, 8):
            i = p * stride + q
            o = 4 * p * stride + q
            x0r = load8(ar, i)
            x0i = load8(ai, i)
            x1r = load8(ar, i + quarter)
            x1i = load8(ai, i + quarter)
            x2r = load8(ar, i + 2 * quarter)
            x2i = load8(ai, i + 2 * quarter)
            x3r = load8(ar, i + 3 * quarter)
            x3i = load8(ai, i + 3 * quarter)
            sr = x0r + x2r
            si = x0i + x2i
            dr = x0r - x2r
            di = x0i - x2i
            er = x1r + x3r
            ei = x1i + x3i
            fr = x1r - x3r
            fi = x1i - x3i
            store8(br, o, sr + er)
            store8(bi, o, si + ei)
            y1r = dr + fi
            y1i = di - fr
            store8(br, o + stride, y1r * w1r - y1i * w1i)
            store8(bi, o + stride, y1r * w1i + y1i * w1r)
            y2r = sr - er
            y2i = si - ei
            store8(br, o + 2 * stride, y2r * w2r - y2i * w2i)
            store8(bi, o + 2 * stride, y2r * w2i + y2i * w2r)
            y3r = dr - fi
            y3i = di + fr
            store8(br, o + 3 * stride, y3r * w3r - y3i * w3i)
            store8(bi, o + 3 * stride, y3r * w3i + y3i * w3r)


@kernel
def _butterfly2(ar: F32, ai: F32, br: F32, bi: F32, half: int) -> None:
    """The last pass when the size is an odd power of two: no twiddles."""
    for i in range(0, half, 8):
        x0r = load8(ar, i)
        x0i = load8(ai, i)
        x1r = load8(ar, i + half)
        x1i = load8(ai, i + half)
        store8(br, i, x0r + x1r)
        store8(bi, i, x0i + x1i)
        store8(br, i + half, x0r - x1r)
        store8(bi, i + half, x0i - x1i)


@kernel
def _join_lanes(ar: F32, ai: F32, br: F32, bi: F32, n: int, join: F32) -> None:
    """Radix-8 step across the lanes: `a` holds eight interleaved spectra, `b` receives the one.

    Longer than a function should be: one butterfly, written out, whose parts have no names of their own.
    """
    m = n // 8
    half = splat8(np.float32(_HALF))
    minus_half = splat8(np.float32(-_HALF))
    imaginary = n + PAD
    for k in range(0, m, 8):
        at = 8 * k
        real = (
            load8(ar, at) * load8(join, at) - load8(ai, at) * load8(join, imaginary + at),
            load8(ar, at + 8) * load8(join, at + 8) - load8(ai, at + 8) * load8(join, imaginary + at + 8),
            load8(ar, at + 16) * load8(join, at + 16) - load8(ai, at + 16) * load8(join, imaginary + at + 16),
            load8(ar, at + 24) * load8(join, at + 24) - load8(ai, at + 24) * load8(join, imaginary + at + 24),
            load8(ar, at + 32) * load8(join, at + 32) - load8(ai, at + 32) * load8(join, imaginary + at + 32),
            load8(ar, at + 40) * load8(join, at + 40) - load8(ai, at + 40) * load8(join, imaginary + at + 40),
            load8(ar, at + 48) * load8(join, at + 48) - load8(ai, at + 48) * load8(join, imaginary + at + 48),
            load8(ar, at + 56) * load8(join, at + 56) - load8(ai, at + 56) * load8(join, imaginary + at + 56),
        )
        imag = (
            load8(ar, at) * load8(join, imaginary + at) + load8(ai, at) * load8(join, at),
            load8(ar, at + 8) * load8(join, imaginary + at + 8) + load8(ai, at + 8) * load8(join, at + 8),
            load8(ar, at + 16) * load8(join, imaginary + at + 16) + load8(ai, at + 16) * load8(join, at + 16),
            load8(ar, at + 24) * load8(join, imaginary + at + 24) + load8(ai, at + 24) * load8(join, at + 24),
            load8(ar, at + 32) * load8(join, imaginary + at + 32) + load8(ai, at + 32) * load8(join, at + 32),
            load8(ar, at + 40) * load8(join, imaginary + at + 40) + load8(ai, at + 40) * load8(join, at + 40),
            load8(ar, at + 48) * load8(join, imaginary + at + 48) + load8(ai, at + 48) * load8(join, at + 48),
            load8(ar, at + 56) * load8(join, imaginary + at + 56) + load8(ai, at + 56) * load8(join, at + 56),
        )
        r0, r1, r2, r3, r4, r5, r6, r7 = transpose8(real)
        i0, i1, i2, i3, i4, i5, i6, i7 = transpose8(imag)
        # Even lanes: a four-point transform of 0, 2, 4, 6.
        sr = r0 + r4
        si = i0 + i4
        dr = r0 - r4
        di = i0 - i4
        tr = r2 + r6
        ti = i2 + i6
        ur = r2 - r6
        ui = i2 - i6
        e0r = sr + tr
        e0i = si + ti
        e2r = sr - tr
        e2i = si - ti
        e1r = dr + ui
        e1i = di - ur
        e3r = dr - ui
        e3i = di + ur
        # Odd lanes: of 1, 3, 5, 7, then turned by 1, exp(-i pi/4), -i, exp(-3 i pi/4).
        sr = r1 + r5
        si = i1 + i5
        dr = r1 - r5
        di = i1 - i5
        tr = r3 + r7
        ti = i3 + i7
        ur = r3 - r7
        ui = i3 - i7
        o0r = sr + tr
        o0i = si + ti
        o2r = si - ti
        o2i = tr - sr
        pr = dr + ui
        pi = di - ur
        o1r = (pr + pi) * half
        o1i = (pi - pr) * half
        pr = dr - ui
        pi = di + ur
        o3r = (pi - pr) * half
        o3i = (pr + pi) * minus_half
        # Upwards: at the smallest size (m = 4) each store's upper half is rubbish that the next mends.
        store8(br, k, e0r + o0r)
        store8(bi, k, e0i + o0i)
        store8(br, k + m, e1r + o1r)
        store8(bi, k + m, e1i + o1i)
        store8(br, k + 2 * m, e2r + o2r)
        store8(bi, k + 2 * m, e2i + o2i)
        store8(br, k + 3 * m, e3r + o3r)
        store8(bi, k + 3 * m, e3i + o3i)
        store8(br, k + 4 * m, e0r - o0r)
        store8(bi, k + 4 * m, e0i - o0i)
        store8(br, k + 5 * m, e1r - o1r)
        store8(bi, k + 5 * m, e1i - o1i)
        store8(br, k + 6 * m, e2r - o2r)
        store8(bi, k + 6 * m, e2i - o2i)
        store8(br, k + 7 * m, e3r - o3r)
        store8(bi, k + 7 * m, e3i - o3i)


@kernel
def _transform(ar: F32, ai: F32, br: F32, bi: F32, n: int, passes: F32, join: F32) -> bool:
    """Complex transform of `a`; the result is in `b` when True is returned, in `a` otherwise."""
    size = n // 8
    stride = 8
    at = 0
    in_a = True
    while size >= 4:
        if in_a:
            _butterfly4(ar, ai, br, bi, size, stride, passes, at)
        else:
            _butterfly4(br, bi, ar, ai, size, stride, passes, at)
        in_a = not in_a
        at += size // 4 * 6
        size //= 4
        stride *= 4
    if size == 2:
        if in_a:
            _butterfly2(ar, ai, br, bi, n // 2)
        else:
            _butterfly2(br, bi, ar, ai, n // 2)
        in_a = not in_a
    if in_a:
        _join_lanes(ar, ai, br, bi, n, join)
    else:
        _join_lanes(br, bi, ar, ai, n, join)
    return in_a


@kernel
def _pack(x: F32, window: F32, ar: F32, ai: F32, n: int) -> None:
    """Windowed real samples to complex ones: even samples real, odd imaginary."""
    for i in range(0, n, 8):
        low = load8(x, 2 * i) * load8(window, 2 * i)
        high = load8(x, 2 * i + 8) * load8(window, 2 * i + 8)
        store8(ar, i, even8(low, high))
        store8(ai, i, odd8(low, high))


@kernel
def _split(zr: F32, zi: F32, n: int, split: F32, out: F32) -> None:
    """Spectrum of 2N real samples from that of the N complex ones, interleaved re, im.

    X[k] = E + w O, X[N-k] = conj(E - w O) with E = Z[k] + conj Z[N-k], O = -i (Z[k] - conj Z[N-k]);
    the factor 1/2 is in the window.
    """
    first = 2 * (zr[0] + zi[0])
    last = 2 * (zr[0] - zi[0])
    zr[n] = zr[0]
    zi[n] = zi[0]
    imaginary = n + PAD
    for k in range(1, n // 2 + 1, 8):
        mirror = n - k - 7
        pr = load8(zr, k)
        pi = load8(zi, k)
        qr = reverse8(load8(zr, mirror))
        qi = reverse8(load8(zi, mirror))
        er = pr + qr
        ei = pi - qi
        outr = pi + qi
        outi = qr - pr
        wr = load8(split, k)
        wi = load8(split, imaginary + k)
        tr = outr * wr - outi * wi
        ti = outr * wi + outi * wr
        xr = er + tr
        xi = ei + ti
        yr = reverse8(er - tr)
        yi = reverse8(ti - ei)
        store8(out, 2 * k, zip_low8(xr, xi))
        store8(out, 2 * k + 8, zip_high8(xr, xi))
        store8(out, 2 * mirror, zip_low8(yr, yi))
        store8(out, 2 * mirror + 8, zip_high8(yr, yi))
    out[0] = first
    out[1] = 0
    out[2 * n] = last
    out[2 * n + 1] = 0


@kernel
def _merge(x: F32, n: int, split: F32, zr: F32, zi: F32) -> None:
    """The reverse of `_split`, without its factor 1/2: Z[k] = E + i O, Z[N-k] = conj(E) + i conj(O)."""
    imaginary = n + PAD
    following = 2 * n + 2
    for k in range(1, n // 2 + 1, 8):
        mirror = n - k - 7
        # Spectra mostly lie one after the other, but nothing foresees this walk from both ends.
        fetch(x, following + 2 * k)
        fetch(x, following + 2 * mirror)
        low = load8(x, 2 * k)
        high = load8(x, 2 * k + 8)
        pr = even8(low, high)
        pi = odd8(low, high)
        low = load8(x, 2 * mirror)
        high = load8(x, 2 * mirror + 8)
        qr = reverse8(even8(low, high))
        qi = reverse8(odd8(low, high))
        er = pr + qr
        ei = pi - qi
        dr = pr - qr
        di = pi + qi
        wr = load8(split, k)
        wi = load8(split, imaginary + k)
        outr = dr * wr + di * wi
        outi = di * wr - dr * wi
        store8(zr, k, er - outi)
        store8(zi, k, ei + outr)
        store8(zr, mirror, reverse8(er + outi))
        store8(zi, mirror, reverse8(outr - ei))
    zr[0] = x[0] + x[2 * n]
    zi[0] = x[0] - x[2 * n]


@kernel
def _unpack(zr: F32, zi: F32, window: F32, n: int, out: F32) -> None:
    """Complex samples to windowed real ones."""
    for i in range(0, n, 8):
        re = load8(zr, i)
        im = load8(zi, i)
        store8(out, 2 * i, zip_low8(re, im) * load8(window, 2 * i))
        store8(out, 2 * i + 8, zip_high8(re, im) * load8(window, 2 * i + 8))


@kernel
def rfft_frame(x: F32, half_window: F32, passes: F32, join: F32, split: F32, work: F32, out: F32) -> None:
    """Spectrum of one windowed real frame.

    Parameters
    ----------
    x : float32 array, shape (>= n_fft,)
    half_window : float32 array, shape (n_fft,)
        Window times 1/2.
    passes, join, split
        Of `FftTables`.
    work : float32 array, shape (4, n_fft // 2 + PAD)
    out : float32 array, shape (n_fft + 2,)
        Bins 0..n_fft/2, real and imaginary parts in turn.

    Notes
    -----
    No allocation. n_fft is `half_window.shape[0]`.
    """
    n = half_window.shape[0] // 2
    ar = work[0]
    ai = work[1]
    br = work[2]
    bi = work[3]
    _pack(x, half_window, ar, ai, n)
    if _transform(ar, ai, br, bi, n, passes, join):
        _split(br, bi, n, split, out)
    else:
        _split(ar, ai, n, split, out)


@kernel
def irfft_frame(x: F32, scaled_window: F32, passes: F32, join: F32, split: F32, work: F32, out: F32) -> None:
    """Windowed real frame of one spectrum.

    Parameters
    ----------
    x : float32 array, shape (n_fft + 2,)
        Bins 0..n_fft/2, real and imaginary parts in turn; the imaginary parts of the first and the
        last count as 0.
    scaled_window : float32 array, shape (n_fft,)
        Window divided by n_fft.
    passes, join, split
        Of `FftTables`.
    work : float32 array, shape (4, n_fft // 2 + PAD)
    out : float32 array, shape (n_fft,)
    """
    n = scaled_window.shape[0] // 2
    ar = work[0]
    ai = work[1]
    br = work[2]
    bi = work[3]
    _merge(x, n, split, ar, ai)
    # The inverse is the forward transform with real and imaginary parts exchanged.
    if _transform(ai, ar, bi, br, n, passes, join):
        _unpack(br, bi, scaled_window, n, out)
    else:
        _unpack(ar, ai, scaled_window, n, out)
