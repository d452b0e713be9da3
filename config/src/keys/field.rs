//! The keys of `devices/*.toml` and `profiles/*.toml`, tags aside.

use super::Kind::{
    Boolean, Duration, Integer, Items, Named, NamedRates, Rate, Scalar, Table, Tables, Text,
    Variables, Word,
};
use super::Need::{Default, Optional, Required};
use super::gateway::PASSWORD;
use super::link::{BUDGET, LINK, QUIRKS};
use super::tag::TAG;
use super::{Kind, Section};
use crate::browsed::{DEPTH, EXPECT};
use crate::events::SEVERITY;
use crate::link::{INFLIGHT, TIMEOUT};
use crate::opcua::{QUEUE, SECURITIES};
use crate::tag::{MAX_GAP, RATE};

super::keys! {
    /// Of a file of devices/.
    FILE_KEYS = {
        "schema": Integer(1, 1), Required,
            "Version of the map's language." / "配置语言的版本。", "schema = 1";
        "link": Tables(&LINK), Optional,
            "Sockets and buses that devices share." / "设备共用的连接和总线。", "link = [{ name = \"plc-1\", url = \"tcp://10.20.4.11:502\" }]";
        "device": Tables(&DEVICE), Optional,
            "Devices." / "设备。", "device = [{ name = \"sub-1\", profile = \"builtin:energy-meter\", url = \"tcp://10.30.7.11\" }]";
        "override": Named(&OVERRIDE), Optional,
            "What is different on one device of many." / "众多设备中某一台的不同之处。", "override = { cell-042 = { rate = \"2s\" } }";
        "test": Tables(&TEST), Optional,
            "Registers and what must be read from them, for `check --test`." / "寄存器及应读出的值，供 `check --test` 使用。", "test = [{ device = \"cell-001\", registers = { \"hr:100\" = [0, 0x4080] }, expect = { cell_voltage = 4.0 } }]";
    }

    /// Keys that a profile and a device share; the device's win.
    SHARED_KEYS = {
        "driver": Kind::WordOrPlugin(&["modbus", "opcua", "gateway", "sensor"]), Optional,
            "How the device speaks; given by the profile or the device." / "设备的通信方式；由设备类型或设备给出。", "driver = \"modbus\"";
        "title": Kind::Bilingual, Optional,
            "What people call it." / "人们如何称呼它。", "title = { en = \"Roaster safety system\", zh = \"焙烧炉安全仪表系统\" }";
        "unit": Integer(0, 255), Default("1"),
            "Modbus unit id." / "Modbus 站号。", "unit = 1";
        "access": Word(&["read-only", "read-write"]), Default("\"read-write\""),
            "Read-only: no write path exists, and nothing nearer to the device can loosen it." / "read-only：不存在写入通道，且更近的层也不能放宽。", "access = \"read-only\"";
        "order": Word(&["AB", "BA", "ABCD", "CDAB", "BADC", "DCBA", "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"]), Default("\"ABCD\""),
            "Order of the bytes of a value in its registers." / "值在寄存器中的字节顺序。", "order = \"CDAB\"";
        "rate": Rate, Default("\"1s\""),
            "How often tags are read that have no rate of their own." / "没有自己周期的点位的采集周期。", "rate = \"1s\"";
        "rates": NamedRates, Optional,
            "Rates by name." / "命名的采集周期。", "rates = { fast = \"500ms\", slow = \"10s\" }";
        "grade": Word(&["general", "important", "core"]), Default("\"general\""),
            "Data class of tags that have none of their own." / "没有自己等级的点位的数据等级。", "grade = \"important\"";
        "max_gap": Duration(MAX_GAP.0, MAX_GAP.1), Default("\"60s\""),
            "Longest silence of a reading." / "读数的最长静默时间。", "max_gap = \"60s\"";
        "every_sample": Boolean, Default("false"),
            "Every sample is sent, changed or not." / "每个采样都上送，无论是否变化。", "every_sample = true";
        "tags": Named(&TAG), Optional,
            "Tags by name." / "按名称列出的点位。", "tags = { voltage = { at = \"hr:0\", type = \"REAL\" } }";
    }

    /// Keys that only a profile has.
    PROFILE_KEYS = {
        "schema": Integer(1, 1), Required,
            "Version of the map's language." / "配置语言的版本。", "schema = 1";
        "profile": Text, Required,
            "Name that devices use it by." / "设备引用它的名称。", "profile = \"potcell-v3\"";
        "extends": Text, Optional,
            "Another profile that this one changes." / "本设备类型所修改的另一设备类型。", "extends = \"builtin:potcell-v3\"";
        "params": Named(&PARAM), Optional,
            "What each device gives: names that addresses and expressions use." / "每台设备给出的参数：供地址和表达式使用的名称。", "params = { base = { type = \"address\" } }";
    }

    /// Keys that only a device has.
    DEVICE_KEYS = {
        "name": Text, Required,
            "Unique; part of every topic." / "唯一；是每个主题的一部分。", "name = \"cell-{n:03}\"";
        "profile": Text, Optional,
            "Its type: a file of profiles/, or builtin:NAME." / "设备类型：profiles/ 下的文件，或 builtin:名称。", "profile = \"potcell-v3\"";
        "for": Variables, Optional,
            "One device for each value: a range, a list or the rows of a sheet." / "每个值一台设备：范围、列表或表格的行。", "for = { n = \"1..=300\" }";
        "except": Items, Optional,
            "Values or names of `for` that are left out." / "`for` 中要跳过的值或名称。", "except = [117, 204]";
        "link": Text, Optional,
            "The [[link]] it is reached over; this or `url`." / "所用的 [[link]]；与 `url` 二选一。", "link = \"pc-{(n-1)/30+1:02}\"";
        "url": Kind::TextOrTexts, Optional,
            "How it is reached over a link of its own; this or `link`. Of OPC UA also several servers that stand in for one another." / "独占链路的连接方式；与 `link` 二选一。OPC UA 也可写互为备用的多个服务器。", "url = \"tcp://10.40.0.5:502\"";
        "handle": Text, Optional,
            "Industrial identifier, carried and exported." / "工业互联网标识，随数据携带并导出。", "handle = \"88.100.1234/POT2-{n:03}\"";
        "budget": Table(&BUDGET), Optional,
            "What a careful owner allows." / "设备所有者允许的访问量。", "budget = { requests_per_second = 2, timeout = \"800ms\" }";
        "timeout": Duration(TIMEOUT.0, TIMEOUT.1), Default("\"1s\""),
            "Deadline of a request, on a link of its own; of OPC UA 2s when not given." / "请求的时限，须独占链路；OPC UA 未写时为 2s。", "timeout = \"1s\"";
        "inflight": Integer(1, INFLIGHT), Default("1"),
            "Requests under way at once, on a link of its own." / "同时进行的请求数，须独占链路。", "inflight = 1";
    }

    /// Keys of OPC UA that a profile and a device share.
    OPCUA_SHARED_KEYS = {
        "security": Word(&SECURITIES), Optional,
            "OPC UA: security policy and mode; required, and None must be written out." / "OPC UA：安全策略和模式；必须写，None 也要明确写出。", "security = \"Basic256Sha256/SignAndEncrypt\"";
        "namespace": Kind::NamedTexts, Optional,
            "OPC UA: aliases of namespaces; the server's number is looked up at each connect." / "OPC UA：命名空间的别名；服务器中的编号在每次连接时查询。", "namespace = { dcs = \"urn:vendor:dcs:plant\" }";
        "mode": Word(&["subscribe", "poll"]), Default("\"subscribe\""),
            "OPC UA: how values arrive." / "OPC UA：数据获取方式。", "mode = \"subscribe\"";
        "sampling": Duration(RATE.0, RATE.1), Optional,
            "OPC UA: how often the server looks at values; default: as often as it sends them, `rate`." / "OPC UA：服务器查看数值的间隔；默认与发送周期 `rate` 相同。", "sampling = \"250ms\"";
        "queue": Integer(QUEUE.0, QUEUE.1), Optional,
            "OPC UA: values the server keeps of each tag until it sends them; default: what a minute needs." / "OPC UA：服务器为每个点位保留的待发送值的个数；默认够一分钟用。", "queue = 100";
        "discard": Word(&["oldest", "newest"]), Default("\"oldest\""),
            "OPC UA: which value goes when the server's queue is full; the loss is marked." / "OPC UA：服务器队列满时丢弃哪个值；丢失会被标记。", "discard = \"newest\"";
        "browse": Tables(&BROWSE), Optional,
            "OPC UA: tags that are found by browsing; `forehearth browse --write` finds them." / "OPC UA：通过浏览找到的点位，由 `forehearth browse --write` 查找。", "browse = [{ under = \"i=85\", match = \"*.PV\", depth = 3 }]";
        "events": Tables(&EVENTS), Optional,
            "OPC UA: events and alarms of the server, each as one text in the alarm lane." / "OPC UA：服务器的事件和报警，各为报警通道中的一条文本。", "events = [{ name = \"alarms\", severity = 500 }]";
    }

    /// Keys of plugins.
    PLUGIN_KEYS = {
        "settings": Kind::NamedScalars, Optional,
            "Plugin: what it is told; its plugin.toml has all keys." / "插件：交给插件的设置；全部键见其 plugin.toml。", "settings = { host = \"192.0.2.7\" }";
    }

    /// Keys of OPC UA that only a device has.
    OPCUA_KEYS = {
        "user": Text, Optional,
            "OPC UA: user name." / "OPC UA：用户名。", "user = \"fh-read\"";
        "password": Table(&PASSWORD), Optional,
            "OPC UA: where the password is read from." / "OPC UA：密码的来源。", "password = { credential = \"dcs-a\" }";
        "trust_folder": Text, Default("\"trust\""),
            "OPC UA: folder with certificates of servers that are trusted, relative to gateway.toml." / "OPC UA：受信任服务器证书的文件夹，相对于 gateway.toml。", "trust_folder = \"trust\"";
        "trust": Kind::TextOrTexts, Optional,
            "OPC UA: fingerprint of the server's certificate, or of several." / "OPC UA：服务器证书的指纹，可有多个。", "trust = \"sha256:5f2c8a1e90b7d34466aa0f1be2c97d5803e4b1a2f6c8d7e9001122334455aabb\"";
        "user_certificate": Text, Optional,
            "OPC UA: certificate of the user, in place of `user`; relative to gateway.toml." / "OPC UA：用户证书，代替 `user`；相对于 gateway.toml。", "user_certificate = \"user.der\"";
        "user_key": Text, Optional,
            "OPC UA: its private key, mode 0600." / "OPC UA：其私钥，权限 0600。", "user_key = \"user-key.pem\"";
        "reverse": Text, Optional,
            "OPC UA: the gateway listens here and the server calls; `url` says which one may." / "OPC UA：网关在此监听，由服务器来连接；`url` 指明哪个服务器。", "reverse = \"0.0.0.0:4841\"";
    }

    /// Of a `[[device.browse]]`.
    BROWSE_KEYS = {
        "under": Text, Default("\"/Objects\""),
            "Node or path below which is searched." / "在此节点或路径之下查找。", "under = \"dcs:s=FC201.Valves\"";
        "match": Text, Default("\"*\""),
            "Pattern of what is taken: of a node's identifier, or of its names below `under`, joined by dots." / "所取节点的模式：与节点标识比较，或与 `under` 以下以点连接的名称比较。", "match = \"*.ZT_*.PV\"";
        "depth": Integer(DEPTH.0, DEPTH.1), Default("3"),
            "How many levels deep." / "查找多少层。", "depth = 3";
        "expect": Integer(EXPECT.0, EXPECT.1), Optional,
            "How many must be found." / "应找到多少个。", "expect = 12";
        "name": Text, Default("\"{browse_name}\""),
            "Name of each tag; {browse_name}, {parent} and {path} are filled in." / "各点位的名称；其中 {browse_name}、{parent} 和 {path} 会被替换。", "name = \"valve/{browse_name}\"";
    }

    /// Of a `[[device.events]]`.
    EVENTS_KEYS = {
        "name": Text, Default("\"events\""),
            "Name of the tag." / "点位名称。", "name = \"alarms\"";
        "from": Text, Default("\"i=2253\""),
            "Node or path whose events are told; default: the whole server's." / "上报其事件的节点或路径；默认为整个服务器。", "from = \"dcs:s=FC201\"";
        "severity": Integer(SEVERITY.0, SEVERITY.1), Default("1"),
            "Lowest severity that is told." / "上报的最低严重度。", "severity = 500";
        "grade": Word(&["general", "important", "core"]), Optional,
            "Data class; default: the device's." / "数据等级；默认取设备的。", "grade = \"core\"";
        "label": Kind::Bilingual, Optional,
            "What people call it." / "人们如何称呼它。", "label = \"alarms of the column\"";
    }

    /// Of a file of browsed/.
    BROWSED_KEYS = {
        "schema": Integer(1, 1), Required,
            "Version of the map's language." / "配置语言的版本。", "schema = 1";
        "device": Text, Required,
            "Of which device." / "所属设备。", "device = \"fc-201\"";
        "rule": Tables(&FOUND), Optional,
            "From which rules it was made." / "由哪些规则生成。", "rule = [{ made_from = \"under i=85 match * depth 3 name {browse_name}\", found = 12 }]";
        "tags": Named(&TAG), Optional,
            "What was found; the device's own tags of the same name refine it." / "找到的点位；设备中同名点位可加以修改。", "tags = { valve = { node = \"nsu=urn:x;s=V\", type = \"REAL\" } }";
        "types": Kind::NamedTexts, Optional,
            "Types of nodes of the map that have none there." / "配置中未写类型的节点的类型。", "types = { \"dcs:s=PV\" = \"REAL\" }";
    }

    /// Of a rule in a file of browsed/.
    FOUND_KEYS = {
        "made_from": Text, Required,
            "The rule." / "规则。", "made_from = \"under i=85 match * depth 3 name {browse_name}\"";
        "found": Integer(EXPECT.0, EXPECT.1), Required,
            "How many were found." / "找到的个数。", "found = 12";
    }

    /// Of a parameter.
    PARAM_KEYS = {
        "type": Word(&["address", "integer", "text"]), Required,
            "address: starts a tag's `at`; integer and text: usable in expressions." / "address：点位 `at` 的起点；integer 和 text：可用于表达式。", "type = \"address\"";
        "doc": Kind::Bilingual, Optional,
            "What the device must give." / "设备需要给出什么。", "doc = { en = \"first register\", zh = \"首寄存器\" }";
        "default": Scalar, Optional,
            "What holds for devices that give nothing." / "设备未给出时的取值。", "default = 50";
    }

    /// Of a `[[test]]`.
    TEST_KEYS = {
        "device": Text, Required,
            "Which device is tried." / "所测试的设备。", "device = \"cell-001\"";
        "registers": Kind::Registers, Required,
            "Address and the words (or bits) from there on." / "地址，以及从该处开始的字（或位）。", "registers = { \"hr:100\" = [0x0000, 0x4080], \"co:3\" = [true] }";
        "expect": Kind::Expected, Required,
            "Tag and what must be read: a number in engineering units (compared to six digits), true or false, a text; for an array a list." / "点位及应读出的值：工程单位的数字（比较六位有效数字）、true 或 false、文本；数组用列表。", "expect = { cell_voltage = 4.0, ae_flag = true }";
    }
}

