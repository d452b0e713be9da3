// A second OPC UA server no one here wrote (node-opcua), driven over stdin like
// opcua_server.py. It keeps a message until it is acknowledged, as the standard
// says. Needs `npm install --prefix .peers --ignore-scripts node-opcua-server@2.182.2`.
import { createInterface } from "node:readline";
import { createServer } from "node:net";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../.peers/", import.meta.url));
const { OPCUAServer } = require("node-opcua-server");
const { DataType } = require("node-opcua-variant");

const PLANT = "urn:vendor:dcs:plant";

class Plant {
  counter = 0;
  timer = null;
  server = null;

  constructor(port, folder) {
    this.port = port;
    this.folder = folder;
  }

  async start(namespaces) {
    this.server = new OPCUAServer({
      port: this.port,
      hostname: "127.0.0.1",
      resourcePath: "/plant",
      serverCertificateManager: undefined,
    });
    await this.server.initialize();
    const space = this.server.engine.addressSpace;
    for (const uri of namespaces) {
      const namespace = space.registerNamespace(uri);
      const folder = namespace.addFolder(space.rootFolder.objects, { browseName: "Plant" });
      const variable = namespace.addVariable({
        componentOf: folder,
        browseName: "Counter",
        nodeId: "s=Counter",
        dataType: uri === PLANT ? "UInt32" : "Int64",
        minimumSamplingInterval: 0,
      });
      if (uri === PLANT) this.variable = variable;
    }
    this.write();
    await this.server.start();
  }

  write() {
    this.variable?.setValueFromSource({ dataType: DataType.UInt32, value: this.counter });
  }

  subscriptions() {
    const sessions = this.server?.engine.getSessions() ?? [];
    return sessions.flatMap((session) =>
      session.publishEngine.subscriptions.map((subscription) => [session, subscription.id]),
    );
  }

  async do(command) {
    switch (command.do) {
      case "count":
        clearInterval(this.timer);
        this.timer = setInterval(() => {
          this.counter += 1;
          if (this.server) this.write();
        }, command.every * 1000);
        break;
      case "stop-counting":
        clearInterval(this.timer);
        break;
      case "limits":
        break;
      case "delete":
        for (const [session, id] of this.subscriptions()) {
          session.deleteSubscription(id);
        }
        break;
      case "stop":
        await this.server.shutdown(10);
        this.server = null;
        break;
      case "start":
        await this.start(command.namespaces ?? [PLANT]);
        break;
      default:
        return { error: `unknown command ${command.do}` };
    }
    return { counter: this.counter, subscriptions: this.subscriptions().length };
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const log = console.log;
console.log = console.error; // stdout is for answers
const folder = process.argv[process.argv.indexOf("--folder") + 1];
process.env.HOME = folder; // where it keeps its certificates
process.env.XDG_CONFIG_HOME = folder;
const plant = new Plant(await freePort(), folder);
await plant.start([PLANT]);
log(JSON.stringify({ port: plant.port, fingerprint: "" }));
for await (const line of createInterface({ input: process.stdin })) {
  log(JSON.stringify(await plant.do(JSON.parse(line))));
}
process.exit(0);
