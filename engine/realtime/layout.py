"""Where everything lies in the memory that the callback shares with the rest: the one list of indexes.

The callback is handed a single pointer, to a table of addresses and sizes. Each named block below is
an array that lives as long as its `EngineMemory`; nothing is allocated, moved or resized while a stream
runs. Units stand in the names. Who writes what:

- `CONTROL` and `LANE_PARAMS` are written by the control thread, one aligned 8-byte cell at a time, and
  only read by the device thread, which ramps towards them.
- `COUNTER` and the callback's private state are written by the device thread alone.
- The feed mailbox is published by the feeder, the meter mailbox by the device thread (both seqlocks).
"""

from typing import Final

MAX_LANES: Final = 16
"""The original, the stems, and behind them the takes: six stems leave room for nine takes."""
CHUNK_FRAMES: Final = 512
"""The callback works in chunks of at most this many frames, so that its scratch memory is fixed
whatever block the driver asks for: three stereo chunks of 512 frames x 4 bytes never leave L2."""
LANE_RING_FRAMES: Final = 16_384
"""341 ms at 48 kHz; 16 lanes x 2 channels x 16384 frames x 4 bytes = 2 MiB. Enough for the feeder to be
kept off a core for a third of a second, short enough that a newly separated stem is heard at once."""
TAP_RING_FRAMES: Final = 131_072
"""2.7 s at 48 kHz, 1 MiB a tap: a recorder that waits for a disk or for the GIL loses nothing."""
N_TAPS: Final = 2
"""One ring a consumer: recorder, visuals."""
SUNG_RING_FRAMES: Final = 32_768
"""0.7 s of the bare voice at 48 kHz, 256 KiB; whoever reads its pitch comes fifty times a second."""
N_DURATIONS: Final = 65_536
"""The last 65536 callback times: 175 s of 128-frame blocks at 48 kHz; 256 KiB as int32 ns."""
RAMP_FRAMES: Final = 480
"""Linear ramps of gain and pan: 10 ms at 48 kHz, short to the hand and free of zipper noise."""
FADE_FRAMES: Final = 240
"""Fades around pause, seek and starvation: 5 ms at 48 kHz."""
RESUME_FRAMES: Final = 1_024
"""After starving, this much must be in the ring before sound fades back in (21 ms at 48 kHz)."""
MIC_TAP_WIDTH: Final = 4
"""Dry left and right, wet left and right: in one ring, so that both takes stay in step."""
MARK_RING_MARKS: Final = 16_384
"""One mark a chunk: as long as the tap ring at 8 frames a block, and no block is that short."""
PROBE_FRAMES: Final = 4_096
"""The chirp that measures the round trip lasts 85 ms at 48 kHz."""

# --- the table behind the callback's pointer: addresses (int64), then plain sizes -----------------
T_CONTROL: Final = 0
T_LANE_PARAMS: Final = 1
T_RING_HEADER: Final = 2
T_RING_AUDIO: Final = 3
T_RING_FRAME: Final = 4
T_RING_READY: Final = 5
T_FEED_SEQ: Final = 6
T_FEED: Final = 7
T_METER_SEQ: Final = 8
T_METER: Final = 9
T_COUNTER: Final = 10
T_DURATION: Final = 11
T_STATE_I: Final = 12
T_STATE_F: Final = 13
T_SCRATCH: Final = 14
T_LIMITER_I: Final = 15
T_LIMITER_F: Final = 16
T_RATE_HZ: Final = 17
T_CHANNELS: Final = 18
T_N_TAPS: Final = 19
T_LATENCY_NS: Final = 20
T_TAP: Final = 24
"""Two cells a tap: address of its header, address of its data."""
T_MIC: Final = T_TAP + 2 * N_TAPS
"""The mic's own cells of the table; they follow the taps."""
T_INPUT_CHANNELS: Final = T_MIC
"""Channels of the driver's input buffer; 0 where the stream has no input."""
T_VOICE: Final = T_MIC + 1
"""float32 scratch: one planar stereo chunk, then a chunk of tap frames."""
T_MIC_I: Final = T_MIC + 2
T_GUARD: Final = T_MIC + 3
"""Table of the feedback guard (engine/realtime/howl.py)."""
T_MIC_TAP_HEADER: Final = T_MIC + 4
T_MIC_TAP: Final = T_MIC + 5
T_MARK_HEADER: Final = T_MIC + 6
T_MARK: Final = T_MIC + 7
T_PROBE: Final = T_MIC + 8
T_CHAIN: Final = T_MIC + 9
"""Table of the effect plans (engine/realtime/effects)."""
T_INSERT: Final = T_MIC + 10
"""Table of the worker's exchange (engine/stream/insert.py)."""
T_BRIDGE: Final = T_MIC + 11
"""Table of the separate input device (engine/realtime/bridge.py)."""
T_SOURCE_HEADER: Final = T_MIC + 12
T_SOURCE: Final = T_MIC + 13
"""Header and data of the ring that a live separation reads (engine/realtime/source.py)."""
T_SOURCE_RUN: Final = T_MIC + 14
"""Address of the machine code that fills it (engine/realtime/far_call.py)."""
T_SOURCE_BRIDGE: Final = T_MIC + 15
"""Table of the bridge to an input device of its own."""
T_SOURCE_SCRATCH: Final = T_MIC + 16
"""float32 scratch: one planar stereo chunk."""
T_SUNG_HEADER: Final = T_MIC + 17
T_SUNG: Final = T_MIC + 18
"""Header and data of the ring that the singer's pitch is read from."""
N_TABLE: Final = T_MIC + 19