pub(crate) static FILE: Section = Section {
    name: "device-file",
    heading: "devices/*.toml",
    doc: [
        "Links, devices, and what is different on single ones.",
        "链路、设备以及个别设备的不同之处。",
    ],
    keys: &[FILE_KEYS],
    scoped: false,
    open: false,
};

pub(crate) static PROFILE: Section = Section {
    name: "profile-file",
    heading: "profiles/*.toml",
    doc: [
        "A device type, written once and used by many devices.",
        "一种设备类型：写一次，供许多设备使用。",
    ],
    keys: &[PROFILE_KEYS, SHARED_KEYS, QUIRKS, OPCUA_SHARED_KEYS, PLUGIN_KEYS],
    scoped: true,
    open: false,
};

static DEVICE: Section = Section {
    name: "device",
    heading: "[[device]]",
    doc: [
        "One device, or one for each value of `for`. The parameters of its profile are keys too.",
        "一台设备，或 `for` 的每个值一台。其设备类型的参数也是可用的键。",
    ],
    keys: &[DEVICE_KEYS, SHARED_KEYS, QUIRKS, OPCUA_SHARED_KEYS, OPCUA_KEYS, PLUGIN_KEYS],
    scoped: true,
    open: true,
};

static BROWSE: Section = Section {
    name: "browse",
    heading: "[[device.browse]]",
    doc: [
        "Tags that are found below a node of an OPC UA server.",
        "在 OPC UA 服务器某节点之下找到的点位。",
    ],
    keys: &[BROWSE_KEYS],
    scoped: true,
    open: false,
};

