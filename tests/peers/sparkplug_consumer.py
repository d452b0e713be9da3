"""A Sparkplug B 3.0 host application for the end-to-end tests.

Written from the standard alone: the field numbers are those of its
sparkplug_b.proto (chapter 6.4), the rules those of its chapter 6. It shares no
code with Forehearth and uses no protobuf library, so that a mistake in either
shows. Prints one JSON line per metric value:

    {"message": "DDATA", "device": "press", "name": "count", "value": 7,
     "type": 8, "millis": 1764000000000, "historical": false, "quality": 192,
     "uuid": "gateway/1/12", "seq": 3}

one line per birth or death without metrics of its own, and a line
{"violation": "..."} for each rule the edge node breaks. Ends when standard
input closes. The first line, {"ready": true}, comes when it is subscribed.
"""

import argparse
import json
import struct
import sys
import threading

from paho.mqtt import client as mqtt

# Payload and Metric of sparkplug_b.proto: field number -> name.
PAYLOAD = {1: "timestamp", 2: "metrics", 3: "seq", 4: "uuid", 5: "body"}
METRIC = {
    1: "name",
    2: "alias",
    3: "timestamp",
    4: "datatype",
    5: "is_historical",
    6: "is_transient",
    7: "is_null",
    8: "metadata",
    9: "properties",
    10: "int_value",
    11: "long_value",
    12: "float_value",
    13: "double_value",
    14: "boolean_value",
    15: "string_value",
    16: "bytes_value",
}
VALUES = {name for number, name in METRIC.items() if number >= 10}
PROPERTIES = {1: "keys", 2: "values"}
PROPERTY = {
    1: "type",
    2: "is_null",
    3: "int_value",
    4: "long_value",
    5: "float_value",
    6: "double_value",
    7: "boolean_value",
    8: "string_value",
}
# Signed integer data types: two's complement in an unsigned field (6.4.16).
SIGNED_BITS = {1: 32, 2: 32, 3: 32, 4: 64}


def fields(data):
    """Yields (number, value) of a protobuf message: int, bytes, or 4 or 8 raw bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        match key & 7:
            case 0:
                yield key >> 3, varint()
            case 1 | 2 | 5 as wire:
                size = {1: 8, 5: 4}[wire] if wire != 2 else varint()
                if at + size > len(data):
                    raise ValueError("field runs past the end")
                yield key >> 3, data[at : at + size]
                at += size
            case wire:
                raise ValueError(f"wire type {wire}")


def named(data, names):
    """A message as a dictionary; unknown fields are refused, repeated ones overwrite."""
    return {names[number]: value for number, value in fields(data)}


def scalar(message):
    """The value of a metric or property, whichever field of the oneof it is in."""
    for name in ("int_value", "long_value"):
        if name in message:
            return message[name]
    if "boolean_value" in message:
        return bool(message["boolean_value"])
    if "string_value" in message:
        return message["string_value"].decode()
    if "float_value" in message:
        return struct.unpack("<f", message["float_value"])[0]
    if "double_value" in message:
        return struct.unpack("<d", message["double_value"])[0]
    return None


def signed(value, datatype):
    """Undoes the two's complement of negative Int8, Int16, Int32 and Int64."""
    bits = SIGNED_BITS.get(datatype)
    if bits and value is not None and value >= 1 << (bits - 1):
        return value - (1 << bits)
    return value


def properties(data):
    """A PropertySet as a dictionary."""
    keys, values = [], []
    for number, value in fields(data):
        if PROPERTIES[number] == "keys":
            keys.append(value.decode())
        else:
            values.append(scalar(named(value, PROPERTY)))
    return dict(zip(keys, values, strict=True))


