"""Write a driver for Forehearth in Python 3.8+, with nothing but the standard library.

Subclass Plugin and call run(MyPlugin()). stdout belongs to the gateway: print to stderr only.
The protocol is protocols/plugin/proto/forehearth/plugin/v1/plugin.proto; this file has its codec.
"""
import os
import select
import struct
import sys
import time
from collections import namedtuple

BOOL, INT, UINT, FLOAT, DOUBLE, TEXT = range(1, 7)
# Why a tag has no value; also numbers of the gateway.
NO_COMMUNICATION, DEVICE_FAILURE, SENSOR_FAILURE, CONFIGURATION, OUT_OF_SERVICE = 33, 35, 36, 37, 38

Setting = namedtuple("Setting", "key type required help example")
Grammar = namedtuple("Grammar", "pattern example help example_type")
Tag = namedtuple("Tag", "id group at type unit")
Bad = namedtuple("Bad", "quality")
# offset: where in the address, in bytes. tag None: the setting called key.
Error = namedtuple("Error", "key message hint tag offset", defaults=("", None, 0))

MAX_FRAME, IN_A_BATCH, PUSH_EVERY = 4 * 1024 * 1024, 4096, 0.05


class Plugin:
    name, version, settings = "driver", "0.1.0", ()
    address = Grammar("", "", "", DOUBLE)
    polls, pushes = True, False

    def configure(self, settings, tags):
        """Take settings (a dict) and tags; return a list of Error, empty when all is right."""
        return []

    def poll(self, group):
        """Yield (tag id, value or Bad) for each tag of the group."""
        return ()

    def push(self):
        """Yield (tag id, value or Bad) that came up; called every 50 ms when `pushes`."""
        return ()

    def check_settings(self, given):
        """The errors every driver finds: unknown keys, and required ones that are missing."""
        known = {setting.key for setting in self.settings}
        errors = [Error(key, "there is no such setting", ", ".join(sorted(known)))
                  for key in given if key not in known]
        return errors + [Error(s.key, "this setting is missing", s.example)
                         for s in self.settings if s.required and s.key not in given]


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number):
    return (number << 1) ^ (number >> 63)


def field(number, value):
    """An int becomes a varint, bytes and text a length and themselves; 0 and empty are left out."""
    if isinstance(value, str):
        value = value.encode()
    if not value:
        return b""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(int(value))


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def fields(data):
    """A message as {field number: [values]}."""
    out, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind == 2:
            length, at = read_varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            size = {1: 8, 5: 4}[kind]
            value, at = data[at:at + size], at + size
        out.setdefault(key >> 3, []).append(value)
    return out


def first(message, number, default=0):
    return message.get(number, [default])[0]


def read_value(data):
    (number, (raw, *_)), = fields(data).items()
    return {BOOL: lambda: bool(raw), INT: lambda: raw >> 1 ^ -(raw & 1), UINT: lambda: raw,
            FLOAT: lambda: struct.unpack("<f", raw)[0], DOUBLE: lambda: struct.unpack("<d", raw)[0],
            TEXT: raw.decode if number == TEXT else None}[number]()


# By type: field of the column in Section, and how the values are packed.
COLUMNS = {
    BOOL: (5, lambda values: bytes(map(bool, values))),
    INT: (6, lambda values: b"".join(varint(zigzag(int(v)) & (1 << 64) - 1) for v in values)),
    UINT: (7, lambda values: b"".join(varint(int(v)) for v in values)),
    FLOAT: (8, lambda values: struct.pack(f"<{len(values)}f", *values)),
    DOUBLE: (9, lambda values: struct.pack(f"<{len(values)}d", *values)),
}
TAKES = {BOOL: bool, INT: int, UINT: int, FLOAT: (int, float), DOUBLE: (int, float), TEXT: str}