static EVENTS: Section = Section {
    name: "events",
    heading: "[[device.events]]",
    doc: [
        "Events of an OPC UA server: each is one JSON text with source, severity, message and state.",
        "OPC UA 服务器的事件：每个为一条 JSON 文本，含来源、严重度、消息和状态。",
    ],
    keys: &[EVENTS_KEYS],
    scoped: true,
    open: false,
};

static FOUND: Section = Section {
    name: "rule",
    heading: "[[rule]]",
    doc: ["A rule of the map and what it found.", "配置中的一条规则及其结果。"],
    keys: &[FOUND_KEYS],
    scoped: false,
    open: false,
};

static OVERRIDE: Section = Section {
    name: "override",
    heading: "[override.\"NAME\"]",
    doc: [
        "What is different on one device; all keys of a device but name, profile, for and except.",
        "某一台设备的不同之处；除 name、profile、for 和 except 外的所有设备键。",
    ],
    keys: &[OVERRIDE_KEYS, SHARED_KEYS, QUIRKS, OPCUA_SHARED_KEYS, OPCUA_KEYS, PLUGIN_KEYS],
    scoped: true,
    open: true,
};

/// Those of a device that an override can give: all behind the first four but
/// `name`, `profile`, `for`, `except`.
const OVERRIDE_KEYS: &[super::Key] = DEVICE_KEYS.split_at(4).1;

static PARAM: Section = Section {
    name: "param",
    heading: "[params] NAME = { … }",
    doc: ["A parameter that each device gives.", "每台设备给出的参数。"],
    keys: &[PARAM_KEYS],
    scoped: false,
    open: false,
};

static TEST: Section = Section {
    name: "test",
    heading: "[[test]]",
    doc: [
        "Registers as they stand on the device, and what must be read from them.",
        "设备上的寄存器内容，以及应从中读出的值。",
    ],
    keys: &[TEST_KEYS],
    scoped: false,
    open: false,
};
