//! FH18xx: OPC UA servers and their nodes.

super::table! {
    NOT_A_NODE = 1801 Error {
        title: "`{value}` names no node" / "`{value}` 不是有效的节点",
        label: "" / "",
        help: "alias:s=Name, alias:i=Number, alias:g=GUID or alias:b=Base64; the alias is one of `namespace`" / "写作 别名:s=名称、别名:i=编号、别名:g=GUID 或 别名:b=Base64；别名取自 `namespace`",
        explain: "A node is named by its namespace and its identifier in it. The namespace is an alias from the device's `namespace` table, nsu=URI; or nothing for nodes of the standard such as i=2258." /
            "节点由命名空间及其中的标识组成。命名空间写作设备 `namespace` 表中的别名、nsu=URI;，标准节点（如 i=2258）不写。"
    }
    UNKNOWN_ALIAS = 1802 Error {
        title: "there is no namespace `{name}`" / "没有名为 `{name}` 的命名空间",
        label: "" / "",
        help: "add it to the device: namespace.{name} = \"urn:...\"" / "请在设备中加上：namespace.{name} = \"urn:...\"",
        explain: "Aliases stand in the `namespace` table of the device, each with the URI of the server's namespace. Which number the server gives it today is looked up at each connect." /
            "别名写在设备的 `namespace` 表中，对应服务器命名空间的 URI。服务器当前给它的编号在每次连接时查询。"
    }
    NODE_BY_INDEX = 1803 Warning {
        title: "ns={index} may mean another namespace tomorrow" / "ns={index} 以后可能指向另一个命名空间",
        label: "" / "",
        help: "name it by an alias of `namespace` and its URI" / "请用 `namespace` 中的别名和 URI 来表示",
        explain: "A server may number its namespaces anew when it starts or when something is installed; the tag would then read another value without any error. An alias is bound to the URI, which stays." /
            "服务器重启或安装软件后可能重新编号命名空间，点位会读到别的值而没有任何错误。别名绑定的是不变的 URI。"
    }
    NOT_AN_ALIAS = 1804 Error {
        title: "`{name}` can't be an alias" / "`{name}` 不能用作别名",
        label: "" / "",
        help: "ASCII letters, digits, `_` and `-`, not starting with a digit" / "只能用 ASCII 字母、数字、`_` 和 `-`，且不以数字开头",
        explain: "The alias stands before the colon of a node, so it must be told apart from an identifier." /
            "别名写在节点冒号之前，必须能与标识区分。"
    }
    TYPE_OF_NODE = 1805 Error {
        title: "the type of this tag is not known" / "此点位的类型未知",
        label: "" / "",
        help: "write it, such as type = \"REAL\", or ask the server: forehearth browse --write DIR" / "请写明，例如 type = \"REAL\"，或向服务器查询：forehearth browse --write 目录",
        explain: "Consumers are told the type of each tag before the server was ever reached. So it stands in the map, or in browsed/DEVICE.toml, where `forehearth browse --write DIR` puts the types of all nodes of the map that have none. Where the server's own differs later, values that the type can't hold are Bad." /
            "在首次连接服务器之前，消费者就要知道每个点位的类型。因此类型写在配置中，或写在 browsed/设备.toml 中：`forehearth browse --write 目录` 会把配置中没有类型的节点的类型写入该文件。之后服务器的类型不同时，无法表示的值为 Bad。"
    }
    SAMPLING_OF_POLL = 1806 Error {
        title: "`{key}` is for mode = \"subscribe\"" / "`{key}` 只用于 mode = \"subscribe\"",
        label: "" / "",
        help: "leave it out; a server that is asked answers with what it has" / "请删去；被轮询的服务器以现有值应答",
        explain: "Sampling, queues and the server's deadband are what a server does for a subscription. With mode = \"poll\" there is none; `rate` says how often it is asked." /
            "采样、队列和服务器死区是服务器为订阅所做的。mode = \"poll\" 没有订阅，由 `rate` 决定轮询周期。"
    }
    NOT_A_FINGERPRINT = 1807 Error {
        title: "`{value}` is no fingerprint of a certificate" / "`{value}` 不是有效的证书指纹",
        label: "" / "",
        help: "sha256: and 64 hexadecimal digits, colons allowed" / "sha256: 加 64 位十六进制数字，可带冒号",
        explain: "The fingerprint is the SHA-256 of the server's certificate in DER: openssl x509 -in server.der -inform der -noout -fingerprint -sha256. The gateway also logs it when it meets a certificate that it does not trust." /
            "指纹是服务器 DER 证书的 SHA-256：openssl x509 -in server.der -inform der -noout -fingerprint -sha256。网关遇到不受信任的证书时也会在日志中给出。"
    }
    TRUST_UNUSED = 1808 Warning {
        title: "`{key}` has no meaning with security = \"None\"" / "security = \"None\" 时 `{key}` 没有意义",
        label: "" / "",
        help: "leave it out, or use a security" / "请删去，或启用安全策略",
        explain: "Without security the server proves nothing, so no certificate is looked at." /
            "没有安全策略时服务器不证明身份，也不会检查证书。"
    }
    TRUSTS_NOBODY = 1809 Warning {
        title: "no certificate of the server is trusted yet" / "尚未信任服务器的任何证书",
        label: "" / "",
        help: "write trust = \"sha256:...\", or put its certificate into the folder `trust` beside gateway.toml" / "请写 trust = \"sha256:...\"，或把证书放入 gateway.toml 旁的 `trust` 文件夹",
        explain: "With a security the link opens only to a server whose certificate somebody has checked. Until then its tags are Bad, and the log tells the fingerprint of the certificate that came." /
            "启用安全策略后，只连接证书经人确认的服务器。在此之前点位为 Bad，日志会给出收到的证书指纹。"
    }
    NODE_AND_PATH = 1810 Error {
        title: "a tag has a `node` or a `path`, not both" / "点位只能写 `node` 或 `path` 之一",
        label: "" / "",
        help: "keep the one that stays the same when the server is worked on" / "保留服务器改动后不变的那个",
        explain: "A node is found by its identifier, a path by the names on the way to it from the root of the server's tree. Two could lead to two different nodes." /
            "节点由标识找到，路径由从服务器根节点起的名称找到。两者可能指向不同的节点。"
    }
    NOT_A_PATH = 1811 Error {
        title: "`{value}` is no path" / "`{value}` 不是有效的路径",
        label: "" / "",
        help: "for example /Objects/dcs:FC201/dcs:BIAS; a sign / : & within a name is written &/ &: &&" / "例如 /Objects/dcs:FC201/dcs:BIAS；名称中的 / : & 写作 &/ &: &&",
        explain: "A path starts with / at the root of the server's tree. Each step is the browse name of a node, with the alias of its namespace; names of the standard, such as Objects, have none. It is followed anew at each session." /
            "路径以 / 开头，从服务器的根节点起。每一步是节点的浏览名，前面是其命名空间的别名；标准名称（如 Objects）不写别名。每次会话都重新解析。"
    }
    NOT_A_FIELD = 1812 Error {
        title: "`{value}` names no field" / "`{value}` 不是有效的字段名",
        label: "" / "",
        help: "for example field = \"Motor.Speed\", or field = \"Alarms[2]\" within an array" / "例如 field = \"Motor.Speed\"，数组中写 field = \"Alarms[2]\"",
        explain: "A structure holds fields by name; dots lead into structures within it. What the structure looks like is asked of the server." /
            "结构按名称含有字段；点号进入内层结构。结构的定义向服务器查询。"
    }
    USER_TWICE = 1813 Error {
        title: "a server knows us by name or by certificate, not by both" / "向服务器表明身份只能用用户名或证书之一",
        label: "" / "",
        help: "leave out `user` and `password`, or `user_certificate` and `user_key`" / "删去 `user` 与 `password`，或 `user_certificate` 与 `user_key`",
        explain: "A session has one user. Its certificate is another one than the gateway's own, which every secured channel needs." /
            "一个会话只有一个用户。用户证书不同于网关自身的证书，后者是每条安全通道都需要的。"
    }
    NOT_A_LISTENER = 1814 Error {
        title: "`{value}` is no address to listen on" / "`{value}` 不是有效的监听地址",
        label: "" / "",
        help: "for example reverse = \"0.0.0.0:4841\"" / "例如 reverse = \"0.0.0.0:4841\"",
        explain: "With `reverse` the gateway waits for the server to call, through a firewall that lets nothing in. The server is told address and port of the gateway; `url` says who may call." /
            "使用 `reverse` 时网关等待服务器来连接，适用于不允许外部进入的防火墙。在服务器上填写网关的地址和端口；`url` 指明谁可以连接。"
    }
    NOT_BROWSED = 1815 Error {
        title: "the server was not browsed yet" / "尚未浏览服务器",
        label: "" / "",
        help: "forehearth browse --write DIR asks the server and writes browsed/DEVICE.toml" / "forehearth browse --write 目录 会查询服务器并写入 browsed/设备.toml",
        explain: "Consumers are told every tag before the server was ever reached, so what [[device.browse]] finds is kept in a file beside the map. Read it, and keep it with the map." /
            "在首次连接服务器之前，消费者就要知道所有点位，因此 [[device.browse]] 的结果保存在配置旁的文件中。请检查并与配置一起保存。"
    }
    BROWSED_OTHERWISE = 1816 Error {
        title: "what was found is of other rules than these" / "浏览结果与现有规则不符",
        label: "" / "",
        help: "forehearth browse --write DIR asks the server again" / "请用 forehearth browse --write 目录 重新查询",
        explain: "browsed/DEVICE.toml says from which rules it was made. One of them was changed, added or left out since." /
            "browsed/设备.toml 记录了它由哪些规则生成。此后有规则被修改、增加或删除。"
    }
    FOUND_OTHERWISE = 1817 Error {
        title: "{found} nodes were found under {under}, {expect} are expected" / "{under} 下找到 {found} 个节点，预期为 {expect} 个",
        label: "" / "",
        help: "look at the rule and at the server, then change `expect` or browse again" / "请核对规则与服务器，再修改 `expect` 或重新浏览",
        explain: "`expect` says how many tags a rule must find, so that a valve that is missing, or one too many, is seen before the plant relies on it." /
            "`expect` 说明规则应找到多少点位，以便在投入使用前发现缺失或多余的阀门。"
    }
    NAME_OF_FOUND = 1818 Error {
        title: "`{value}` can't name what is found" / "`{value}` 不能命名浏览结果",
        label: "" / "",
        help: "use browse_name, parent or path in it, in braces" / "其中须用花括号写 browse_name、parent 或 path",
        explain: "Each tag that is found gets the name of the rule with browse_name (its own name on the server), parent (that of the node above) and path (all names below `under`, joined by /) filled in where they stand in braces. Without one of them all tags would have the same name." /
            "每个找到的点位用规则的名称命名，花括号中的 browse_name 为节点名，parent 为上级节点名，path 为 `under` 以下所有名称（以 / 连接）。都不用则所有点位同名。"
    }
    WRONG_GLOB = 1819 Error {
        title: "`{value}` is no pattern" / "`{value}` 不是有效的模式",
        label: "" / "",
        help: "* stands for any text, ? for one character, [ab] for one of these" / "* 表示任意文本，? 表示一个字符，[ab] 表示其中之一",
        explain: "The pattern is held against a node's identifier, and against its names below `under`, joined by dots." /
            "模式与节点标识比较，也与 `under` 以下以点连接的名称比较。"
    }
    BROWSED_UNUSED = 1820 Warning {
        title: "no OPC UA device is named `{name}`" / "没有名为 `{name}` 的 OPC UA 设备",
        label: "" / "",
        help: "remove the file, or give it the device's name" / "请删除该文件，或改为设备的名称",
        explain: "A file of browsed/ holds what was found on the server of one device." /
            "browsed/ 下的文件保存一台设备的服务器浏览结果。"
    }
}