# --- CONTROL: int64 cells written by the controller ----------------------------------------------
C_PLAY: Final = 0
C_EPOCH: Final = 1
C_N_LANES: Final = 2
C_TAP_ON: Final = 3
"""Bit k lets tap k run: an unread tap costs nothing."""
C_TONE: Final = 4
C_MIC_ON: Final = 5
"""The mic's path runs; at 0 it costs one comparison."""
C_MIC_CHANNEL: Final = 6
"""Input channel for both sides, or MIC_STEREO for the first two."""
C_MIC_TAP_ON: Final = 7
C_PROBE: Final = 8
"""Raised to play the probe once."""
C_INSERT_ON: Final = 9
C_BRIDGE_ON: Final = 10
"""The mic comes from the separate input device."""
C_GUARD_ON: Final = 11
"""A howl is ducked."""
C_SOURCE_ON: Final = 12
"""What a live separation listens to: one of SOURCE_*."""
C_SOURCE_CHANNEL: Final = 13
"""First of the two input channels that it listens to."""
C_N_TAKES: Final = 14
"""How many of the lanes, the last ones, are takes: heard beside the song and no part of it."""
C_SUNG_ON: Final = 15
"""The bare voice goes into the ring that the singer's pitch is read from."""
N_CONTROL: Final = 16
MIC_STEREO: Final = -1
SOURCE_OFF: Final = 0
SOURCE_CHANNELS: Final = 1
"""Two channels of the device."""
SOURCE_MIC: Final = 2
"""Whatever the mic's path hears, which may come from another device."""
SOURCE_BRIDGE: Final = 3
"""An input device of its own, over a bridge of its own."""

# --- LANE_PARAMS: float64 cells, MAX_LANES rows, then the master, then the mic --------------------
P_GAIN: Final = 0
P_PAN: Final = 1
P_MUTE: Final = 2
P_SOLO: Final = 3
N_PARAMS: Final = 4
MASTER_ROW: Final = MAX_LANES
MIC_ROW: Final = MAX_LANES + 1
N_ROWS: Final = MAX_LANES + 2

# --- feed mailbox: int64, feeder -> callback ------------------------------------------------------
F_EPOCH: Final = 0
F_START_INDEX: Final = 1
F_END_INDEX: Final = 2
"""Ring index after the last frame of the song, or -1 while it is not known."""
F_START_FRAME: Final = 3
N_FEED: Final = 4

# --- meter mailbox: float64, callback -> controller -----------------------------------------------
M_SONG_FRAME: Final = 0
"""Song frame that the first frame of the block came from."""
M_DAC_S: Final = 1
"""When that frame reaches the converter, on the stream's clock."""
M_FLAGS: Final = 2
M_EPOCH: Final = 3
M_STREAM_FRAMES: Final = 4
M_LIMITER_GAIN: Final = 5
M_STEM_WEIGHT: Final = 6
M_MASTER: Final = 8
"""Peak left, peak right, mean square left, mean square right; likewise for each lane after it."""
M_LANE: Final = 12
M_MIC_IN: Final = M_LANE + 4 * MAX_LANES
"""The mic as it comes in; then as it goes into the mix."""
M_MIC_OUT: Final = M_MIC_IN + 4
N_METER: Final = M_MIC_OUT + 4
METER_SLOTS: Final = MAX_LANES + 3
"""Master, lanes, mic in, mic out."""
MIC_IN_SLOT: Final = MAX_LANES + 1
MIC_OUT_SLOT: Final = MAX_LANES + 2