class Host:
    """What a host knows of the one edge node it listens to."""

    def __init__(self):
        self.born = False
        self.seq = None
        self.bd_seq = None
        self.devices = {}  # device ("" for the node) -> alias -> (name, datatype)

    def message(self, topic, data):
        """Takes one message and yields what there is to print."""
        _, _, kind, _, *device = topic.split("/")
        device = device[0] if device else ""
        if kind in ("NCMD", "DCMD"):
            return
        payload, metrics = {}, []
        for number, value in fields(data):
            if PAYLOAD[number] == "metrics":
                metrics.append(named(value, METRIC))
            else:
                payload[PAYLOAD[number]] = value
        yield from self.rules(kind, device, payload, metrics)
        uuid = payload.get("uuid", b"").decode()
        yield {"message": kind, "device": device, "metrics": len(metrics), "uuid": uuid}
        for metric in metrics:
            row = {"message": kind, "device": device, "uuid": uuid, "seq": payload.get("seq")}
            yield from self.value(kind, device, metric, row)

    def rules(self, kind, device, payload, metrics):
        """Births, deaths and the sequence (6.4.2, 6.4.6 and following)."""
        if kind == "NDEATH":
            yield from self.death(metrics)
            return
        if kind == "NBIRTH":
            self.born, self.devices = True, {}
            self.bd_seq = next(
                (scalar(m) for m in metrics if m.get("name") == b"bdSeq"), None
            )
            if payload.get("seq") != 0:
                yield {"violation": f"NBIRTH with seq {payload.get('seq')}"}
            if self.bd_seq is None:
                yield {"violation": "NBIRTH without bdSeq"}
        elif not self.born:
            yield {"violation": f"{kind} of {device!r} before NBIRTH"}
        elif payload.get("seq") != (self.seq + 1) % 256:
            yield {"violation": f"{kind} has seq {payload.get('seq')} after {self.seq}"}
        self.seq = payload.get("seq", self.seq)
        if kind.endswith("BIRTH"):
            self.devices[device] = {}
        elif kind == "DDEATH":
            self.devices.pop(device, None)
        elif device not in self.devices:
            yield {"violation": f"{kind} of {device!r} without its birth"}
        historical = {bool(metric.get("is_historical")) for metric in metrics}
        if kind.endswith("DATA") and len(historical) > 1:
            yield {"violation": "historical and live values in one payload"}

    def death(self, metrics):
        """The death certificate names the session it ends."""
        self.born = False
        bd_seq = next((scalar(m) for m in metrics if m.get("name") == b"bdSeq"), None)
        if bd_seq != self.bd_seq:
            yield {"violation": f"NDEATH with bdSeq {bd_seq} in session {self.bd_seq}"}

    def value(self, kind, device, metric, row):
        """One metric, named by its birth."""
        aliases = self.devices.get(device, {})
        if kind.endswith("BIRTH"):
            name, datatype = metric["name"].decode(), metric["datatype"]
            if "timestamp" not in metric:
                yield {"violation": f"{name} has no timestamp in {kind}"}
            if "alias" in metric:
                taken = [aliases for aliases in self.devices.values() if metric["alias"] in aliases]
                if taken:
                    yield {"violation": f"alias {metric['alias']} is used twice"}
        elif metric.get("alias") in aliases:
            name, datatype = aliases[metric["alias"]]
            if "name" in metric:
                yield {"violation": f"{name} has a name and an alias in {kind}"}
        elif "name" in metric:
            name, datatype = metric["name"].decode(), metric.get("datatype")
        else:
            yield {"violation": f"{kind} of {device!r} with unknown alias {metric.get('alias')}"}
            return
        if metric.get("is_null") and VALUES & metric.keys():
            yield {"violation": f"{name} is null and has a value"}
        carried = properties(metric["properties"]) if "properties" in metric else {}
        if kind.endswith("BIRTH") and "alias" in metric:
            self.devices[device][metric["alias"]] = (name, datatype)
        row |= {
            "name": name,
            "value": signed(scalar(metric), datatype),
            "type": datatype,
            "millis": metric.get("timestamp"),
            "historical": bool(metric.get("is_historical")),
            # "Only required if the quality of the metric is not GOOD" (6.4.14).
            "quality": carried.get("Quality", 192),
            "unit": carried.get("engUnit"),
        }
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--group", required=True)
    arguments = parser.parse_args()
    host = Host()

    def say(row):
        print(json.dumps(row), flush=True)

    def on_connect(client, *_):
        client.subscribe(f"spBv1.0/{arguments.group}/#", qos=0)

    def on_subscribe(*_):
        say({"ready": True})

    def on_message(_client, _userdata, message):
        try:
            for row in host.message(message.topic, message.payload):
                say(row)
        except (ValueError, KeyError, IndexError, struct.error) as error:
            say({"violation": f"{message.topic}: {error!r}"})

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="sparkplug-consumer")
    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    client.connect("127.0.0.1", arguments.port)
    client.loop_start()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    ended.wait()
    client.loop_stop()


if __name__ == "__main__":
    main()
