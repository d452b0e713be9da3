"""An OPC UA server no one here wrote (asyncua), which a test drives over stdin.

Prints one JSON line when it listens ({"port", "fingerprint"}) and one per
command. Commands are JSON lines with a "do"; the end of stdin ends it.
"""

import argparse
import asyncio
import hashlib
import json
import logging
import socket
import sys
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
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
        self.history = arguments.history
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
        for number in range(self.items):
            await add(f"Item{number}", number, ua.VariantType.UInt32)

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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--secured", action="store_true")
    parser.add_argument("--history", action="store_true")
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