FLAG_PLAYING: Final = 1
FLAG_STARVED: Final = 2
FLAG_ENDED: Final = 4
FLAG_READY: Final = 8
"""Every stem is there at the play-head."""
FLAG_TOUCHED: Final = 16
"""Some stem is not at its neutral setting."""
FLAG_WAITING: Final = 32
"""A seek was asked for and its first frames are not there yet."""

# --- COUNTER: int64 cells -------------------------------------------------------------------------
K_CALLBACKS: Final = 0
K_FRAMES: Final = 1
K_UNDERFLOWS: Final = 2
K_OVERFLOWS: Final = 3
K_STARVED_FRAMES: Final = 4
K_WORST_NS: Final = 5
K_FIRST_SOUND_NS: Final = 6
"""Monotonic time of the first callback that let song frames through; 0 until then."""
K_FIRST_STEM_NS: Final = 7
"""Monotonic time of the first callback whose frames had every stem; 0 until then."""
K_TAP_LOST: Final = 8
"""Frames that did not fit into tap k's ring, one cell a tap."""
K_RESUMES: Final = 16
K_LARGEST_BLOCK: Final = 17
"""Frames of the largest block the driver has asked for."""
K_MIC_LOST: Final = 18
"""Frames of the mic that did not fit into its tap ring, or whose marks did not."""
K_MIC_LATE: Final = 19
"""Frames for which the worker's answer was missing, and the dry voice was heard."""
K_MIC_STARVED: Final = 20
"""Frames of silence because the separate input device was late."""
K_PROBE_FRAME: Final = 21
"""Stream frame at which the newest probe began, plus one; 0 before the first."""
K_DUCKED_FRAMES: Final = 22
"""Frames that the feedback guard has turned down."""
K_SOURCE_STARVED: Final = 23
"""Frames of silence because the input device of a live separation was late."""
N_COUNTERS: Final = 24

# --- marks: int64 cells, device thread -> recorder, one row a chunk of the mic's tap ---------------
MARK_TAP: Final = 0
"""Tap frame (the ring's head) of the chunk's first frame."""
MARK_STREAM: Final = 1
MARK_SONG: Final = 2
"""Song frame that goes out beside it, or -1 while no song sounds."""
MARK_FRAMES: Final = 3
N_MARK: Final = 4

# --- private state of the callback ----------------------------------------------------------------
SI_EPOCH: Final = 0
SI_STARVED: Final = 1
SI_SONG_FRAME: Final = 2
SI_STEM_RAMP_LEFT: Final = 3
SI_SOUNDING: Final = 4
"""The chunk came out of the lane ring."""
SI_RAMP_LEFT: Final = 8
"""One cell a row: frames left of its ramp."""
N_STATE_I: Final = SI_RAMP_LEFT + N_ROWS

SF_ENVELOPE: Final = 0
SF_STEM_WEIGHT: Final = 1
SF_STEM_STEP: Final = 2
SF_STEM_TARGET: Final = 3
SF_TONE_LEVEL: Final = 4
SF_TONE_PHASE: Final = 5
SF_METER: Final = 8
"""Peak L, R, mean square L, R, in the order of the slots."""
SF_GAIN: Final = SF_METER + 4 * METER_SLOTS
"""Left and right: current, step, target; six cells a row."""
N_STATE_F: Final = SF_GAIN + 6 * N_ROWS

# --- private state of the mic's path --------------------------------------------------------------
MI_PROBE_SEEN: Final = 0
MI_PROBE_AT: Final = 1
"""Frames of the probe played so far; PROBE_FRAMES at rest."""
MI_RUN: Final = 2
"""Address of the path's machine code (engine/realtime/far_call.py)."""
MI_MARK: Final = 4
"""Scratch for the N_MARK cells of a mark."""
N_MIC_I: Final = MI_MARK + N_MARK
