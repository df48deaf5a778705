"""Sound files of every kind, decoded to stereo float32 blocks.

Called by the separation worker's decode thread, and by tests. It exists so that everything above it
sees one thing: `(2, frames)` float32 at the song's rate, aligned to the sample (encoder delay and
padding removed), from the first block on and never a whole song at once.

ffmpeg (PyAV) decodes all kinds: a frame costs one call that releases the GIL, 900 to 1400 times
real time here for MP3, which libsndfile does not beat for the kinds it knows.
"""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from engine.errors import CharonWarning, DecodeError, ParameterError
from engine.io.demux import check_readable, declared_frames, gapless_frames, open_audio, tail_is_missing
from engine.io.stereo_blocks import StereoBlocks
from engine.units import F32, frames_to_s, s_to_frames

_SHORT_S = 0.05
"""Two frames of the slowest codec (MP3, 26 ms): less is rounding of a header, more is a loss."""


@dataclass(frozen=True)
class SongInfo:
    """What a file holds, known before decoding it.

    Parameters
    ----------
    path : Path
        The file.
    rate_hz : int
        Frames a second of the decoded sound.
    channels : int
        Channels in the file, before the fold to stereo.
    layout : str
        ffmpeg's name of their layout, such as ``5.1(side)``.
    duration_s : float
        Length in seconds, by counting the packets; exact to about one codec frame.
    max_frames : int
        Upper bound of the frames that `decode_blocks` yields, about a second above the truth.
    codec : str
        ffmpeg's name of the codec, such as ``mp3float``.
    """

    path: Path
    rate_hz: int
    channels: int
    layout: str
    duration_s: float
    max_frames: int
    codec: str


def probe(path: Path) -> SongInfo:
    """Look at a file: decode its first frame, count its packets.

    Parameters
    ----------
    path : Path
        Any file; its content decides.

    Returns
    -------
    SongInfo
        What `decode_blocks` will give.

    Raises
    ------
    DecodeError
        In one line, when the file is missing, empty, a folder, unreadable, not sound, has no audio
        stream, or nothing of it decodes.

    Notes
    -----
    Reads the whole file once without decoding (0.1 ms a second of MP3 here): the length that many
    containers state is a guess, and the packets are not. Any thread; releases the GIL while reading.
    """
    path = Path(path)
    with open_audio(path) as (container, stream):
        first = next(_frames(container, stream, _Damage()), None)
        if first is None:
            raise DecodeError(f"{path} holds no sound that decodes; is it damaged?")
        rate_hz = first[0].sample_rate
        channels, layout = first[0].layout.nb_channels, first[0].layout.name
        codec = stream.codec_context.name
    with open_audio(path) as (container, stream):
        n_frames = _count_frames(container, stream, rate_hz)
    return SongInfo(
        path=path,
        rate_hz=rate_hz,
        channels=channels,
        layout=layout,
        duration_s=frames_to_s(n_frames, rate_hz),
        # A second of room for codecs whose packets decode to more than their time stamps say.
        max_frames=n_frames + rate_hz,
        codec=codec,
    )


def decode_blocks(path: Path, block_frames: int = 65_536) -> Iterator[F32]:
    """Decode a file from its beginning, lazily.

    Parameters
    ----------
    path : Path
        Any file that `probe` accepts.
    block_frames : int, >= 1
        Frames in every block but the last, which holds what is left.

    Yields
    ------
    float32 array, shape (2, n), n in 1..block_frames
        Stereo at the file's rate, full scale 1.0, never empty; each block is the caller's own.
        Float files and loud 5.1 files may exceed 1.0.

    Raises
    ------
    DecodeError
        As `probe`; and, with the time, where a sample is NaN or infinite.

    Warns
    -----
    CharonWarning
        At the end, when the file is cut off or damaged: what decodes was kept, silence stands in for
        holes whose length is known.

    Notes
    -----
    Any thread; the file is open until the iterator ends or is closed. Memory: two blocks.
    """
    if block_frames < 1:
        raise ParameterError(f"blocks of {block_frames} frames cannot be; use 1 or more")
    return _decode(Path(path), block_frames)


