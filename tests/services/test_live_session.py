"""`charon live` without a sound card: stems of the input over a device that comes back at another rate."""

import time

import numpy as np

from engine.io.home import default_home
from engine.io.virtual_device import VirtualOutput
from engine.services.live_mic import MicChoice
from engine.services.live_session import LiveSession
from tests.gui.turntable import RATE_HZ, MicTable, Turntable
from tests.services.test_live_stems import hiss, rms_db, wait_until

OTHER_RATE_HZ = 44_100


class OneRate(MicTable):
    """A device that has one rate only, which a hand may change while it is out."""

    rates_hz: list[int]

    def __init__(self, table: Turntable, rates_hz: list[int], input_channels: int = 2) -> None:
        super().__init__(table, input_channels=input_channels)
        self.rates_hz = rates_hz
        self.table = table

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> VirtualOutput:
        return super().__call__(callback_address, userdata_address, self.rates_hz[0])

    def with_input(self, channels: int) -> "OneRate":
        return OneRate(self.table, self.rates_hz, channels)


def test_stems_go_on_at_another_rate_as_loud_as_they_were() -> None:
    table = Turntable()
    table.voice = hiss()
    rates_hz, notices = [RATE_HZ], []
    opener = OneRate(table, rates_hz)
    with LiveSession(opener, MicChoice(), on_notice=notices.append) as live:
        stems = live.separate(default_home(), "spleeter-2stems", "tight")
        live.memory.set_gain_db(stems.row("vocals"), -200.0)
        live.memory.set_gain_db(stems.row("accompaniment"), -6.0)
        wait_until(lambda: live.separation is not None and live.separation.state.ready, "stems come", 60.0)
        assert live.memory.rate_hz == RATE_HZ
        assert table.device is not None
        rates_hz[0] = OTHER_RATE_HZ
        table.device.unplug()
        wait_until(lambda: any("went away" in line for line in notices), "it is missed")
        wait_until(lambda: any("is back on" in line for line in notices), "it is taken again")
        wait_until(
            lambda: live.separation is not None and live.separation.rate_hz == OTHER_RATE_HZ, "a new rate"
        )
        assert live.separation is not stems
        wait_until(lambda: live.separation is not None and live.separation.state.ready, "stems come", 60.0)
        time.sleep(1.0)
        heard_db = rms_db(table.heard(0.5)[0])
        params = live.memory.params[1:3, 0]
        np.testing.assert_allclose(params, [0.0, 10.0 ** (-6.0 / 20.0)], atol=1e-6)
        assert -50.0 < heard_db < -23.0
    table.close()
