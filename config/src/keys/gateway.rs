//! The keys of `gateway.toml`.

use super::Kind::{
    Boolean, ByteRate, Duration, Integer, Size, Table, Tables, Text, TextOrTexts, Texts, Word,
    Words,
};
use super::Need::{Default, Optional, Required};
use super::{Kind, Section};
use crate::broker::{KEEPALIVE, MQTT};
use crate::gateway::{BATCH_WITHIN, COMMIT_WITHIN, MAX_AGE, MAX_SIZE, RESERVE};

super::keys! {
    /// Of the file.
    FILE_KEYS = {
        "schema": Integer(1, 1), Required,
            "Version of the map's language." / "配置语言的版本。", "schema = 1";
        "gateway": Table(&GATEWAY), Required,
            "Who the gateway is." / "网关的身份。", "gateway = { id = \"pot2-east\", path = \"acme/guangxi/potline-2\" }";
        "buffer": Table(&BUFFER), Optional,
            "What the buffer may use." / "缓冲区可用的资源。", "buffer = { max_size = \"8GiB\" }";
        "broker": Tables(&BROKER), Optional,
            "Where readings are delivered." / "数据上送的目的地。", "broker = [{ name = \"plant\", url = \"mqtt://127.0.0.1:1883\", format = \"native\" }]";
        "status": Table(&STATUS), Optional,
            "Where the gateway can be watched." / "查看网关状态的位置。", "status = { listen = \"127.0.0.1:8390\" }";
    }

    /// Of `[gateway]`.
    GATEWAY_KEYS = {
        "id": Text, Required,
            "Sparkplug edge node id; MQTT client ids derive from it." / "Sparkplug 边缘节点标识；MQTT 客户端标识由它派生。", "id = \"pot2-east\"";
        "path": Text, Required,
            "ISA-95 path: enterprise/site/area/line." / "ISA-95 路径：企业/厂区/车间/产线。", "path = \"acme/guangxi/potline-2/room-a\"";
        "title": Kind::Bilingual, Optional,
            "What people call it." / "人们如何称呼它。", "title = { en = \"Potline 2, east\", zh = \"电解二车间东\" }";
        "batch_within": Duration(BATCH_WITHIN.0, BATCH_WITHIN.1), Default("\"100ms\""),
            "The oldest reading of a batch waits at most this long." / "一批数据中最早的读数最长等待时间。", "batch_within = \"100ms\"";
        "watch": Boolean, Default("false"),
            "Take files up when the directory changes, without being told. Off by default: several files are saved one after the other, and `reload --confirm` keeps a way back." / "目录变化时自动加载文件，无需命令。默认关闭：多个文件是先后保存的，而 `reload --confirm` 会保留退路。", "watch = true";
    }

    /// Of `[buffer]`.
    BUFFER_KEYS = {
        "commit_within": Duration(COMMIT_WITHIN.0, COMMIT_WITHIN.1), Default("\"500ms\""),
            "A reading is durable or delivered within this time." / "读数在此时间内落盘或送达。", "commit_within = \"500ms\"";
        "max_size": Size(MAX_SIZE.0, MAX_SIZE.1), Default("\"1GiB\""),
            "Bytes on disk, log included." / "磁盘占用上限，含日志。", "max_size = \"8GiB\"";
        "max_age": Duration(MAX_AGE.0, MAX_AGE.1), Default("\"14d\""),
            "Older batches expire, and the loss is declared." / "更早的批次过期，丢失会被声明。", "max_age = \"14d\"";
        "reserve": Size(RESERVE.0, RESERVE.1), Default("\"64MiB\""),
            "Disk space that is never used." / "永不占用的磁盘空间。", "reserve = \"64MiB\"";
    }

    /// Of `[status]`.
    STATUS_KEYS = {
        "listen": Text, Required,
            "Loopback address of the page, /metrics and /healthz." / "状态页、/metrics 和 /healthz 的本机地址。", "listen = \"127.0.0.1:8390\"";
    }

    /// Of `password`.
    PASSWORD_KEYS = {
        "credential": Text, Optional,
            "Name of a systemd credential." / "systemd 凭据的名称。", "credential = \"mqtt-cloud\"";
        "file": Text, Optional,
            "File with mode 0600." / "权限为 0600 的文件。", "file = \"secrets/mqtt\"";
    }
}

