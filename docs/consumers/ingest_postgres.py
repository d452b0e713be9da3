"""Lands native batches in PostgreSQL (or TimescaleDB), each exactly once:

    python3 ingest_postgres.py --broker 127.0.0.1:1883 --topic 'fh/v1/acme/pot2-east' \\
        --database 'host=127.0.0.1 dbname=plant user=ingest' --client ingest-1 [--share ingest]

Needs `pip install paho-mqtt 'psycopg[binary]'` and decode_native.py beside it.

How once: a batch and its readings are one transaction, and the batch's name
(gateway, epoch, number) is a primary key. The broker gets its PUBACK after the
commit. Killed before the commit, the batch comes again; killed after it, the
batch comes again and changes nothing.

`--topic` may hold wildcards. With `--share` several of these divide the work:
batches and gaps go to one of them each, catalogues and baselines to all.
"""

import argparse
import datetime
import struct

import paho.mqtt.client as mqtt
import psycopg

import decode_native as native

TABLES = """
CREATE TABLE IF NOT EXISTS batch (
    gateway text, epoch bigint, number bigint, arrived timestamptz DEFAULT now(),
    PRIMARY KEY (gateway, epoch, number));
CREATE TABLE IF NOT EXISTS reading (  -- TimescaleDB: SELECT create_hypertable('reading', 'time')
    time timestamptz NOT NULL, gateway text, epoch bigint, number bigint,
    catalogue numeric(20), device int, tag int, quality smallint,
    whole numeric(20), real double precision, text text);
CREATE TABLE IF NOT EXISTS tag (
    catalogue numeric(20), tag int, device text, name text, unit text,
    scale double precision, shift double precision, PRIMARY KEY (catalogue, tag));
CREATE TABLE IF NOT EXISTS gap (
    gateway text, epoch bigint, id bigint, cause int, first bigint, last bigint, readings bigint,
    PRIMARY KEY (gateway, epoch, id));
CREATE TABLE IF NOT EXISTS baseline (message bytea PRIMARY KEY);
CREATE OR REPLACE VIEW named AS
    SELECT time, r.gateway, t.device, t.name, coalesce(whole::float8, real) * scale + shift AS value,
           text, unit, quality, epoch, number
    FROM reading r JOIN tag t USING (catalogue, tag);
"""


def double(value):  # as `fields` gives it
    return struct.unpack("<d", value)[0]


class Ingest:
    def __init__(self, database):
        self.database = psycopg.connect(database, autocommit=True)
        with self.database.transaction():
            # One at a time: two that start together must not both create.
            self.database.execute("SELECT pg_advisory_xact_lock(7238)")
            self.database.execute(TABLES)
        self.baselines = {}
        for (message,) in self.database.execute("SELECT message FROM baseline"):
            self.baselines |= native.learn(message)
        self.waiting = []  # (message, then): batches whose baseline is still to come

    def batch(self, message, then):
        try:
            (gateway, epoch, number), readings = native.decode(message, self.baselines)
        except KeyError:
            self.waiting.append((message, then))
            return
        outer = native.fields(message)
        content = native.fields(native.unzstd(outer[4][0]) if outer.get(3, [0])[0] else outer[4][0])
        catalogue = int.from_bytes(content[5][0], "little")
        rows = [
            (at(stamp), gateway, epoch, number, catalogue, device, tag, quality, *columns(value))
            for stamp, device, tag, quality, value in readings
        ]
        with self.database.transaction():
            new = self.database.execute(
                "INSERT INTO batch VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (gateway, epoch, number)
            )
            if new.rowcount:
                with self.database.cursor().copy("COPY reading FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
        then()

    def baseline(self, message):
        self.baselines |= native.learn(message)
        self.database.execute("INSERT INTO baseline VALUES (%s) ON CONFLICT DO NOTHING", (message,))
        waiting, self.waiting = self.waiting, []
        for batch, then in waiting:
            self.batch(batch, then)

    def catalogue(self, name, message):
        fields = native.fields(message)
        devices = [native.fields(device)[1][0].decode() for device in fields.get(4, [])]
        with self.database.transaction():
            for number, entry in enumerate(map(native.fields, fields.get(5, []))):
                text = lambda key: entry.get(key, [b""])[0].decode()
                scale, shift = (double(entry[key][0]) if key in entry else 1.0 - i for i, key in enumerate((4, 5)))
                row = (int(name, 16), number, devices[entry.get(1, [0])[0]], text(2), text(7), scale, shift)
                self.database.execute("INSERT INTO tag VALUES (%s,%s,%s,%s,%s,%s,%s) ON CONFLICT DO NOTHING", row)

    def gap(self, message):
        f = {key: values[0] for key, values in native.fields(message).items()}
        row = (f[2].decode(), f.get(6, 0), f.get(3, 0), f.get(5, 0), f.get(7, 0), f.get(8), f.get(10))
        self.database.execute("INSERT INTO gap VALUES (%s,%s,%s,%s,%s,%s,%s) ON CONFLICT DO NOTHING", row)

    def message(self, topic, payload, then):
        levels = topic.split("/")
        if levels[-2] == "batch":
            return self.batch(payload, then)
        if levels[-2] == "baseline":
            self.baseline(payload)
        elif levels[-2] == "catalogue":
            self.catalogue(levels[-1], payload)
        elif levels[-1] == "gap":
            self.gap(payload)
        then()


def at(micros):
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=micros)


def columns(value):  # whole, real, text
    if isinstance(value, int):  # and True and False
        return int(value), None, None
    return (None, value, None) if isinstance(value, float) else (None, None, value)


def main():
    parser = argparse.ArgumentParser()
    for name in ("broker", "topic", "database", "client"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--share")
    args = parser.parse_args()
    ingest = Ingest(args.database)
    # A session of its own, so that the broker keeps what comes while this is down.
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, args.client, clean_session=False, manual_ack=True)

    def connected(client, *_):
        shared = f"$share/{args.share}/" if args.share else ""
        # What batches need first; retained, so it comes at once.
        for topic in ("catalogue/+", "baseline/+"):
            client.subscribe(f"{args.topic}/{topic}", 1)
        for topic in ("batch/+", "gap"):
            client.subscribe(f"{shared}{args.topic}/{topic}", 1)
        print("subscribed", flush=True)

    client.on_connect = connected
    # An error ends the process without a PUBACK: whoever supervises it starts it again.
    client.on_message = lambda client, _, m: ingest.message(m.topic, m.payload, lambda: client.ack(m.mid, m.qos))
    host, port = args.broker.rsplit(":", 1)
    client.connect(host, int(port))
    client.loop_forever()


if __name__ == "__main__":
    main()
