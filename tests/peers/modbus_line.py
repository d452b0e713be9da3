"""Units 1, 5 and 9 of a serial line, answered by pymodbus: RTU or ASCII frames on a socket or a serial port.

    modbus_line.py --framing rtu                   prints the TCP port it listens on
    modbus_line.py --framing ascii --port /dev/x   prints `ready`

Holding and input register n holds 3 n + unit; every third coil and discrete
input is set. It ends when standard input closes.
"""

import argparse
import asyncio
import sys

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 200
BITS = 64
UNITS = (1, 5, 9)


def device(unit):
    """One unit and its four tables."""

    def words():
        values = [3 * n + unit for n in range(REGISTERS)]
        return [SimData(0, values=values, datatype=DataType.REGISTERS)]

    def bits():
        values = [n % 3 == 0 for n in range(BITS)]
        return [SimData(0, values=values, datatype=DataType.BITS)]

    return SimDevice(unit, simdata=(bits(), bits(), words(), words()))


async def serve(arguments):
    """Answers until standard input closes."""
    framer = FramerType.RTU if arguments.framing == "rtu" else FramerType.ASCII
    devices = [device(unit) for unit in UNITS]
    if arguments.port:
        server = ModbusSerialServer(devices, framer=framer, port=arguments.port, baudrate=115200)
    else:
        server = ModbusTcpServer(devices, framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    ready = "ready" if arguments.port else server.transport.sockets[0].getsockname()[1]
    print(ready, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--framing", choices=("rtu", "ascii"), required=True)
    parser.add_argument("--port")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