pub(crate) static FILE: Section = Section {
    name: "gateway-file",
    heading: "gateway.toml",
    doc: [
        "Who the gateway is, what its buffer may use, whom it delivers to.",
        "网关的身份、缓冲区的资源、数据的目的地。",
    ],
    keys: &[FILE_KEYS],
    scoped: false,
    open: false,
};

static GATEWAY: Section = Section {
    name: "gateway",
    heading: "[gateway]",
    doc: ["Who the gateway is.", "网关的身份。"],
    keys: &[GATEWAY_KEYS],
    scoped: false,
    open: false,
};

static BUFFER: Section = Section {
    name: "buffer",
    heading: "[buffer]",
    doc: [
        "Where readings wait until every broker has confirmed them.",
        "读数在此等待，直到每个代理都已确认。",
    ],
    keys: &[BUFFER_KEYS],
    scoped: false,
    open: false,
};

static STATUS: Section = Section {
    name: "status",
    heading: "[status]",
    doc: ["Where the gateway can be watched.", "查看网关状态的位置。"],
    keys: &[STATUS_KEYS],
    scoped: false,
    open: false,
};

static BROKER: Section = Section {
    name: "broker",
    heading: "[[broker]]",
    doc: [
        "A destination with a format, and what it may see.",
        "一个目的地：格式，以及它可以看到的数据。",
    ],
    keys: &[BROKER_KEYS],
    scoped: false,
    open: false,
};

pub(super) static PASSWORD: Section = Section {
    name: "password",
    heading: "password = { … }",
    doc: [
        "Where the password is read from; a literal is an error.",
        "密码的来源；直接写出密码是错误。",
    ],
    keys: &[PASSWORD_KEYS],
    scoped: false,
    open: false,
};

