"""Modbus TCP devices for the end-to-end tests, answered by pymodbus.

Each device listens on a free loopback port of its own. The 32-bit word at
holding registers 0 and 1 (high word first) grows by one each time both are
read; each such read is logged as `device count unix_microseconds`, so that a
test knows what a gateway was given and when. The other registers hold what the
file of `--registers` says.

    modbus_server.py --devices 3 --log reads.log --registers registers.json

prints one JSON line with the ports, then takes orders on standard input, each
answered with `ok` or `error ...`:

    kill 2      device 2 drops its connections and listens no more
    revive 2    it listens again on its port
    delay 2 50  it waits 50 ms before each answer

It ends when standard input closes.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 200
BITS = 64
READ_HOLDING_REGISTERS = 3


class Device:
    """One device: its registers and, while it is alive, its server."""

    def __init__(self, number, log, registers):
        self.number = number
        self.log = log
        self.delay_seconds = 0.0
        self.port = 0
        self.server = None
        self.count = 0
        self.registers = registers

    async def start(self):
        """Listens; on the same port as before when there was one."""
        if self.server:
            return
        self.server = ModbusTcpServer(self.data(), address=("127.0.0.1", self.port))
        await self.server.serve_forever(background=True)
        self.port = self.server.transport.sockets[0].getsockname()[1]

    async def stop(self):
        """Drops connections and listens no more."""
        if self.server:
            await self.server.shutdown()
            self.server = None

    def data(self):
        """The four tables of the device; coils and discrete inputs are bits."""

        def words(table):
            values = [0] * REGISTERS
            for address, block in self.registers.get(table, {}).items():
                values[int(address) : int(address) + len(block)] = block
            return [SimData(0, values=values, datatype=DataType.REGISTERS)]

        def bits(table):
            values = [False] * BITS
            for address in self.registers.get(table, []):
                values[address] = True
            return [SimData(0, values=values, datatype=DataType.BITS)]

        tables = (bits("coils"), bits("discrete"), words("holding"), words("input"))
        return SimDevice(1, simdata=tables, action=self.on_access)

    async def on_access(self, function, start, address, count, registers, _written):
        """Called by pymodbus before it answers a request."""
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if function == READ_HOLDING_REGISTERS and address == 0 and count >= 2:
            self.count += 1
            registers[0 - start] = self.count >> 16
            registers[1 - start] = self.count & 0xFFFF
            self.log.write(f"{self.number} {self.count} {time.time_ns() // 1000}\n")


async def obey(order, devices):
    """Carries out one order; raises ValueError when there is no such order."""
    match order.split():
        case ["kill", number]:
            await devices[int(number)].stop()
        case ["revive", number]:
            await devices[int(number)].start()
        case ["delay", number, millis]:
            devices[int(number)].delay_seconds = int(millis) / 1000
        case _:
            raise ValueError(f"unknown order {order!r}")


async def serve(arguments):
    """Starts the devices and obeys until standard input closes."""
    registers = json.loads(arguments.registers.read_text()) if arguments.registers else {}
    with arguments.log.open("w", buffering=1) as log:
        devices = [Device(number, log, registers) for number in range(arguments.devices)]
        for device in devices:
            await device.start()
        print(json.dumps({"ports": [device.port for device in devices]}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                await obey(line, devices)
                print("ok", flush=True)
            except (ValueError, IndexError, OSError, RuntimeError) as error:
                print(f"error {error}", flush=True)
        for device in devices:
            await device.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--registers", type=Path)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
