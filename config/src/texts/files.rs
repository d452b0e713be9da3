//! FH10xx: files, their syntax and the shape of their tables.

super::table! {
    NO_GATEWAY_FILE = 1001 Error {
        title: "there is no gateway.toml" / "找不到 gateway.toml",
        label: "" / "",
        help: "give the directory that holds gateway.toml, profiles/ and devices/" / "请指定包含 gateway.toml、profiles/ 和 devices/ 的目录",
        explain: "A configuration is a directory with gateway.toml in it. The directory that was given has none, or does not exist. Start from one of the shipped examples." /
            "配置是一个含有 gateway.toml 的目录。给出的目录中没有该文件，或目录不存在。可以从随附的示例开始。"
    }
    UNREADABLE = 1002 Error {
        title: "`{path}` can't be read: {reason}" / "无法读取 `{path}`：{reason}",
        label: "" / "",
        help: "the gateway needs to read every file of its configuration" / "网关需要能读取配置目录中的每个文件",
        explain: "The operating system refused to open the file. Check owner and permissions; the daemon runs as a user of its own." /
            "操作系统拒绝打开该文件。请检查所有者和权限；守护进程以自己的用户身份运行。"
    }
    FILE_TOO_LARGE = 1003 Error {
        title: "`{path}` is larger than {most}" / "`{path}` 超过 {most}",
        label: "" / "",
        help: "split it, or use a profile with `for`" / "请拆分文件，或使用带 `for` 的设备类型",
        explain: "A file of a map is at most 4 MiB, about 25,000 tags written one by one; a map may have many files. A larger file is usually something else that ended up in the directory." /
            "单个配置文件最大 4 MiB，约可逐个写出 25,000 个点位；一个配置可以有多个文件。更大的文件通常是误放入目录的其他内容。"
    }
    NOT_UTF8 = 1004 Error {
        title: "`{path}` is not UTF-8" / "`{path}` 不是 UTF-8 编码",
        label: "first byte that is not" / "第一个非法字节",
        help: "save it as UTF-8; editors on a Chinese Windows often save as GBK (ANSI)" / "请另存为 UTF-8；中文 Windows 的编辑器常默认保存为 GBK（ANSI）",
        explain: "TOML files are UTF-8. Sheets (csv:) may be GBK as well, TOML files may not." /
            "TOML 文件必须是 UTF-8。表格（csv:）可以是 GBK，TOML 文件不可以。"
    }
    SYNTAX = 1005 Error {
        title: "this is not TOML: {message}" / "TOML 语法错误：{message}",
        label: "" / "",
        help: "texts stand in quotes, tables start with [name], keys with `key = value`" / "文本要加引号，表以 [name] 开头，键写作 `key = value`",
        explain: "The file can't be parsed at this place. Frequent causes: a text without quotes, a missing comma in { ... }, a Chinese comma or quote. Findings behind the first syntax error may be its echo." /
            "文件在此处无法解析。常见原因：文本缺引号、{ ... } 中缺逗号、误用中文逗号或引号。第一个语法错误之后的提示可能是连带产生的。"
    }
    DUPLICATE_KEY = 1006 Error {
        title: "this key stands here twice" / "此处的键重复",
        label: "a second time" / "第二次出现",
        help: "delete one of the two, or give it another name" / "请删除其中一个，或改用其他名称",
        explain: "A key may stand in a table once. Two tags of one device can't have the same name." /
            "同一个表中每个键只能出现一次。同一设备的两个点位不能同名。"
    }
    ONLY_TOML_1_1 = 1007 Warning {
        title: "this is TOML 1.1 syntax" / "此处使用了 TOML 1.1 语法",
        label: "" / "",
        help: "the gateway reads it, but editors and scripts that know TOML 1.0 refuse the whole file" / "网关可以读取，但只支持 TOML 1.0 的编辑器和脚本会拒绝整个文件",
        explain: "Maps are written in TOML 1.0. Line breaks and a last comma within { ... } came with TOML 1.1, as did \\e and \\x; most editors do not know them yet. Write the table on one line, or as [device.tags.name]." /
            "配置使用 TOML 1.0 语法。{ ... } 内换行和末尾逗号以及 \\e、\\x 是 TOML 1.1 才有的，多数编辑器尚不支持。请写在一行内，或改用 [device.tags.name] 形式。"
    }
    UNKNOWN_SCHEMA = 1008 Error {
        title: "schema {value} is not known" / "未知的 schema {value}",
        label: "" / "",
        help: "this version reads schema = {known}; a newer file needs a newer gateway" / "本版本读取 schema = {known}；更新的文件需要更新的网关",
        explain: "The first line of each file says which version of the map's language it is written in." /
            "每个文件的第一行说明其使用的配置语言版本。"
    }
    WRONG_FILE = 1009 Error {
        title: "`{key}` does not belong into gateway.toml" / "`{key}` 不应写在 gateway.toml 中",
        label: "" / "",
        help: "links, devices and overrides stand in devices/*.toml, profiles in profiles/*.toml" / "链路、设备和覆盖写在 devices/*.toml，设备类型写在 profiles/*.toml",
        explain: "gateway.toml says who the gateway is and whom it delivers to; what it reads stands in devices/ and profiles/." /
            "gateway.toml 描述网关自身及其上送目标；采集内容写在 devices/ 和 profiles/ 中。"
    }
    UNKNOWN_KEY = 1010 Error {
        title: "`{key}` is no key of {table}" / "{table}中没有键 `{key}`",
        label: "" / "",
        help: "" / "",
        explain: "Every key must be known, so that a typing mistake never passes for a setting. The help names the nearest known key, or all of them." /
            "每个键都必须是已知的，这样拼写错误不会被当作有效设置。帮助会给出最接近的键，或列出全部可用键。"
    }
    MISSING_KEY = 1011 Error {
        title: "{table} needs `{key}`" / "{table}缺少 `{key}`",
        label: "" / "",
        help: "for example: {example}" / "例如：{example}",
        explain: "This key has no default that would be right for every plant." /
            "该键没有适用于所有现场的默认值，必须写出。"
    }
    WRONG_TYPE = 1012 Error {
        title: "`{key}` must be {expected}" / "`{key}` 应为{expected}",
        label: "this is {found}" / "这是{found}",
        help: "" / "",
        explain: "The value is of another kind than the key takes. Numbers stand without quotes, texts and durations with quotes." /
            "值的类型与键不符。数字不加引号，文本和时长要加引号。"
    }
    OUT_OF_RANGE = 1013 Error {
        title: "`{key}` is {value}, which is out of range" / "`{key}` 为 {value}，超出范围",
        label: "must be {low} to {high}" / "应在 {low} 到 {high} 之间",
        help: "" / "",
        explain: "The value is outside of what makes sense or what the protocol can carry." /
            "该值超出了合理范围或协议所能承载的范围。"
    }
    EMPTY_TEXT = 1014 Error {
        title: "`{key}` is empty" / "`{key}` 为空",
        label: "" / "",
        help: "write a value, or leave the key out" / "请填写值，或删去该键",
        explain: "An empty text says nothing here." /
            "此处的空文本没有意义。"
    }
    NOT_A_QUANTITY = 1015 Error {
        title: "`{key}`: \"{value}\" is not understood" / "`{key}`：无法理解 \"{value}\"",
        label: "expected {expected}" / "应为{expected}",
        help: "" / "",
        explain: "Durations have the units ms, s, m, h, d; sizes B, KiB, MiB, GiB, TiB, kB, MB, GB, TB. Numbers may have decimals as long as the result is a whole number of milliseconds or bytes." /
            "时长单位为 ms、s、m、h、d；容量单位为 B、KiB、MiB、GiB、TiB、kB、MB、GB、TB。可以带小数，但结果须为整数毫秒或字节。"
    }
    UNIT_MISSING = 1016 Error {
        title: "`{key}` needs a unit" / "`{key}` 缺少单位",
        label: "expected {expected}" / "应为{expected}",
        help: "" / "",
        explain: "A bare number could be milliseconds or seconds, bytes or megabytes. Write the unit, in quotes." /
            "单独的数字可能是毫秒或秒、字节或兆字节。请带上单位，并加引号。"
    }
    UNKNOWN_WORD = 1017 Error {
        title: "`{key}` can't be \"{value}\"" / "`{key}` 不能是 \"{value}\"",
        label: "" / "",
        help: "one of: {known}" / "可选值：{known}",
        explain: "This key takes one of a few words." /
            "该键只接受固定的几个词。"
    }
    NOT_FINITE = 1018 Error {
        title: "`{key}` must be an ordinary number" / "`{key}` 必须是普通数字",
        label: "" / "",
        help: "inf, nan and numbers beyond the range of a double have no meaning here" / "inf、nan 和超出双精度范围的数字在此没有意义",
        explain: "TOML can write inf and nan; no setting of a map makes sense with them." /
            "TOML 可以写 inf 和 nan，但配置中的任何设置都不能使用它们。"
    }
    NOT_A_LIST_OF_TABLES = 1019 Error {
        title: "write [[{key}]] with two brackets" / "请写成双括号 [[{key}]]",
        label: "there can be several" / "可以有多个",
        help: "each [[...]] starts one more of them" / "每个 [[...]] 开始一个新的条目",
        explain: "Brokers, links and devices are lists of tables: each starts with its name in double brackets." /
            "代理、链路和设备都是表的列表：每个条目以双括号的名称开头。"
    }
}