super::keys! {
    /// Of a `[[broker]]`.
    BROKER_KEYS = {
        "name": Text, Required,
            "Unique; names the destination in the books, metrics and gap records." / "唯一；在账目、指标和缺口记录中标识目的地。", "name = \"plant\"";
        "url": TextOrTexts, Required,
            "mqtt:// or mqtts://, host and port; 1883 and 8883 without one. Of several one at a time is used, the next when it can't be reached or the primary host is not online there." / "mqtt:// 或 mqtts://，主机和端口；默认端口 1883 和 8883。写多个时每次只用一个，连不上或主应用不在线时换下一个。", "url = \"mqtt://127.0.0.1:1883\"";
        "format": Word(&["sparkplug", "native", "json"]), Required,
            "What is sent." / "上送的格式。", "format = \"sparkplug\"";
        "group": Text, Optional,
            "Sparkplug group id; required with that format." / "Sparkplug 组标识；使用该格式时必填。", "group = \"acme.guangxi\"";
        "primary_host": Text, Optional,
            "Sparkplug host whose STATE is awaited before anything is sent." / "Sparkplug 主应用；等到其 STATE 后才开始上送。", "primary_host = \"scada\"";
        "topic": Text, Optional,
            "Topic of native and json, with {path}, {gateway} and for json {device}, {tag}; default fh/v1/{path}/{gateway}, for json fh/v1/{path}/{device}." / "native 和 json 的主题，可含 {path}、{gateway}，json 还可含 {device}、{tag}；默认 fh/v1/{path}/{gateway}，json 为 fh/v1/{path}/{device}。", "topic = \"fh/v1/{path}/{gateway}\"";
        "per_tag": Boolean, Default("false"),
            "json: a topic for each tag in place of one for each device." / "json：每个点位一个主题，而不是每个设备一个。", "per_tag = true";
        "retain": Boolean, Default("false"),
            "json: the broker keeps the last message of each topic, so that a dashboard shows values at once." / "json：代理保留每个主题的最后一条消息，看板打开即有数值。", "retain = true";
        "baseline": Boolean, Default("false"),
            "native: batches are told against values told before, a third of the bytes at one scan a batch; consumers then need the messages under {topic}/baseline/+ too." / "native：批次以先前发送过的值为基准，每批一次扫描时字节数约为三分之一；消费者还需订阅 {topic}/baseline/+。", "baseline = true";
        "backlog": ByteRate, Optional,
            "Budget for what waited through an outage; as fast as the link allows without one." / "断线期间积压数据的补传速率；不写则尽链路所能。", "backlog = \"2MiB/s\"";
        "max_size": Size(MAX_SIZE.0, MAX_SIZE.1), Optional,
            "Bytes on disk kept for this broker; beyond it the oldest is lost to it alone, and declared. Without one it may use what the others leave, and makes room first when it takes more than an equal part of [buffer] max_size." / "为此代理保留的磁盘字节数；超出时仅对它丢弃最早的数据，并作声明。不写则可用其他代理剩余的空间，而超过 [buffer] max_size 的均等份额时由它先让出。", "max_size = \"200MiB\"";
        "max_age": Duration(MAX_AGE.0, MAX_AGE.1), Optional,
            "What waits longer expires for this broker alone, and is declared; [buffer] max_age holds for all." / "等待更久的数据仅对此代理过期，并作声明；[buffer] max_age 对所有代理有效。", "max_age = \"2d\"";
        "mqtt": Integer(MQTT.0, MQTT.1), Optional,
            "native and json: version of MQTT, 3 for 3.1.1 or 5. Without it 5 is tried and 3.1.1 spoken to a server that turns 5 down. Only with 5 can a broker say that it did not take a message (access rules, quotas); with 3.1.1 some confirm what they throw away." / "native 和 json：MQTT 版本，3 表示 3.1.1，或 5。不写则先试 5，服务器不支持时改用 3.1.1。只有 5 能让代理说明未接收某条消息（访问规则、配额）；用 3.1.1 时有的代理会确认其实已丢弃的消息。", "mqtt = 5";
        "keepalive": Duration(KEEPALIVE.0, KEEPALIVE.1), Default("\"30s\""),
            "MQTT keep-alive." / "MQTT 保活时间。", "keepalive = \"30s\"";
        "commands": Boolean, Default("false"),
            "Whether values may be written through this broker." / "是否允许通过该代理写值。", "commands = false";
        "username": Text, Optional,
            "User name." / "用户名。", "username = \"pot2-east\"";
        "password": Table(&PASSWORD), Optional,
            "Where the password is read from." / "密码的来源。", "password = { credential = \"mqtt-cloud\" }";
        "ca": Text, Optional,
            "File with the authorities that may vouch for the broker, for mqtts://." / "用于校验代理证书的 CA 文件，配合 mqtts://。", "ca = \"certs/ca.pem\"";
        "cert": Text, Optional,
            "File with the gateway's certificate, for mutual TLS." / "网关证书文件，用于双向 TLS。", "cert = \"certs/gateway.pem\"";
        "key": Text, Optional,
            "File with the key of `cert`." / "`cert` 对应的私钥文件。", "key = \"certs/gateway.key\"";
        "server_name": Text, Optional,
            "Name the broker's certificate must have; default: the host of the url." / "代理证书中必须有的名称；默认为 url 中的主机名。", "server_name = \"broker.plant\"";
        "grades": Words(&["general", "important", "core"]), Optional,
            "Data classes that may leave here; default: all." / "允许从此处上送的数据等级；默认全部。", "grades = [\"general\"]";
        "devices": Texts, Optional,
            "Patterns over device names; default: all." / "按设备名称筛选的模式；默认全部。", "devices = [\"cell-*\"]";
    }
}