def read_song(path: Path) -> tuple[F32, int]:
    """Decode a whole file into memory, for tests and short files.

    Returns
    -------
    tuple of float32 array, shape (2, frames), and int
        The sound and its rate in Hz.

    Raises
    ------
    DecodeError
        As `decode_blocks`.
    """
    rate_hz = probe(path).rate_hz
    return np.concatenate(list(decode_blocks(path)), axis=1), rate_hz


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits: a song keeps it when it is renamed.

    Raises
    ------
    DecodeError
        When the file cannot be read.
    """
    path = Path(path)
    check_readable(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise DecodeError(f"{path} cannot be read: {(err.strerror or str(err)).lower()}") from err


@dataclass
class _Damage:
    """What went wrong while decoding, gathered for one warning at the end."""

    stopped: bool = False  # the demuxer gave up before the end of the file
    changed_rate_hz: int = 0  # the stream changed to this rate and decoding stopped there
    gapless_header: bool = False  # the first packet says how much of it to skip
    last_packet_s: float = float("inf")  # length of the newest packet by its container


def _frames(
    container: InputContainer, stream: AudioStream, damage: _Damage
) -> Iterator[tuple[AudioFrame, bool]]:
    """Decoded frames, and whether a packet just before each did not decode."""
    packets = container.demux(stream)
    first, lost = True, False
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (FFmpegError, OSError):
            damage.stopped = True
            packet = None
        if packet is not None and first:
            damage.gapless_header = packet.has_sidedata("skip_samples")
            first = False
        try:
            frames = stream.codec_context.decode(packet) if packet is None else _decode_packet(packet, damage)
        except FFmpegError:
            # The hole shows in the time stamps of the next frame that does decode.
            frames, lost = [], True
        for frame in frames:
            yield frame, lost
            lost = False
        if packet is None:
            return


def _decode_packet(packet: "Packet[AudioStream]", damage: _Damage) -> list[AudioFrame]:
    """Decode one packet, remembering how long its container says it is."""
    if packet.duration and packet.time_base:
        damage.last_packet_s = float(packet.duration * packet.time_base)
    return packet.decode()


def _count_frames(container: InputContainer, stream: AudioStream, rate_hz: int) -> int:
    """Frames at `rate_hz` by the packets' time stamps, their lengths and the container, whichever is most."""
    total = end = 0
    start: int | None = None
    try:
        for packet in container.demux(stream):
            duration = packet.duration or 0
            total += duration
            if packet.pts is not None:
                start = packet.pts if start is None else min(start, packet.pts)
                end = max(end, packet.pts + duration)
    except (FFmpegError, OSError):
        pass  # Decoding will say so; what was counted stands.
    time_base = stream.time_base or 0
    # Skipped encoder delay has negative time stamps, or belongs to the first packet (MP3).
    by_stamps = end - max(start or 0, 0)
    promised = declared_frames(container, stream, rate_hz) or 0
    counted = round(max(total, by_stamps) * time_base * rate_hz)
    if 0 < promised <= counted:
        return promised
    return counted


def _decode(path: Path, block_frames: int) -> Iterator[F32]:
    """Generate what `decode_blocks` promises."""
    damage = _Damage()
    with open_audio(path) as (container, stream):
        name = container.format.name
        frames = _frames(container, stream, damage)
        upcoming = next(frames, None)
        if upcoming is None:
            raise DecodeError(f"{path} holds no sound that decodes; is it damaged?")
        rate_hz = upcoming[0].sample_rate
        promised = declared_frames(container, stream, rate_hz)
        exact = gapless_frames(container, stream)
        gathered = StereoBlocks(path, rate_hz, block_frames)
        while upcoming is not None:
            frame, lost = upcoming
            if frame.sample_rate != rate_hz:
                damage.changed_rate_hz = frame.sample_rate
                break
            upcoming = next(frames, None)
            n_frames = frame.samples
            if upcoming is None and name.startswith("mov"):
                # AAC fills its last packet with silence; the container knows how much of it counts.
                n_frames = min(n_frames, round(damage.last_packet_s * rate_hz))
            if upcoming is None and name == "ogg" and promised is not None:
                # The last page says where the sound ends; ffmpeg loses it when it is the first as well.
                excess = gathered.n_frames + n_frames - promised
                n_frames -= excess if 0 < excess < n_frames else 0
            if exact is not None:
                n_frames = min(n_frames, exact - gathered.n_frames)
                if n_frames <= 0:
                    break
            yield from gathered.add(frame, n_frames, lost)
        yield from gathered.rest()
    if not damage.gapless_header and name == "mp3":
        promised = None  # Then ffmpeg guessed it from the bit rate of the first packets.
    cut = tail_is_missing(path, name)
    _warn(path, damage, gathered, promised, cut)


def _warn(path: Path, damage: _Damage, gathered: StereoBlocks, promised: int | None, cut: bool) -> None:
    """Say in one line each what is missing."""
    rate_hz, n_frames = gathered.rate_hz, gathered.n_frames
    end_s = frames_to_s(n_frames, rate_hz)
    if damage.changed_rate_hz:
        _say(
            f"{path.name} changes from {rate_hz} to {damage.changed_rate_hz} Hz at {_clock(end_s)}; "
            "kept what comes before"
        )
    elif promised is not None and n_frames < promised - s_to_frames(_SHORT_S, rate_hz):
        promised_s = frames_to_s(promised, rate_hz)
        _say(f"{path.name} is cut off at {_clock(end_s)} of {_clock(promised_s)}; kept what decodes")
    elif cut or damage.stopped:
        _say(f"{path.name} is cut off at {_clock(end_s)}; kept what decodes")
    if gathered.n_holes:
        _say(
            f"{path.name} is damaged in {gathered.n_holes} place(s), first at "
            f"{_clock(gathered.first_hole_s)}; silence stands in for what does not decode"
        )


def _say(text: str) -> None:
    warnings.warn(CharonWarning(text), stacklevel=2)


def _clock(time_s: float) -> str:
    """Minutes and seconds as a player shows them, with tenths below ten seconds."""
    if time_s < 10.0:
        return f"0:{time_s:04.1f}"
    whole_s = int(time_s)
    return f"{whole_s // 60}:{whole_s % 60:02d}"
