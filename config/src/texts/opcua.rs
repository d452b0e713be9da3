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
        title: "an OPC UA tag needs a `type` in this version" / "本版本中 OPC UA 点位必须写 `type`",
        label: "" / "",
        help: "write the type the server has, such as type = \"REAL\"" / "请写服务器中的类型，例如 type = \"REAL\"",
        explain: "Consumers are told the type of each tag before the server was ever reached, so the map has to say it. Where the server's own differs, values that the type can't hold are Bad." /
            "在首次连接服务器之前，消费者就要知道每个点位的类型，因此必须写在配置中。服务器的类型不同时，无法表示的值为 Bad。"
    }
    SAMPLING_OF_POLL = 1806 Error {
        title: "`sampling` is for mode = \"subscribe\"" / "`sampling` 只用于 mode = \"subscribe\"",
        label: "" / "",
        help: "leave it out; a server that is asked answers with what it has" / "请删去；被轮询的服务器以现有值应答",
        explain: "Sampling is how often the server looks at a value on behalf of a subscription. With mode = \"poll\" there is none; `rate` says how often it is asked." /
            "采样间隔是服务器为订阅查看数值的频率。mode = \"poll\" 没有订阅，由 `rate` 决定轮询周期。"
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
}
