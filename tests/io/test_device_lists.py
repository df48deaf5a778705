"""Devices are listed while another thread makes PortAudio look anew: neither ever sees the other half-way."""

import threading

from engine.io.device import list_devices, rescan_devices

N_SCANS = 12


def test_a_list_waits_for_a_scan_and_a_scan_for_a_list() -> None:
    over = threading.Event()
    lists: list[list[str]] = []
    failures: list[BaseException] = []

    def ask() -> None:
        while not over.is_set():
            try:
                lists.append([device.name for device in list_devices()])
            except Exception as err:  # noqa: BLE001 (whatever it is, the test is to say so)
                failures.append(err)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    for _ in range(N_SCANS):
        rescan_devices()
    over.set()
    for thread in asking:
        thread.join()
    assert failures == []
    assert lists
    assert all(names == lists[0] for names in lists)
