//! FH15xx: gateway.toml: brokers, buffer, status page, secrets.

super::table! {
    NO_BROKER = 1501 Warning {
        title: "there is no [[broker]]" / "没有 [[broker]]",
        label: "" / "",
        help: "add a [[broker]] to gateway.toml; until then readings are kept nowhere and delivered to no one" / "请在 gateway.toml 中添加 [[broker]]；在此之前数据既不保存也不上送",
        explain: "Without a broker the gateway polls and shows its page, but delivers nothing." /
            "没有代理时，网关仍会采集并显示页面，但不上送任何数据。"
    }
    DUPLICATE_BROKER = 1502 Error {
        title: "broker `{name}` is there twice" / "代理 `{name}` 重复",
        label: "" / "",
        help: "the name tells destinations apart in buffer, ledger and metrics" / "名称用于在缓存、账目和指标中区分目标",
        explain: "Each broker needs a name of its own; the buffer keeps a position for each name." /
            "每个代理需要唯一的名称；缓存按名称记录发送位置。"
    }
    SAME_TOPICS = 1503 Error {
        title: "brokers `{name}` and `{other}` publish to the same topics" / "代理 `{name}` 与 `{other}` 发布到相同的主题",
        label: "" / "",
        help: "give one of them another topic or group" / "请为其中一个设置不同的 topic 或 group",
        explain: "Two destinations on one broker with the same topics: consumers get everything twice, and two Sparkplug sessions of one node end each other." /
            "同一代理上的两个目标使用相同主题：使用方会收到两份数据，同一节点的两个 Sparkplug 会话还会互相中断。"
    }
    KEY_OF_OTHER_FORMAT = 1504 Error {
        title: "`{key}` has no meaning for format = \"{format}\"" / "`{key}` 对 format = \"{format}\" 没有意义",
        label: "" / "",
        help: "leave it out" / "请删去",
        explain: "group and primary_host belong to sparkplug, topic to native and json, per_tag to json." /
            "group 和 primary_host 属于 sparkplug，topic 属于 native 和 json，per_tag 属于 json。"
    }
    TOPIC_BLANK = 1505 Error {
        title: "`{blank}` is not known in a topic" / "主题中不能使用 `{blank}`",
        label: "" / "",
        help: "known: {known}" / "可用：{known}",
        explain: "{path} and {gateway} are filled from [gateway]; {device} and {tag} from the reading, where the format has a topic for each." /
            "{path} 和 {gateway} 取自 [gateway]；{device} 和 {tag} 取自数据（仅当该格式按设备或点位分主题时）。"
    }
    TOPIC_SHARED = 1506 Error {
        title: "without `{blank}` different readings share one topic" / "缺少 `{blank}` 会使不同数据共用一个主题",
        label: "" / "",
        help: "add `{blank}` to the topic" / "请在主题中加入 `{blank}`",
        explain: "A JSON message does not repeat its device (or tag); the topic is what tells readings apart." /
            "JSON 消息中不重复设备（或点位）；要靠主题区分。"
    }
    TOPIC_ILLEGAL = 1507 Error {
        title: "`{topic}` is no topic that can be published to" / "`{topic}` 不是可发布的主题",
        label: "" / "",
        help: "no `+`, no `#`, no empty level, no `/` or `$` at the start" / "不能有 `+`、`#` 或空层级，不能以 `/` 或 `$` 开头",
        explain: "Wildcards are for subscribers (MQTT 3.1.1, 4.7); $ topics belong to the broker." /
            "通配符用于订阅（MQTT 3.1.1, 4.7）；$ 主题属于代理。"
    }
    SECRET_IN_FILE = 1508 Error {
        title: "a password does not belong into a configuration file" / "密码不能写在配置文件中",
        label: "" / "",
        help: "password = { credential = \"name\" } or { file = \"path\" } with mode 0600" / "请写 password = { credential = \"名称\" } 或 { file = \"路径\" }，文件权限 0600",
        explain: "Configuration is copied, mailed and put under version control. A secret is a systemd credential, or a file that only the daemon can read. Consider the password that stood here known, and change it." /
            "配置文件会被复制、邮寄和纳入版本管理。密码应放在 systemd 凭据中，或只有守护进程可读的文件中。写在此处的密码应视为已泄露，请更换。"
    }
    SECRET_IN_URL = 1509 Error {
        title: "user and password do not belong into a URL" / "用户名和密码不能写在 URL 中",
        label: "" / "",
        help: "use `username` and `password = { credential = \"name\" }`" / "请用 `username` 和 `password = { credential = \"名称\" }`",
        explain: "URLs are shown in logs, on the status page and in findings." /
            "URL 会出现在日志、状态页和提示中。"
    }
    SECRET_FILE_OPEN = 1510 Error {
        title: "others can read `{path}` (mode {mode})" / "其他用户可以读取 `{path}`（权限 {mode}）",
        label: "" / "",
        help: "chmod 0600 {path}" / "chmod 0600 {path}",
        explain: "A file with a secret must be readable by its owner only." /
            "含有密码的文件只能由所有者读取。"
    }
    SECRET_TWICE = 1511 Error {
        title: "a password is a credential or a file, not both" / "密码要么是凭据，要么是文件，不能同时使用",
        label: "" / "",
        help: "delete one of the two" / "请删除其中一个",
        explain: "Which one holds would not be clear." /
            "否则无法确定使用哪一个。"
    }
    NOT_A_CREDENTIAL = 1512 Error {
        title: "`{name}` is no name of a credential" / "`{name}` 不是凭据名称",
        label: "" / "",
        help: "the name from LoadCredential=NAME:PATH of the unit, without a path" / "即单元文件 LoadCredential=名称:路径 中的名称，不带路径",
        explain: "systemd puts each credential as a file of this name into a directory that only the daemon sees." /
            "systemd 会把每个凭据以该名称放入只有守护进程可见的目录。"
    }
    PASSWORD_WITHOUT_USER = 1513 Error {
        title: "`password` without `username`" / "有 `password` 但没有 `username`",
        label: "" / "",
        help: "add username = \"...\"" / "请加上 username = \"...\"",
        explain: "MQTT 3.1.1 allows a password only together with a user name." /
            "MQTT 3.1.1 规定密码必须与用户名一起使用。"
    }
    NO_SUCH_FILE = 1514 Error {
        title: "there is no file `{path}`" / "找不到文件 `{path}`",
        label: "" / "",
        help: "paths in gateway.toml start from its directory, sheets from devices/" / "gateway.toml 中的路径相对于其所在目录，表格相对于 devices/",
        explain: "The file is named by the map and must be there when the gateway starts." /
            "配置中引用的文件在网关启动时必须存在。"
    }
    KEY_WITHOUT_TLS = 1515 Error {
        title: "`{key}` without TLS" / "有 `{key}` 但没有使用 TLS",
        label: "" / "",
        help: "use mqtts:// in the url, or leave `{key}` out" / "请在 url 中使用 mqtts://，或删去 `{key}`",
        explain: "Certificates, their keys and names exist only with mqtts://." /
            "只有 mqtts:// 才有证书、私钥和证书名称。"
    }
    NOTHING_ALLOWED = 1516 Error {
        title: "an empty `{key}` lets nothing through" / "空的 `{key}` 不允许任何数据通过",
        label: "" / "",
        help: "leave it out to allow everything" / "删去即允许全部",
        explain: "A broker with an empty list of grades or devices would never be sent anything." /
            "grades 或 devices 列表为空的代理永远收不到数据。"
    }
    NOT_A_GLOB = 1517 Error {
        title: "\"{value}\" is no pattern: {reason}" / "\"{value}\" 不是有效的模式：{reason}",
        label: "" / "",
        help: "`*` stands for any characters, `?` for one, [ab] for one of them" / "`*` 代表任意字符，`?` 代表一个字符，[ab] 代表其中之一",
        explain: "devices = [\"cell-*\"] chooses devices by name." /
            "devices = [\"cell-*\"] 按名称选择设备。"
    }
    GLOB_MATCHES_NOTHING = 1518 Warning {
        title: "no device matches \"{value}\"" / "没有设备匹配 \"{value}\"",
        label: "" / "",
        help: "compare it with the device names" / "请与设备名称核对",
        explain: "A pattern that matches no device is usually misspelt." /
            "不匹配任何设备的模式通常是拼写错误。"
    }
    NOT_A_LISTEN_ADDRESS = 1519 Error {
        title: "`{value}` is no address to listen on" / "`{value}` 不是监听地址",
        label: "" / "",
        help: "for example: listen = \"127.0.0.1:8390\"" / "例如：listen = \"127.0.0.1:8390\"",
        explain: "An IP address and a port; names are not looked up here." /
            "写 IP 地址和端口；此处不解析主机名。"
    }
    STATUS_NOT_LOOPBACK = 1520 Error {
        title: "the status page listens on loopback only in this version" / "本版本的状态页只能监听回环地址",
        label: "reachable from outside" / "可从外部访问",
        help: "use 127.0.0.1:{port} and reach it through ssh -L or a reverse proxy" / "请使用 127.0.0.1:{port}，并通过 ssh -L 或反向代理访问",
        explain: "Other addresses need TLS and a token, which this version can't serve." /
            "其他地址需要 TLS 和令牌，本版本尚不支持。"
    }
    BUFFER_TOO_SMALL = 1521 Warning {
        title: "at full outage {size} last about {days} days, max_age asks for {age}" / "完全断网时 {size} 约可保存 {days} 天，而 max_age 要求 {age}",
        label: "" / "",
        help: "{samples} samples a second; if every one changed it would last {least} days; max_size = \"{needed}\" would do" / "每秒 {samples} 个采样；若全部变化则只能保存 {least} 天；max_size = \"{needed}\" 即可满足",
        explain: "An estimate: one sample in ten changes enough to be reported (and each tag at least every max_gap), and a reading takes 2 bytes on disk. When the buffer is full before readings are old, the oldest are shed and declared as a gap." /
            "估算：十个采样中有一个需要上报（每个点位至少每 max_gap 一次），每条数据占 2 字节。缓存先满时，最旧的数据会被丢弃并声明为缺口。"
    }
    CERT_AND_KEY = 1522 Error {
        title: "`{key}` without `{other}`" / "有 `{key}` 但没有 `{other}`",
        label: "" / "",
        help: "name both files, or neither" / "两个文件都写，或都不写",
        explain: "Mutual TLS needs the gateway's certificate and the key that belongs to it." /
            "双向 TLS 需要网关证书及其私钥。"
    }
    SERVERS_MIX_TLS = 1523 Error {
        title: "servers with and without TLS in one broker" / "同一代理的服务器有的用 TLS，有的不用",
        label: "" / "",
        help: "use mqtts:// for all of them" / "请全部使用 mqtts://",
        explain: "Whoever disturbs the way to the first server could make the gateway send everything in the clear." /
            "否则只要干扰到第一台服务器的链路，就能迫使网关以明文上送全部数据。"
    }
    TLS_TO_IPV6 = 1524 Error {
        title: "TLS to `{host}` needs a host name" / "到 `{host}` 的 TLS 需要主机名",
        label: "" / "",
        help: "write the name of the broker in place of the IPv6 address" / "请用代理的主机名代替 IPv6 地址",
        explain: "The MQTT library can't check a certificate against an IPv6 address." /
            "MQTT 库无法用 IPv6 地址校验证书。"
    }
    NO_SERVER = 1525 Error {
        title: "an empty `url` leads nowhere" / "空的 `url` 没有目的地",
        label: "" / "",
        help: "for example: url = \"mqtt://127.0.0.1:1883\"" / "例如：url = \"mqtt://127.0.0.1:1883\"",
        explain: "A broker needs at least one server." /
            "代理至少需要一台服务器。"
    }
    SHARE_TOO_LARGE = 1526 Warning {
        title: "this is more than the whole buffer, which has {size}" / "超过整个缓冲区的容量（{size}）",
        label: "" / "",
        help: "a smaller max_size limits what this broker may cost the others; leave it out for an equal share" / "较小的 max_size 可限制该代理占用其他代理的空间；省略则平均分配",
        explain: "A broker's max_size is the most that may wait for it on disk. Above [buffer] max_size it limits nothing." /
            "代理的 max_size 是磁盘上最多可为其保留的数据量。超过 [buffer] max_size 时没有任何限制作用。"
    }
}
