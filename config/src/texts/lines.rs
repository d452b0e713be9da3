//! FH132x and FH133x: serial lines, on ports of this machine and behind serial servers.

super::table! {
    PORT_NOT_ABSOLUTE = 1320 Error {
        title: "`{path}` is no absolute path of a serial port" / "`{path}` 不是串口的绝对路径",
        label: "" / "",
        help: "a port is written with three slashes: serial:///{right}?baud=9600" / "串口要写三条斜线：serial:///{right}?baud=9600",
        explain: "Behind serial:// stands the path of the device, for example serial:///dev/ttyS2. A name under /dev/serial/by-id stays the same when an adapter is plugged in elsewhere." /
            "serial:// 后面是设备路径，例如 serial:///dev/ttyS2。/dev/serial/by-id 下的名称在适配器换插口后保持不变。"
    }
    UNKNOWN_PORT_SETTING = 1321 Error {
        title: "`{key}` is no setting of a serial port" / "`{key}` 不是串口的设置项",
        label: "" / "",
        help: "known settings: {known}" / "可用的设置：{known}",
        explain: "Behind the ? stand baud, format (8E1), rs485 (auto, kernel, off) and mode (rtu, ascii), joined by &." /
            "? 后面可写 baud、format（8E1）、rs485（auto、kernel、off）和 mode（rtu、ascii），用 & 连接。"
    }
    PORT_SETTING_TWICE = 1322 Error {
        title: "`{key}` is set twice" / "`{key}` 设置了两次",
        label: "" / "",
        help: "delete one of the two" / "请删除其中一个",
        explain: "Each setting of a serial port stands once in its URL." /
            "串口的每项设置在 URL 中只写一次。"
    }
    BAUD_MISSING = 1323 Error {
        title: "the speed of `{path}` is missing" / "缺少 `{path}` 的波特率",
        label: "" / "",
        help: "for example serial://{path}?baud=9600" / "例如 serial://{path}?baud=9600",
        explain: "All units of a line have one speed, and no speed is so usual that it could be assumed: with a wrong one the line is simply silent." /
            "同一条线上的所有从站速率相同，没有哪种速率可以默认：速率错了，线路上只是没有应答。"
    }
    UNUSUAL_BAUD = 1324 Warning {
        title: "{baud} is an unusual speed" / "{baud} 是少见的波特率",
        label: "" / "",
        help: "did you mean `{near}`?" / "您是否想写 `{near}`？",
        explain: "Some converters do have speeds of their own, and the port will be set to this one. If it is a typing mistake, nobody on the line will answer." /
            "有些转换器确实有特殊速率，串口会按此设置。如果是笔误，线路上不会有应答。"
    }
    RTU_NEEDS_8_BITS = 1325 Error {
        title: "RTU needs 8 data bits; `{format}` has 7" / "RTU 需要 8 个数据位；`{format}` 只有 7 个",
        label: "" / "",
        help: "write 8E1, 8O1, 8N1 or 8N2, or add mode=ascii if the units speak ASCII" / "请写 8E1、8O1、8N1 或 8N2；如果从站使用 ASCII，请加 mode=ascii",
        explain: "RTU sends bytes; only ASCII mode, which sends hexadecimal digits, fits into 7 bits (Modbus over Serial Line V1.02, 2.5.1)." /
            "RTU 传送字节；只有传送十六进制字符的 ASCII 模式才能用 7 位（Modbus over Serial Line V1.02，2.5.1）。"
    }
    SERVER_WITHOUT_PORT = 1326 Error {
        title: "the TCP port of serial server `{host}` is missing" / "缺少串口服务器 `{host}` 的 TCP 端口",
        label: "" / "",
        help: "for example {scheme}://{host}:4001; the server's settings say which" / "例如 {scheme}://{host}:4001；请查看串口服务器的设置",
        explain: "Serial servers give each of their lines a TCP port, and each maker counts from another one." /
            "串口服务器为每条串口线分配一个 TCP 端口，各厂家起始号不同。"
    }
    SERVER_HAS_MORE = 1327 Error {
        title: "`{rest}` behind host and port has no meaning here" / "主机和端口后面的 `{rest}` 在此没有意义",
        label: "" / "",
        help: "end the URL behind the port; speed and format are set in the serial server" / "URL 到端口为止；速率和格式在串口服务器中设置",
        explain: "The serial server owns its line. The gateway sends it frames and can't set its speed." /
            "串口线由串口服务器管理。网关只向它发送报文，无法设置其速率。"
    }
    KEY_OF_LINE = 1328 Error {
        title: "`{key}` is for serial lines only" / "`{key}` 只用于串行线路",
        label: "" / "",
        help: "delete it, or write rtu+tcp:// if there is a serial server" / "请删去；如果是串口服务器，请写 rtu+tcp://",
        explain: "An RS-485 adapter may hand back what it sends. Modbus TCP has no adapter." /
            "RS-485 适配器可能回送所发内容。Modbus TCP 没有适配器。"
    }
    ONE_AT_A_TIME = 1329 Error {
        title: "a serial line carries one request at a time" / "串行线路一次只能传送一个请求",
        label: "" / "",
        help: "delete `inflight`" / "请删去 `inflight`",
        explain: "All units of a line share one pair of wires: who asks must wait for the answer before asking again." /
            "线路上所有从站共用一对线：必须等到应答后才能发下一个请求。"
    }
    UNIT_IS_BROADCAST = 1330 Error {
        title: "to unit 0 of a serial line everybody listens and nobody answers" / "串行线路的 0 号是广播，从站都接收但都不应答",
        label: "" / "",
        help: "units are 1 to 247" / "从站号为 1 到 247",
        explain: "Unit 0 is the broadcast (Modbus over Serial Line V1.02, 2.2). A read of it has no answer." /
            "0 号从站为广播地址（Modbus over Serial Line V1.02，2.2）。对它的读取没有应答。"
    }
    UNIT_IS_RESERVED = 1331 Warning {
        title: "unit {unit} is reserved on serial lines" / "串行线路上从站号 {unit} 为保留号",
        label: "" / "",
        help: "units are 1 to 247" / "从站号为 1 到 247",
        explain: "Units 248 to 255 are reserved (Modbus over Serial Line V1.02, 2.2). Some devices answer to them; most do not." /
            "从站号 248 到 255 为保留号（Modbus over Serial Line V1.02，2.2）。少数设备会应答，多数不会。"
    }
    SAME_LINE = 1332 Error {
        title: "links `{name}` and `{other}` would both speak on {port}" / "链路 `{name}` 与 `{other}` 会同时使用 {port}",
        label: "" / "",
        help: "write one [[link]] and let all devices on the line name it" / "请写一个 [[link]]，供该线路上的所有设备共用",
        explain: "A serial line has one master. Two would talk into each other's answers." /
            "串行线路只能有一个主站。两个主站会互相干扰对方的应答。"
    }
    LINE_UNREACHABLE = 1333 Error {
        title: "line `{link}` can't keep `{rate}`: it needs about {needed}" / "线路 `{link}` 达不到 `{rate}`：约需 {needed}",
        label: "{requests} requests and their answers, load {load}" / "{requests} 个请求及其应答，负载 {load}",
        help: "{wire} of it are {characters} characters at {baud}, and even if every unit answered at once it would be {least}; use slower rates, fewer or neighbouring registers, a higher speed, or a second line" / "其中 {characters} 个字符按 {baud} 传送需 {wire}，即使所有从站立即应答也要 {least}；请放慢周期、减少寄存器或使其相邻、提高速率，或增加一条线路",
        explain: "Everything on a line goes one after another: the 8 characters of a request, the silence of 3.5 characters behind it, the time the unit takes (20 ms here, which is usual), the answer with 5 characters and 2 for each register, and silence again. The error is given when it would not fit even with units that answer within 1 ms. Behind a serial server the speed is not known here; 115,200 Bd is taken." /
            "线路上一切依次进行：请求 8 个字符、其后 3.5 个字符的静默、从站处理时间（此处取常见的 20 ms）、应答的 5 个字符加每个寄存器 2 个字符，再静默一次。即使从站在 1 ms 内应答也放不下时报错。串口服务器后面的速率在此未知，按 115,200 波特计算。"
    }
    LINE_BUSY = 1334 Warning {
        title: "line `{link}` will probably not keep `{rate}`: it needs about {needed}" / "线路 `{link}` 很可能达不到 `{rate}`：约需 {needed}",
        label: "{requests} requests and their answers, load {load}" / "{requests} 个请求及其应答，负载 {load}",
        help: "{wire} of it are {characters} characters at {baud}, the rest is silence and 20 ms for each answer ({least} if every unit answered at once); use slower rates, fewer or neighbouring registers, a higher speed, or a second line" / "其中 {characters} 个字符按 {baud} 传送需 {wire}，其余为静默和每次应答 20 ms（若从站都立即应答则为 {least}）；请放慢周期、减少寄存器或使其相邻、提高速率，或增加一条线路",
        explain: "Counted as in FH1333, with 20 ms for each answer. When the units are faster, ignore this; overruns are counted and shown while running." /
            "计算方法同 FH1333，每次应答取 20 ms。如果从站更快可忽略；运行时会统计并显示超时。"
    }
}
