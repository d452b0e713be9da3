"""Units 1, 5 and 9 of a serial line, answered by pymodbus: RTU or ASCII frames on a socket or a serial port.

    modbus_line.py --framing rtu                   prints the TCP port it listens on
    modbus_line.py --framing ascii --port /dev/x   prints `ready`
    modbus_line.py --framing rtu --pty             prints the port at the other end of its line

Holding and input register n holds 3 n + unit; every third coil and discrete
input is set. Takes orders on standard input, each answered with `ok` or
`error ...`:

    kill 5      unit 5 hears nothing any more
    revive 5    it answers again

It ends when standard input closes.
"""

import argparse
import asyncio
import os
import sys
import tty

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 200
BITS = 64
UNITS = (1, 5, 9)
CHUNK = 512


def device(unit):
    """One unit and its four tables."""

    def words():
        values = [3 * n + unit for n in range(REGISTERS)]
        return [SimData(0, values=values, datatype=DataType.REGISTERS)]

    def bits():
        values = [n % 3 == 0 for n in range(BITS)]
        return [SimData(0, values=values, datatype=DataType.BITS)]

    return SimDevice(unit, simdata=(bits(), bits(), words(), words()))


def wire():
    """The names of two serial ports with a line between them.

    Both are held open here, so that neither end hangs up when the other
    closes its port.
    """
    ends = [os.openpty(), os.openpty()]
    loop = asyncio.get_running_loop()
    for (near, port), (far, _) in (ends, reversed(ends)):
        tty.setraw(port)
        loop.add_reader(near, lambda near=near, far=far: os.write(far, os.read(near, CHUNK)))
    return [os.ttyname(port) for _, port in ends]


def obey(order, dead):
    """Carries out one order; raises ValueError when there is no such order."""
    match order.split():
        case ["kill", unit]:
            dead.add(int(unit))
        case ["revive", unit]:
            dead.discard(int(unit))
        case _:
            raise ValueError(f"unknown order {order!r}")


async def serve(arguments):
    """Answers until standard input closes."""
    dead = set()

    def heard(sending, pdu):
        """What a dead unit is asked is dropped before pymodbus sees it."""
        return None if not sending and pdu.dev_id in dead else pdu

    framer = FramerType.RTU if arguments.framing == "rtu" else FramerType.ASCII
    devices = [device(unit) for unit in UNITS]
    port, ready = arguments.port, "ready"
    if arguments.pty:
        ready, port = wire()
    if port:
        server = ModbusSerialServer(
            devices, framer=framer, port=port, baudrate=115200, trace_pdu=heard
        )
    else:
        address = ("127.0.0.1", 0)
        server = ModbusTcpServer(devices, framer=framer, address=address, trace_pdu=heard)
    await server.serve_forever(background=True)
    if not port:
        ready = server.transport.sockets[0].getsockname()[1]
    print(ready, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            obey(line, dead)
            print("ok", flush=True)
        except ValueError as error:
            print(f"error {error}", flush=True)
    await server.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--framing", choices=("rtu", "ascii"), required=True)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port")
    where.add_argument("--pty", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
