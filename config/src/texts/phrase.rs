//! Short texts that several findings share: names of tables, kinds of values, labels and helps.

use super::Phrase;

macro_rules! phrases {
    ($($name:ident = $en:literal / $zh:literal;)*) => {
        $(pub(crate) const $name: Phrase = [$en, $zh];)*
        /// Every phrase, for the tests.
        #[cfg(test)]
        pub(super) const ALL: &[Phrase] = &[$($name),*];
    };
}

phrases! {
    // What tables are called.
    GATEWAY_FILE = "gateway.toml" / "gateway.toml 文件";
    DEVICE_FILE = "a file of devices/" / "devices/ 下的文件";
    GATEWAY = "[gateway]" / "[gateway] 表";
    BUFFER = "[buffer]" / "[buffer] 表";
    BROKER = "[[broker]]" / "[[broker]] 表";
    STATUS = "[status]" / "[status] 表";
    PASSWORD = "password" / "password 表";
    PROFILE = "a profile" / "设备类型文件";
    PARAMS = "[params]" / "[params] 表";
    RATES = "[rates]" / "[rates] 表";
    A_PARAM = "a parameter" / "参数";
    A_LINK = "[[link]]" / "[[link]] 表";
    A_DEVICE = "a device" / "设备";
    AN_OVERRIDE = "[override]" / "[override] 表";
    A_TAG = "a tag" / "点位";
    BUDGET = "budget" / "budget 表";
    LIMITS = "limits" / "limits 表";
    FILTER = "filter" / "filter 表";
    HAMPEL = "hampel" / "hampel 表";
    SWING = "swing" / "swing 表";
    INTEGRATE = "integrate" / "integrate 表";
    DUTY = "duty" / "duty 表";
    WINDOW = "window" / "window 表";
    A_TEST = "[[test]]" / "[[test]] 表";
    WRITE = "write" / "write 表";

    BROWSE = "[[device.browse]]" / "[[device.browse]] 表";
    BROWSED = "a file of browsed/" / "browsed/ 下的文件";
    EVENTS = "[[device.events]]" / "[[device.events]] 表";

    // What is expected.
    A_TABLE = "a table" / "表";
    A_TAG_TABLE = "a table such as { at = \"40001\", type = \"INT\" }" / "表，例如 { at = \"40001\", type = \"INT\" }";
    A_TEXT = "a text in quotes" / "带引号的文本";
    A_LIST_OF_TEXTS = "a list of texts such as [\"a\", \"b\"]" / "文本列表，例如 [\"a\", \"b\"]";
    A_LIST_OF_ITEMS = "a list such as [117, 204]" / "列表，例如 [117, 204]";
    TRUE_OR_FALSE = "true or false" / "true 或 false";
    A_LIST_OF_WORDS = "a list such as [0, 16512] or [true]" / "列表，例如 [0, 16512] 或 [true]";
    AN_EXPECTED_VALUE = "a number, true, false or a text" / "数字、true、false 或文本";
    A_NUMBER = "a number" / "数字";
    A_WHOLE_NUMBER = "a whole number" / "整数";
    TWO_NUMBERS = "two numbers such as [0.0, 150.0]" / "两个数字，例如 [0.0, 150.0]";
    A_DURATION = "a duration such as \"500ms\", \"1s\", \"5m\", \"2h\" or \"14d\"" / "时长，例如 \"500ms\"、\"1s\"、\"5m\"、\"2h\" 或 \"14d\"";
    A_SIZE = "a size such as \"64MiB\" or \"8GiB\"" / "容量，例如 \"64MiB\" 或 \"8GiB\"";
    A_BYTE_RATE = "a rate such as \"2MiB/s\"" / "速率，例如 \"2MiB/s\"";
    A_BILINGUAL = "a text, or { en = \"...\", zh = \"...\" }" / "文本，或 { en = \"...\", zh = \"...\" }";
    A_SECRET = "{ credential = \"name\" } or { file = \"path\" }" / "{ credential = \"名称\" } 或 { file = \"路径\" }";
    A_FOR = "a range \"1..=300\", a list [\"a\", \"b\"] or \"csv:file.csv\"" / "范围 \"1..=300\"、列表 [\"a\", \"b\"] 或 \"csv:file.csv\"";
    A_FOR_ITEM = "a whole number or a text" / "整数或文本";
    A_NAMESPACE = "the URI of a namespace such as \"urn:vendor:dcs:plant\"" / "命名空间的 URI，例如 \"urn:vendor:dcs:plant\"";
    AN_ADDRESS = "an address such as \"hr:100\"" / "地址，例如 \"hr:100\"";

    // What is named.
    A_GATEWAY_ID = "a gateway id" / "网关标识";
    A_PATH_LEVEL = "a level of the path" / "路径层级";
    A_BROKER_NAME = "a broker name" / "代理名称";
    A_GROUP_ID = "a group id" / "组标识";
    A_HOST_ID = "a host id" / "主机标识";
    A_LINK_NAME = "a link name" / "链路名称";
    A_DEVICE_NAME = "a device name" / "设备名称";
    A_TAG_NAME = "a tag name" / "点位名称";

    // Labels: why a name is illegal.
    NAME_EMPTY = "empty" / "为空";
    EMPTY_LEVEL = "has an empty level" / "含有空层级";
    NAME_WILDCARD = "`+` and `#` are wildcards of MQTT" / "`+` 和 `#` 是 MQTT 通配符";
    NAME_SLASH = "`/` starts another level of the topic" / "`/` 会开始新的主题层级";
    NAME_CONTROL = "holds a control character" / "含有控制字符";
    NAME_BLANK = "starts or ends with a blank" / "首尾有空格";
    NAME_LONG = "longer than 128 bytes" / "超过 128 字节";
    NAME_NOT_PLAIN = "only ASCII letters, digits, `-`, `_` and `.`" / "只能用 ASCII 字母、数字、`-`、`_` 和 `.`";

    // Labels: what is wrong with an expression.
    DIVIDES_BY_ZERO = "divides by zero" / "除数为零";
    OVERFLOWS = "is too large" / "数值过大";
    BRACE_UNCLOSED = "`{` is never closed" / "`{` 没有闭合";
    BRACE_UNOPENED = "`}` was never opened; a brace is written `}}`" / "`}` 没有对应的左括号；字面括号写作 `}}`";
    BRACES_EMPTY = "nothing between the braces" / "括号内为空";
    TOO_MANY_BRACKETS = "too many brackets within one another" / "括号嵌套过深";
    NOT_EXPECTED = "`{what}` is not expected here" / "此处不应出现 `{what}`";
    FORMULA_ENDS = "ends too early" / "过早结束";
    QUOTE_UNCLOSED = "the quote is never closed" / "引号没有闭合";
    NO_FUNCTION = "there is no function `{what}`" / "没有函数 `{what}`";
    WRONG_COUNT = "`{what}` takes {count}" / "`{what}` 需要 {count} 个参数";
    TOO_LONG = "more than {most} steps" / "超过 {most} 步";
    GROUP_ALONE = "group(...) stands in min, max, sum, mean or spread" / "group(...) 须写在 min、max、sum、mean 或 spread 中";
    NO_WIDTH = "`{width}` is no width" / "`{width}` 不是宽度";

    // Labels: TOML 1.1.
    LINE_BREAK_IN_TABLE = "a line break within `{ ... }`" / "`{ ... }` 内换行";
    TRAILING_COMMA = "a comma before `}`" / "`}` 前有逗号";
    NEW_ESCAPE = "`\\e` and `\\x` are new" / "`\\e` 和 `\\x` 是新语法";

    // Labels at other places.
    FIRST_HERE = "first here" / "首次出现于此";
    OTHER_BROKER = "the other broker" / "另一个代理";
    OTHER_LINK = "the other link" / "另一条链路";
    OTHER_TAG = "`{other}`" / "`{other}`";
    VALID_HERE = "the valid range" / "有效范围";
    LIMITS_HERE = "the limits" / "报警限值";
    MUST_BE_HIGHER = "must be higher" / "应当更高";
    STANDARD_HERE = "the data dictionary's point" / "数据字典中的点";
    READ_ONLY_HERE = "read-only here" / "此处为只读";
    WRITTEN_HERE = "this device is written to" / "该设备可写入";
    NODE_HERE = "the node" / "节点";
    USER_HERE = "the user" / "用户";
    BROWSED_HERE = "what was found" / "浏览结果";
    LINK_HERE = "the link" / "链路";
    PARAM_HERE = "the parameter" / "参数定义";
    USED_HERE = "used here" / "在此使用";

    // Helps.
    DID_YOU_MEAN = "did you mean `{near}`?" / "您是否想写 `{near}`？";
    AT_IN_QUOTES = "put it in quotes: {readings}" / "请加引号：{readings}";
    KEYS_NEAR = "the nearest keys are {known}; docs/map-reference.md has all of them" / "最接近的键：{known}；全部键见 docs/map-reference.md";
    KEYS_ARE = "known keys: {known}" / "可用的键：{known}";
    NAMES_ARE = "known names: {known}" / "可用的名称：{known}";
    NO_NAMES_HERE = "there is no `for` and no parameter here; a brace is written `{{`" / "此处没有 `for` 也没有参数；字面括号写作 `{{`";
    RATES_ARE = "[rates] has {known}; a duration such as \"500ms\" is possible too" / "[rates] 中有 {known}；也可以直接写时长，例如 \"500ms\"";
    READ_IS_NO_NUMBER = "the registers hold no finite number; as a sensor's value this would be Bad" / "寄存器中不是有限的数；作为传感器的值会是 Bad";
    FULL_WIDTH = "`{wide}` is a full-width sign; type `{ascii}`" / "`{wide}` 是全角符号，请输入半角 `{ascii}`";
    PROFILES_ARE = "known profiles: {known}" / "可用的设备类型：{known}";
    WIDTH_IS = "a width starts with 0: `{n:03}` gives 007" / "宽度以 0 开头：`{n:03}` 得到 007";
    RANGE_WITH_END = "a range names its last value: \"{range}\"" / "范围要写出最后一个值：\"{range}\"";
    ADDRESS_OR_PARAM = "start from a parameter ({params}), as in `base+10.3`, or write an address such as `40001` or `hr:0`" / "可从参数（{params}）起算，例如 `base+10.3`，或直接写地址，例如 `40001` 或 `hr:0`";
    COUNTED_FROM = "it is counted from {base}; a table ends at position 65535" / "它从 {base} 起算；表的最后位置是 65535";
}
