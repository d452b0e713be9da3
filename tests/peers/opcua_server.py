"""An OPC UA server no one here wrote (asyncua), which a test drives over stdin.

Prints one JSON line when it listens ({"port", "fingerprint"}) and one per
command. Commands are JSON lines with a "do"; the end of stdin ends it.
"""

import argparse
import asyncio
import datetime
import hashlib
import json
import logging
import socket
import sys
from pathlib import Path

from asyncua import Server, ua
from asyncua.common.structures104 import new_struct, new_struct_field
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

PLANT = "urn:vendor:dcs:plant"
OTHER = "urn:vendor:other"
APPLICATION = "urn:asyncua:test:server"


class Users:
    """Knows fh-read, whose password is secret, and nobody else by name."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is None or (username, password) == ("fh-read", "secret"):
            return User(role=UserRole.User)
        return None


class Plant:
    """The server and what it is told to do."""

    def __init__(self, port, arguments):
        self.port, self.folder = port, arguments.folder
        self.secured, self.items = arguments.secured, arguments.items
        self.history, self.rich = arguments.history, arguments.rich
        self.expired = arguments.expired
        self.events = None
        self.counter = 0
        self.counting = None
        self.fingerprint = ""
        self.server = None

    async def start(self, namespaces):
        server = Server(user_manager=Users())
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}/plant")
        await server.set_application_uri(APPLICATION)
        policies = [ua.SecurityPolicyType.NoSecurity]
        if self.secured:
            policies += [
                ua.SecurityPolicyType.Basic256Sha256_Sign,
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
            ]
            await self.load_certificate(server)
        server.set_security_policy(policies)
        for uri in namespaces:
            await server.register_namespace(uri)
        self.server = server
        self.nodes = {}
        for uri in namespaces:
            await self.fill(uri)
        await server.start()
        if self.history:
            for variable, _ in self.nodes.values():
                await server.historize_node_data_change(variable)

    async def load_certificate(self, server):
        key, cert = self.folder / "server-key.pem", self.folder / "server.der"
        await setup_self_signed_certificate(
            key,
            cert,
            APPLICATION,
            "127.0.0.1",
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
            {"countryName": "XX", "commonName": "asyncua test server"},
        )
        if self.expired:
            expire(key, cert)
        der = x509.load_der_x509_certificate(cert.read_bytes()).public_bytes(Encoding.DER)
        self.fingerprint = hashlib.sha256(der).hexdigest()
        await server.load_certificate(str(cert))
        await server.load_private_key(str(key))

    async def fill(self, uri):
        """The same names in each namespace; only the plant's hold sense."""
        index = await self.server.get_namespace_index(uri)
        folder = await self.server.nodes.objects.add_object(index, f"Folder{index}")

        async def add(name, value, kind):
            node = ua.NodeId(name, index)
            if uri != PLANT:
                value, kind = -1, ua.VariantType.Int64
            variable = await folder.add_variable(node, name, value, kind)
            if uri == PLANT:
                self.nodes[name] = (variable, kind)

        await add("Counter", self.counter, ua.VariantType.UInt32)
        await add("Level", 1.5, ua.VariantType.Double)
        await add("Small", -7, ua.VariantType.Int16)
        await add("Running", True, ua.VariantType.Boolean)
        await add("Name", "FC-201", ua.VariantType.String)
        if self.rich and uri == PLANT:
            await self.enrich(index, folder, add)
        for number in range(self.items):
            await add(f"Item{number}", number, ua.VariantType.UInt32)

    async def enrich(self, index, folder, add):
        """What a modern PLC has: arrays, a structure, units, a tree, events."""
        await add("Profile", [1.5, 2.5, 3.5], ua.VariantType.Double)
        await add("Photo", b"\x01\xff", ua.VariantType.ByteString)
        await add("Setpoint", 950.0, ua.VariantType.Float)
        await self.nodes["Setpoint"][0].set_writable()
        column = await self.server.nodes.objects.add_object(
            ua.NodeId("FC201", index), ua.QualifiedName("FC201", index)
        )
        bias = await column.add_variable(
            ua.NodeId("FC201.BIAS", index), ua.QualifiedName("BIAS", index), 12.5
        )
        self.nodes["BIAS"] = (bias, ua.VariantType.Double)
        valves = await column.add_object(
            ua.NodeId("FC201.Valves", index), ua.QualifiedName("Valves", index)
        )
        for number in range(1, 4):
            valve = await valves.add_variable(
                ua.NodeId(f"FC201.Valves.ZT_{number}.PV", index),
                ua.QualifiedName(f"ZT_{number}", index),
                float(number),
                ua.VariantType.Float,
            )
            await valve.add_property(
                ua.NodeId(f"FC201.Valves.ZT_{number}.EU", index),
                ua.QualifiedName("EngineeringUnits", 0),
                ua.EUInformation(
                    NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact",
                    UnitId=5066068,
                    DisplayName=ua.LocalizedText("mm"),
                ),
            )
            await valve.add_property(
                ua.NodeId(f"FC201.Valves.ZT_{number}.Range", index),
                ua.QualifiedName("EURange", 0),
                ua.Range(Low=0.0, High=100.0),
            )
            self.nodes[f"ZT_{number}"] = (valve, ua.VariantType.Float)
        fields = [
            new_struct_field("Speed", ua.VariantType.Double),
            new_struct_field("Alarms", ua.VariantType.UInt16, array=True),
            new_struct_field("Name", ua.VariantType.String),
        ]
        await new_struct(self.server, index, "Motor", fields)
        await self.server.load_data_type_definitions()
        motor = ua.Motor()
        motor.Speed, motor.Alarms, motor.Name = 1480.5, [3, 5], "M1"
        await folder.add_variable(
            ua.NodeId("Mill", index), "Mill", ua.Variant(motor, ua.VariantType.ExtensionObject)
        )

    async def raise_event(self, severity, message):
        if self.events is None:
            self.events = await self.server.get_event_generator()
        self.events.event.Severity = severity
        self.events.event.SourceName = "FC-201"
        await self.events.trigger(message=message)

    async def write(self, name, value):
        variable, kind = self.nodes[name]
        await variable.write_value(value, kind)

    async def count(self, every):
        while True:
            self.counter += 1
            if self.server is not None:
                await self.write("Counter", self.counter)
            await asyncio.sleep(every)

    async def stop_counting(self):
        if self.counting is not None:
            self.counting.cancel()
            await asyncio.gather(self.counting, return_exceptions=True)
            self.counting = None

    def subscriptions(self):
        """Those of clients; the archive has one of its own."""
        known = self.server.iserver.subscription_service.subscriptions
        return {key: sub for key, sub in known.items() if sub.pub_request_callback}

    async def pop_message(self, subscription):
        while not subscription._triggered_datachanges:
            await asyncio.sleep(0.001)
        subscription._pop_publish_result()

    async def do(self, command):
        match command["do"]:
            case "write":
                await self.write(command["name"], command["value"])
            case "write-items":
                for number in range(self.items):
                    await self.write(f"Item{number}", command["value"] + number)
            case "status":
                variable, kind = self.nodes[command["name"]]
                value = ua.DataValue(ua.Variant(0.0, kind), ua.StatusCode(command["code"]))
                await variable.write_value(value)
            case "count":
                await self.stop_counting()
                self.counting = asyncio.create_task(self.count(command["every"]))
            case "stop-counting":
                await self.stop_counting()
            case "event":
                await self.raise_event(command["severity"], command["message"])
            case "read":
                variable, _ = self.nodes[command["name"]]
                return {"value": await variable.read_value()}
            case "move":
                # The way now ends at another node.
                column = self.server.get_node(ua.NodeId("FC201", await self.server.get_namespace_index(PLANT)))
                index = column.nodeid.NamespaceIndex
                await self.nodes["BIAS"][0].delete()
                bias = await column.add_variable(
                    ua.NodeId("FC201.BIAS2", index), ua.QualifiedName("BIAS", index), 77.5
                )
                self.nodes["BIAS"] = (bias, ua.VariantType.Double)
            case "service-level":
                level = ua.DataValue(ua.Variant(command["level"], ua.VariantType.Byte))
                await self.server.get_node(ua.NodeId(2267)).write_value(level)
            case "drop":
                for transport in list(self.server.iserver.asyncio_transports):
                    transport.abort()
            case "mute":
                # Connected, session alive, and no subscription ever speaks again.
                for subscription in self.subscriptions().values():
                    subscription._task.cancel()
            case "delete":
                await self.server.iserver.subscription_service.delete_subscriptions(
                    list(self.subscriptions())
                )
            case "skip":
                # One message of each subscription gets lost on the way.
                for subscription in self.subscriptions().values():
                    await self.pop_message(subscription)
            case "lose":
                # The same, and the server does not keep it.
                for subscription in self.subscriptions().values():
                    await self.pop_message(subscription)
                    subscription._not_acknowledged_results.clear()
            case "limits":
                server = self.server
                for name, node in [
                    ("read", ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead),
                    (
                        "monitor",
                        ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
                    ),
                ]:
                    if name in command:
                        value = ua.Variant(command[name], ua.VariantType.UInt32)
                        await server.get_node(ua.NodeId(node)).write_value(value)
            case "stop":
                server, self.server = self.server, None
                await server.stop()
            case "start":
                await self.start(command.get("namespaces", [PLANT]))
            case other:
                return {"error": f"unknown command {other}"}
        subscriptions = len(self.subscriptions()) if self.server else 0
        return {"counter": self.counter, "subscriptions": subscriptions}


def expire(key_file, cert_file):
    """The same certificate, as it will be when nobody renewed it."""
    old = x509.load_der_x509_certificate(cert_file.read_bytes())
    key = load_pem_private_key(key_file.read_bytes(), None)
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=400)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
    builder = builder.not_valid_before(past).not_valid_after(past + datetime.timedelta(days=365))
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    cert_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--secured", action="store_true")
    parser.add_argument("--history", action="store_true")
    parser.add_argument("--rich", action="store_true")
    parser.add_argument("--expired", action="store_true")
    parser.add_argument("--items", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    plant = Plant(free_port(), arguments)
    await plant.start([PLANT])
    loop = asyncio.get_running_loop()
    print(json.dumps({"port": plant.port, "fingerprint": plant.fingerprint}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await plant.do(json.loads(line))), flush=True)
    await plant.stop_counting()
    if plant.server is not None:
        await plant.server.stop()


asyncio.run(main())
