//! FH14xx: profiles, parameters, `for`, expressions, sheets and overrides.

super::table! {
    UNKNOWN_PROFILE = 1401 Error {
        title: "there is no profile `{name}`" / "没有名为 `{name}` 的设备类型",
        label: "" / "",
        help: "" / "",
        explain: "A profile is a file in profiles/ whose line `profile = \"...\"` has this name, or a shipped one, written builtin:name." /
            "设备类型是 profiles/ 下的文件，其 `profile = \"...\"` 为该名称；随附的类型写作 builtin:名称。"
    }
    DUPLICATE_PROFILE = 1402 Error {
        title: "profile `{name}` is there twice" / "设备类型 `{name}` 重复",
        label: "" / "",
        help: "rename one, or delete the copy" / "请改名，或删除副本",
        explain: "Two files of profiles/ have the same name in `profile = \"...\"`." /
            "profiles/ 下的两个文件使用了相同的 `profile = \"...\"`。"
    }
    PROFILE_CIRCLE = 1403 Error {
        title: "profile `{name}` is built on itself" / "设备类型 `{name}` 以自身为基础",
        label: "" / "",
        help: "follow `extends` from profile to profile; it must end, after at most 8" / "请沿 `extends` 检查；必须有终点，且不超过 8 层",
        explain: "`extends` lays a profile over another one. The chain must not come back to where it was." /
            "`extends` 把一个类型叠加在另一个之上。链条不能回到已经过的类型。"
    }
    PROFILE_UNUSED = 1404 Warning {
        title: "no device uses this profile; its tags were not checked" / "没有设备使用该类型；其点位未被检查",
        label: "" / "",
        help: "delete the file, or use it: profile = \"...\"" / "请删除该文件，或引用它：profile = \"...\"",
        explain: "Tags of a profile are checked with each device, because only then its parameters are known." /
            "类型的点位随设备检查，因为那时参数才已知。"
    }
    PARAM_MISSING = 1405 Error {
        title: "the profile needs `{name}` from this device" / "该设备缺少类型所需的参数 `{name}`",
        label: "" / "",
        help: "write `{name} = ...` in the device, or give the parameter a default" / "请在设备中写 `{name} = ...`，或给参数设默认值",
        explain: "A parameter without a default must be given by every device that uses the profile." /
            "没有默认值的参数必须由每个使用该类型的设备给出。"
    }
    PARAM_IS_A_KEY = 1406 Error {
        title: "`{name}` is a key of devices and can't be a parameter" / "`{name}` 是设备的键，不能用作参数名",
        label: "" / "",
        help: "give the parameter another name" / "请给参数换个名称",
        explain: "Devices give parameters beside their own keys, so the names must differ." /
            "设备把参数与自己的键写在一起，因此名称不能相同。"
    }
    NOT_A_VARIABLE = 1407 Error {
        title: "`{name}` can't be used in expressions" / "`{name}` 不能用于表达式",
        label: "" / "",
        help: "start with a letter; letters, digits and `_` follow" / "以字母开头，后面是字母、数字和 `_`",
        explain: "Names of `for` and of parameters are used in {...}, where + - * / % and . have a meaning." /
            "`for` 和参数的名称会用在 {...} 中，其中 + - * / % 和 . 有特定含义。"
    }
    WRONG_EXPRESSION = 1408 Error {
        title: "this expression is not understood" / "无法理解此表达式",
        label: "" / "",
        help: "whole numbers, + - * / %, brackets and names, with an optional width: `{(n-1)/30+1:02}`" / "只能用整数、+ - * / %、括号和名称，可加宽度：`{(n-1)/30+1:02}`",
        explain: "Expressions in {...} are integer arithmetic; / rounds towards zero. A brace itself is written twice." /
            "{...} 中是整数运算；/ 向零取整。字面括号要写两次。"
    }
    UNKNOWN_NAME = 1409 Error {
        title: "`{name}` stands for nothing here" / "`{name}` 在此没有定义",
        label: "" / "",
        help: "" / "",
        explain: "Names in {...} come from `for` of the device (or row.column of its sheet) and from the parameters of its profile." /
            "{...} 中的名称来自设备的 `for`（或表格的 行.列）以及类型的参数。"
    }
    NAME_IS_TEXT = 1410 Error {
        title: "`{name}` is \"{value}\", not a number" / "`{name}` 是 \"{value}\"，不是数字",
        label: "" / "",
        help: "a text can stand alone in {...}, but not in arithmetic" / "文本可以单独放在 {...} 中，但不能参与运算",
        explain: "Columns of a sheet are texts; they take part in arithmetic when they look like whole numbers." /
            "表格的列是文本；看起来像整数时才能参与运算。"
    }
    EXPRESSION_HAS_NO_VALUE = 1411 Error {
        title: "this expression has no value" / "此表达式没有值",
        label: "" / "",
        help: "check it with the first and the last value of `for`" / "请用 `for` 的第一个和最后一个值核对",
        explain: "For at least one device the expression divides by zero or leaves the range of 64 bits." /
            "至少对一个设备，表达式除以零或超出 64 位范围。"
    }
    EXPANDS_WRONG = 1412 Error {
        title: "`{key}` becomes \"{value}\", which is not {expected}" / "`{key}` 展开为 \"{value}\"，不是{expected}",
        label: "" / "",
        help: "check the expression, or the row of the sheet" / "请检查表达式或表格中的行",
        explain: "After its expressions were replaced the value is not of the kind that the key takes." /
            "替换表达式之后，值的类型与键不符。"
    }
    FOR_EMPTY = 1413 Error {
        title: "`for` names nothing" / "`for` 没有变量",
        label: "" / "",
        help: "for = { n = \"1..=300\" }" / "for = { n = \"1..=300\" }",
        explain: "`for` gives a name and the values it takes, one device for each." /
            "`for` 给出变量名及其取值，每个取值对应一个设备。"
    }
    NOT_A_RANGE = 1414 Error {
        title: "\"{value}\" is no range" / "\"{value}\" 不是范围",
        label: "" / "",
        help: "write \"1..=300\", a list [\"a\", \"b\"], or \"csv:file.csv\"" / "请写 \"1..=300\"、列表 [\"a\", \"b\"] 或 \"csv:file.csv\"",
        explain: "A range names its first and last value, both included: \"1..=300\" are 300 devices." /
            "范围写出首尾两个值，都包含在内：\"1..=300\" 是 300 个设备。"
    }
    RANGE_BACKWARDS = 1415 Error {
        title: "range \"{value}\" is empty" / "范围 \"{value}\" 为空",
        label: "" / "",
        help: "the lower end comes first: \"{range}\"" / "较小的值在前：\"{range}\"",
        explain: "A range counts upwards." /
            "范围从小到大。"
    }
    TOO_MANY_DEVICES = 1416 Error {
        title: "this makes {count} devices or links" / "这会产生 {count} 个设备或链路",
        label: "at most {most}" / "最多 {most} 个",
        help: "is the range right? use several gateways for a larger plant" / "范围是否正确？更大的现场请使用多个网关",
        explain: "One gateway is built for about 50,000 tags." /
            "一个网关按约 50,000 个点位设计。"
    }
    TOO_MANY_TAGS = 1417 Error {
        title: "with this device the map has more than {most} tags" / "加上该设备后，点位超过 {most} 个",
        label: "" / "",
        help: "use several gateways" / "请使用多个网关",
        explain: "One gateway is built for about 50,000 tags; four times as many are refused." /
            "一个网关按约 50,000 个点位设计；超过四倍会被拒绝。"
    }
    EXCEPT_WITHOUT_FOR = 1418 Error {
        title: "`except` without `for`" / "`except` 需要与 `for` 一起使用",
        label: "" / "",
        help: "there is nothing to leave something out of" / "没有可以排除的内容",
        explain: "`except` leaves values of `for` (or expanded names) out." /
            "`except` 排除 `for` 的某些取值（或展开后的名称）。"
    }
    EXCEPT_NOTHING = 1419 Warning {
        title: "`except` {value} leaves out nothing" / "`except` 中的 {value} 没有排除任何设备",
        label: "" / "",
        help: "it is neither a value of `for` nor an expanded name" / "它既不是 `for` 的取值，也不是展开后的名称",
        explain: "With one variable `except` lists its values; with a sheet or several variables it lists expanded names." /
            "只有一个变量时，`except` 列出其取值；使用表格或多个变量时，列出展开后的名称。"
    }
    SHEET_COLUMN = 1420 Error {
        title: "column \"{column}\" has no usable name" / "列 \"{column}\" 的名称不可用",
        label: "" / "",
        help: "the first line names the columns, each once: letters, digits and `_`" / "第一行是列名，每个只能出现一次：字母、数字和 `_`",
        explain: "Columns are used as {row.column}." /
            "列以 {row.列名} 的形式使用。"
    }
    SHEET_ROW = 1421 Error {
        title: "columns in this row: {found}, in the first line: {expected}" / "该行有 {found} 列，而第一行有 {expected} 列",
        label: "" / "",
        help: "a text that holds the separator stands in quotes" / "含有分隔符的文本要加引号",
        explain: "Every row of a sheet has as many columns as the first line. Columns are separated by comma, semicolon or tab, whichever the first line has most of." /
            "表格每行的列数必须与第一行相同。分隔符为逗号、分号或制表符，以第一行中最多者为准。"
    }
    SHEET_EMPTY = 1422 Error {
        title: "`{path}` has no rows" / "`{path}` 没有数据行",
        label: "" / "",
        help: "the first line names the columns, each further line makes a device" / "第一行是列名，其后每行对应一个设备",
        explain: "A sheet without rows makes no devices; that is hardly meant." /
            "没有数据行的表格不会产生设备，通常不是本意。"
    }
    SHEET_ENCODING = 1423 Error {
        title: "`{path}` is neither UTF-8 nor GBK" / "`{path}` 既不是 UTF-8 也不是 GBK",
        label: "" / "",
        help: "save it as CSV UTF-8" / "请另存为 CSV UTF-8",
        explain: "Sheets may be UTF-8 (with or without byte order mark) or GBK." /
            "表格可以是 UTF-8（有无 BOM 均可）或 GBK。"
    }
    OVERRIDES_NOTHING = 1424 Error {
        title: "there is no device `{name}` to override" / "没有可覆盖的设备 `{name}`",
        label: "" / "",
        help: "the name must be that of a device after its `for` was written out" / "名称必须是展开 `for` 之后的设备名",
        explain: "[override.\"cell-042\"] changes single keys of one device out of many." /
            "[override.\"cell-042\"] 用于修改众多设备中某一个的个别键。"
    }
    OVERRIDES_IDENTITY = 1425 Error {
        title: "an override can't change `{key}`" / "覆盖不能修改 `{key}`",
        label: "" / "",
        help: "leave the device out with `except` and write it as a [[device]] of its own" / "请用 `except` 排除该设备，再单独写一个 [[device]]",
        explain: "Name, profile, for and except make a device what it is." /
            "name、profile、for 和 except 决定了设备本身。"
    }
    DUPLICATE_OVERRIDE = 1426 Error {
        title: "`{name}` is overridden twice" / "`{name}` 被覆盖两次",
        label: "" / "",
        help: "put both into one [override.\"{name}\"]" / "请合并到一个 [override.\"{name}\"] 中",
        explain: "Two files override the same device; which one wins would depend on their names." /
            "两个文件覆盖同一设备；结果会取决于文件名。"
    }
}