class Server:
    def __init__(self, plugin):
        self.plugin, self.data, self.types = plugin, bytearray(), {}
        self.credit = self.sequence = 0
        self.later = []

    def send(self, number, message):
        # A message of its own, even when it is empty.
        body = varint(number << 3 | 2) + varint(len(message)) + message
        view = memoryview(varint(len(body)) + body)
        while view:
            view = view[os.write(1, view):]

    def hear(self, wait=None):
        """The next message as (kind, fields); None when `wait` seconds passed."""
        while True:
            for width in range(1, min(5, len(self.data) + 1)):
                if self.data[width - 1] < 0x80:
                    length, at = read_varint(self.data, 0)
                    if length > MAX_FRAME:
                        sys.exit("the gateway announced a frame that is too long")
                    if len(self.data) < at + length:
                        break
                    message, = fields(bytes(self.data[at:at + length])).items()
                    del self.data[:at + length]
                    return message[0], fields(message[1][0])
            if wait is not None and not select.select([0], [], [], wait)[0]:
                return None
            read = os.read(0, 65536)
            if not read:
                sys.exit(0)
            self.data += read

    def heard(self, wait=None):
        return self.later.pop(0) if self.later else self.hear(wait)

    def section(self, readings):
        """Sections of one type each; a value of another type than its tag is none."""
        columns, bad, now = {}, [], zigzag(time.time_ns() // 1000)
        for tag, value in readings:
            kind = self.types[tag]
            if isinstance(value, Bad):
                bad.append((tag, value.quality))
            elif not isinstance(value, TAKES[kind]) or isinstance(value, bool) != (kind == BOOL):
                bad.append((tag, CONFIGURATION))
            else:
                columns.setdefault(kind, []).append((tag, value))
        for kind, pairs in columns.items():
            tags, values = zip(*pairs)
            packed = field(3, b"".join(map(varint, tags)))
            if kind == TEXT:  # texts may be empty and are never left out
                texts = [value.encode() for value in values]
                packed += b"".join(varint(10 << 3 | 2) + varint(len(t)) + t for t in texts)
            else:
                number, pack = COLUMNS[kind]
                packed += field(number, pack(values))
            yield field(1, now) + packed
        if bad:
            tags, codes = zip(*bad)
            yield (field(1, now) + field(3, b"".join(map(varint, tags)))
                   + field(4, b"".join(map(varint, codes))))

    def readings(self, readings, poll=0):
        readings = list(readings)
        while True:
            while readings and not self.credit:
                kind, message = self.hear()
                if kind == 4:
                    self.credit += first(message, 2)
                elif kind == 8:
                    sys.exit(0)
                else:
                    self.later.append((kind, message))
            part = readings[:min(self.credit, IN_A_BATCH)]
            readings = readings[len(part):]
            self.credit -= len(part)
            self.sequence += 1
            sections = b"".join(field(4, section) for section in self.section(part))
            last = field(3, int(bool(poll) and not readings))
            self.send(3, field(1, self.sequence) + field(2, poll) + last + sections)
            if not readings:
                return

    def configure(self, message):
        given = {bytes(pair[1][0]).decode(): read_value(pair[2][0])
                 for pair in map(fields, message.get(2, []))}
        tags = []
        for tag in map(fields, message.get(4, [])):
            at, unit = first(tag, 3, b"").decode(), first(tag, 5, b"").decode()
            tags.append(Tag(first(tag, 1), first(tag, 2), at, first(tag, 4), unit))
        self.types = {tag.id: tag.type for tag in tags}
        self.credit = first(message, 5)
        errors = b""
        for error in self.plugin.configure(given, tags):
            tag = b"" if error.tag is None else varint(2 << 3) + varint(error.tag)
            errors += field(1, field(1, error.key) + tag + field(3, error.offset) + field(4, 1)
                            + field(5, error.message) + field(6, error.hint))
        self.send(2, errors)
        return not errors

    def hello(self):
        plugin = self.plugin
        settings = b"".join(
            field(7, field(1, s.key) + field(2, s.type) + field(3, s.required) + field(4, s.help)
                  + field(5, s.example)) for s in plugin.settings)
        grammar = b"".join(field(n, value) for n, value in enumerate(plugin.address, 1))
        can = field(1, plugin.polls) + field(2, plugin.pushes)
        self.send(1, field(1, "forehearth.plugin") + field(2, 1) + field(3, 1)
                  + field(4, plugin.name) + field(5, plugin.version) + field(6, can)
                  + settings + field(8, grammar))

    def serve(self):
        self.hello()
        started = False
        while True:
            heard = self.heard(PUSH_EVERY if started and self.plugin.pushes else None)
            if heard is None:
                pushed = list(self.plugin.push())
                if pushed:
                    self.readings(pushed)
                continue
            kind, message = heard
            if kind == 1 and not self.configure(message):
                return
            elif kind == 2:
                started = True
            elif kind == 3:
                self.readings(self.plugin.poll(first(message, 2)), first(message, 1))
            elif kind == 4:
                self.credit += first(message, 2)
            elif kind == 7:
                self.send(4, field(1, first(message, 1)) + field(2, 2))
            elif kind == 8:
                return


def run(plugin):
    Server(plugin).serve()
