//! FH13xx: links, devices and how often they can be asked.

super::table! {
    URL_WITHOUT_SCHEME = 1301 Error {
        title: "`{value}` does not say how it is reached" / "`{value}` 没有说明连接方式",
        label: "" / "",
        help: "start with one of {known}" / "请以下列之一开头：{known}",
        explain: "A URL starts with its scheme: tcp:// for Modbus TCP, mqtt:// for a broker." /
            "URL 以协议开头：Modbus TCP 用 tcp://，代理用 mqtt://。"
    }
    UNKNOWN_SCHEME = 1302 Error {
        title: "`{scheme}` is not known here" / "此处不支持 `{scheme}`",
        label: "" / "",
        help: "one of: {known}" / "可选：{known}",
        explain: "Links know tcp, rtu+tcp, ascii+tcp and serial; OPC UA devices know opc.tcp, in a `url` of their own; brokers know mqtt, mqtts, ws and wss." /
            "链路支持 tcp、rtu+tcp、ascii+tcp 和 serial；OPC UA 设备在自己的 `url` 中用 opc.tcp；代理支持 mqtt、mqtts、ws 和 wss。"
    }
    WRONG_HOST = 1303 Error {
        title: "`{value}` is no host and port" / "`{value}` 不是有效的主机和端口",
        label: "" / "",
        help: "for example 10.0.0.5:502, plc-7.plant:502 or [fd00::5]:502" / "例如 10.0.0.5:502、plc-7.plant:502 或 [fd00::5]:502",
        explain: "Each part of an IPv4 address is at most 255, a port is 1 to 65535, an IPv6 address stands in square brackets." /
            "IPv4 地址每段不超过 255，端口为 1 到 65535，IPv6 地址写在方括号中。"
    }
    URL_HAS_MORE = 1304 Error {
        title: "`{rest}` behind host and port has no meaning here" / "主机和端口后面的 `{rest}` 在此没有意义",
        label: "" / "",
        help: "end the URL behind the port" / "URL 到端口为止",
        explain: "Modbus TCP and MQTT over TCP have no path." /
            "Modbus TCP 和 TCP 上的 MQTT 没有路径。"
    }
    LINK_AND_URL = 1305 Error {
        title: "a device has a `link` or a `url` of its own, not both" / "设备要么用 `link`，要么有自己的 `url`，不能同时使用",
        label: "" / "",
        help: "delete one of the two" / "请删除其中一个",
        explain: "With `link` the device shares a [[link]] with others; with `url` it has one of its own." /
            "用 `link` 表示与其他设备共用 [[link]]；用 `url` 表示独占一条链路。"
    }
    NO_LINK = 1306 Error {
        title: "device `{name}` can't be reached: neither `link` nor `url`" / "设备 `{name}` 无法连接：既没有 `link` 也没有 `url`",
        label: "" / "",
        help: "for example: url = \"tcp://10.0.0.5:502\"" / "例如：url = \"tcp://10.0.0.5:502\"",
        explain: "Every device is read over a link." /
            "每个设备都要通过链路读取。"
    }
    UNKNOWN_LINK = 1307 Error {
        title: "there is no link `{name}`" / "没有名为 `{name}` 的链路",
        label: "" / "",
        help: "write a [[link]] with this name, or give the device a `url`" / "请写一个同名的 [[link]]，或给设备写 `url`",
        explain: "The name must be that of a [[link]] in one of the files of devices/, after its `for` was written out." /
            "名称必须是 devices/ 下某个文件中的 [[link]]（展开 `for` 之后）。"
    }
    KEY_OF_LINK = 1308 Error {
        title: "`{key}` belongs to the link when a device shares one" / "设备共用链路时，`{key}` 应写在链路上",
        label: "" / "",
        help: "move it to the [[link]]" / "请移到 [[link]]",
        explain: "All devices on a link share its timeout, what is in flight on it and its adapter." /
            "同一链路上的所有设备共用超时、并发请求数和转换器。"
    }
    BUDGET_ON_SHARED_LINK = 1309 Error {
        title: "budget: `{key}` can't be kept on a shared link" / "budget：共用链路上无法保证 `{key}`",
        label: "" / "",
        help: "give the device a `url` of its own" / "请给设备单独的 `url`",
        explain: "On a link of its own a device is sent exactly as many requests as its budget allows. On a shared link this version can't promise that, and promising less to the owner of a safety system would be wrong." /
            "独占链路时可以精确控制请求数。共用链路时本版本无法保证，而对安全系统的承诺不能打折扣。"
    }
    ACCESS_LOOSENED = 1310 Error {
        title: "read-only can't be loosened" / "只读权限不能放宽",
        label: "" / "",
        help: "the profile says read-only; use another profile, or change it there" / "设备类型规定为只读；请换用其他类型，或在类型中修改",
        explain: "When a profile or device is read-only, nothing that is merged over it can make it writable again." /
            "设备类型或设备一旦为只读，后面合并的内容都不能使其可写。"
    }
    KEY_OF_OTHER_DRIVER = 1311 Error {
        title: "`{key}` is not for driver = \"{driver}\"" / "`{key}` 不适用于 driver = \"{driver}\"",
        label: "" / "",
        help: "leave it out" / "请删去",
        explain: "Security, user, namespace and nodes belong to OPC UA devices; addresses, units, orders, register limits and shared links to Modbus." /
            "security、user、namespace 和节点属于 OPC UA 设备；地址、站号、字节顺序、寄存器数限制和共用链路属于 Modbus。"
    }
    RATE_UNREACHABLE = 1312 Error {
        title: "link `{link}` can't keep `{rate}`: it needs at least {needed}" / "链路 `{link}` 达不到 `{rate}`：至少需要 {needed}",
        label: "{requests} requests, load {load}" / "{requests} 个请求，负载 {load}",
        help: "at {answer} an answer and a pause of {pause}; use slower rates, neighbouring addresses, more inflight, or fewer devices on the link" / "按每次应答 {answer}、间隔 {pause} 计算；请放慢周期、使地址相邻、提高 inflight，或减少链路上的设备",
        explain: "The requests of all groups on a link, each at the fastest answer any device can give, take longer than the period. The model for TCP: an answer takes 1 ms at best, divided by inflight, plus pause_between (a budget of requests per second is such a pause)." /
            "即使按最快的应答计算，链路上所有请求的时间也超过周期。TCP 模型：应答最快 1 ms，除以 inflight，再加 pause_between（每秒请求数预算也折算为间隔）。"
    }
    LINK_BUSY = 1313 Warning {
        title: "link `{link}` will probably not keep `{rate}`: it needs about {needed}" / "链路 `{link}` 很可能达不到 `{rate}`：约需 {needed}",
        label: "{requests} requests, load {load}" / "{requests} 个请求，负载 {load}",
        help: "at {answer} an answer, which is usual for a PLC, and a pause of {pause}; use slower rates, neighbouring addresses, more inflight, or fewer devices on the link" / "按 PLC 常见的每次应答 {answer}、间隔 {pause} 计算；请放慢周期、使地址相邻、提高 inflight，或减少链路上的设备",
        explain: "A PLC usually answers once in a program cycle, 5 to 20 ms; the estimate uses 10 ms. When the device is faster, ignore this; overruns are counted and shown while running." /
            "PLC 通常每个程序周期（5 到 20 ms）应答一次；估算取 10 ms。如果设备更快可忽略；运行时会统计并显示超时。"
    }
    SAME_ENDPOINT = 1314 Warning {
        title: "links `{name}` and `{other}` go to the same {host}" / "链路 `{name}` 与 `{other}` 连接同一个 {host}",
        label: "" / "",
        help: "write one [[link]] and let both devices name it; many devices take only one or two connections" / "请写一个 [[link]] 供两个设备共用；许多设备只接受一两个连接",
        explain: "Each link opens a connection of its own. Devices behind one gateway or PLC should share a link, so that their requests queue up on our side instead of failing on theirs." /
            "每条链路都单独建立连接。同一网关或 PLC 后面的设备应共用链路，让请求在我方排队，而不是在对方失败。"
    }
    LINK_UNUSED = 1315 Warning {
        title: "no device uses link `{name}`" / "没有设备使用链路 `{name}`",
        label: "" / "",
        help: "delete it, or name it in a device: link = \"{name}\"" / "请删除，或在设备中引用：link = \"{name}\"",
        explain: "A link without devices is never opened." /
            "没有设备的链路不会打开。"
    }
    NO_DEVICES = 1316 Warning {
        title: "there is no device" / "没有任何设备",
        label: "" / "",
        help: "write a [[device]] in devices/*.toml" / "请在 devices/*.toml 中写 [[device]]",
        explain: "The gateway starts, but has nothing to read." /
            "网关可以启动，但没有可读取的内容。"
    }
    READ_ONLY_SHARES_LINK = 1317 Error {
        title: "`{name}` is read-only and shares its link with `{other}`, which is written to" / "`{name}` 为只读，却与可写入的 `{other}` 共用链路",
        label: "" / "",
        help: "give the read-only device a link of its own, or take `write` from the tags of the other" / "请给只读设备一条单独的链路，或删去另一设备点位的 `write`",
        explain: "For a read-only device no write path exists at all: the driver of its link is one that can't write. A link with one writable tag has a driver that can." /
            "只读设备根本不存在写入通道：其链路的驱动程序没有写功能。只要链路上有一个可写点位，驱动程序就能写。"
    }
}
