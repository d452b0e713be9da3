//! The keys of a tag and of the tables within it.

use super::Kind::{
    Amount, Boolean, Duration, Integer, Number, Pair, Rate, Table, Text, Word, Words,
};
use super::Need::{Default, Optional};
use super::{Kind, Need, Section};
use crate::filter::WINDOW_VALUES;
use crate::limits::LONGEST_DELAY;
use crate::tag::{MAX_GAP, RATE};
use crate::window::{DAY, SHORTEST};
use std::time::Duration as Time;

const ZERO: Time = Time::ZERO;
const TICK: Time = Time::from_millis(1);

super::keys! {
    /// Of a tag.
    TAG_KEYS = {
        "at": Text, Optional,
            "Where it is read; the notation decides the base: 40001 counts from 1, hr:0 from 0; `base+10.3` starts from a parameter, .3 is a bit. Required for Modbus, here or in the profile." / "读取位置；写法决定基数：40001 从 1 计数，hr:0 从 0 计数；`base+10.3` 从参数起算，.3 为位。必填，此处或设备类型中。", "at = \"hr:100\"";
        "type": Text, Optional,
            "IEC 61131-3 type (BOOL SINT USINT INT UINT DINT UDINT LINT ULINT REAL LREAL STRING[n] BYTE WORD DWORD LWORD) or i16 to f64; T[n] is an array. Required, here or in the profile." / "IEC 61131-3 类型（BOOL SINT USINT INT UINT DINT UDINT LINT ULINT REAL LREAL STRING[n] BYTE WORD DWORD LWORD）或 i16 至 f64；T[n] 为数组。必填，此处或设备类型中。", "type = \"REAL\"";
        "order": Word(&["AB", "BA", "ABCD", "CDAB", "BADC", "DCBA", "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"]), Optional,
            "Order of the bytes, where it differs from the device's." / "字节顺序，与设备不同时使用。", "order = \"CDAB\"";
        "unit": Text, Optional,
            "Engineering unit, in ASCII or as its symbol." / "工程单位，ASCII 写法或符号。", "unit = \"degC\"";
        "scale": Number, Default("1"),
            "Engineering value = raw * scale + offset." / "工程值 = 原始值 * scale + offset。", "scale = 0.1";
        "offset": Number, Default("0"),
            "See `scale`." / "见 `scale`。", "offset = -273.15";
        "raw": Pair, Optional,
            "Counts at both ends of the instrument's span; with `eng`." / "仪表量程两端的计数值；与 `eng` 一起使用。", "raw = [0, 27648]";
        "eng": Pair, Optional,
            "Engineering values at both ends of the span; with `raw`." / "量程两端的工程值；与 `raw` 一起使用。", "eng = [0.0, 150.0]";
        "clamp": Boolean, Optional,
            "Values beyond `eng` are kept at its ends; without it they are as they are." / "超出 `eng` 的值限制在两端；不写则保持原值。", "clamp = true";
        "valid": Pair, Optional,
            "Values outside are delivered as Uncertain." / "范围外的值以 Uncertain 质量上送。", "valid = [800.0, 1100.0]";
        "kind": Word(&["gauge", "counter"]), Default("\"gauge\""),
            "Whether the value only grows." / "值是否只增不减。", "kind = \"counter\"";
        "total": Boolean, Default("false"),
            "A tag NAME.total tells what a counter counted since the gateway started, across roll-overs and resets." / "由点位 名称.total 给出计数器自网关启动以来的累计，跨越翻转与复位。", "total = true";
        "rollover": Integer(2, i64::MAX), Optional,
            "What would follow the counter's largest value; default: the range of the type." / "计数器最大值之后的值；默认取类型的范围。", "rollover = 1000000";
        "interval": Duration(SHORTEST, DAY), Optional,
            "A tag NAME.interval tells what a counter counted in each interval of wall time, also across outages; must divide a day, needs total." / "由点位 名称.interval 给出计数器在每个时间段内的累计，断线期间也计入；须能整除一天，需要 total。", "interval = \"15m\"";
        "integrate": Table(&INTEGRATE), Optional,
            "Volume of a flow or energy of a power, told by NAME.integral." / "流量的累计体积或功率的电量，由 名称.integral 给出。", "integrate = { per = \"1h\" }";
        "duty": Table(&DUTY), Optional,
            "Run hours and starts of a machine, told by NAME.hours and NAME.starts." / "设备的运行小时和启动次数，由 名称.hours 和 名称.starts 给出。", "duty = { running = [1] }";
        "calc": Text, Optional,
            "Computed of other tags in place of being read: + - * / ^, comparisons, and or not, abs sqrt min max sum mean spread if age, group('glob'); a name with other characters stands in '...', a tag of another device is 'device::tag'." / "由其他点位计算而非读取：+ - * / ^、比较、and or not、abs sqrt min max sum mean spread if age、group('通配符')；含其他字符的名称写在 '...' 中，其他设备的点位写作 'device::tag'。", "calc = \"voltage * current\"";
        "grid": Duration(SHORTEST, DAY), Optional,
            "With calc: computed on this grid of wall time, of inputs as they were at that moment; NAME.skew and NAME.age tell how well they fit; must divide a day." / "与 calc 一起使用：按此时间网格计算，各输入取该时刻的值；名称.skew 和 名称.age 给出时差；须能整除一天。", "grid = \"1s\"";
        "stale": Duration(SHORTEST, DAY), Optional,
            "With grid: an input older than this is Bad; default: three periods of the grid." / "与 grid 一起使用：早于此时间的输入视为 Bad；默认为三个周期。", "stale = \"5s\"";
        "enum": Kind::NumberedTexts, Optional,
            "Names of states." / "状态名称。", "enum = { 0 = \"stopped\", 1 = \"normal\" }";
        "limits": Table(&LIMITS), Optional,
            "Alarm limits; a tag NAME.alarm tells beyond which the value is." / "报警限值；由点位 名称.alarm 指示越过了哪个限值。", "limits = { h = 5.0, hh = 8.0 }";
        "deadband": Amount, Default("0"),
            "How far a value may move unreported." / "值可以变化而不上送的幅度。", "deadband = \"0.5%\"";
        "max_gap": Duration(MAX_GAP.0, MAX_GAP.1), Optional,
            "Longest silence of the reading; default: the device's." / "读数的最长静默时间；默认取设备的。", "max_gap = \"60s\"";
        "every_sample": Boolean, Optional,
            "Every sample is sent, changed or not; default: the device's." / "每个采样都上送，无论是否变化；默认取设备的。", "every_sample = true";
        "rate": Rate, Optional,
            "How often it is read; default: the device's." / "采集周期；默认取设备的。", "rate = \"500ms\"";
        "lane": Word(&["live", "alarm"]), Default("\"live\""),
            "alarm overtakes live." / "alarm 优先于 live。", "lane = \"alarm\"";
        "grade": Word(&["general", "important", "core"]), Optional,
            "Data class; default: the device's." / "数据等级；默认取设备的。", "grade = \"core\"";
        "tag": Text, Optional,
            "The plant's own name of the point." / "工厂自己的位号。", "tag = \"PT-911\"";
        "label": Kind::Bilingual, Optional,
            "What people call it." / "人们如何称呼它。", "label = { en = \"cell voltage\", zh = \"槽电压\" }";
        "write": Table(&WRITE), Optional,
            "What may be written to it, through brokers with `commands = true`." / "允许通过 `commands = true` 的代理写入的内容。", "write = { min = 900.0, max = 980.0 }";
        "overlap": Boolean, Default("false"),
            "Shares registers with another tag on purpose." / "有意与其他点位共用寄存器。", "overlap = true";
        "filter": Table(&FILTER), Optional,
            "What is done to samples before they are judged." / "判断之前对采样的处理。", "filter = { median = 5 }";
        "window": Table(&WINDOW), Optional,
            "What is kept of a fast signal once per interval." / "每个时间段从快速信号中保留的内容。", "window = { every = \"1s\", keep = [\"min\", \"max\"] }";
        "swing": Table(&SWING), Optional,
            "Report through a swinging door in place of a deadband." / "用旋转门代替死区上报。", "swing = { error = 2.0, max_gap = \"5s\" }";
        "codec": Word(&["bcd", "m10k", "sign-magnitude", "float16"]), Optional,
            "How a number is packed where it is not as the type says: decimal digits in four bits each (USINT UINT UDINT ULINT), in four digits each register (DINT UDINT LINT ULINT), a sign bit and an amount (INT DINT LINT), a float in one register (REAL)." / "数字的编码方式（与类型的常规格式不同时）：每四位一个十进制数字（USINT UINT UDINT ULINT）、每个寄存器四个十进制数字（DINT UDINT LINT ULINT）、符号位加绝对值（INT DINT LINT）、单寄存器浮点数（REAL）。", "codec = \"bcd\"";
        "std": Text, Optional,
            "Point of the data dictionary (config/dictionary); gives unit, kind, range, grade and label where the tag is silent." / "数据字典（config/dictionary）中的点；点位未写时由它给出单位、类型、范围、等级和名称。", "std = \"al.pot.voltage\"";
        "node": Text, Optional,
            "OPC UA: the node, by an alias of `namespace` and its identifier (s= name, i= number, g= GUID, b= Base64); this or `path`." / "OPC UA：节点，写作 `namespace` 的别名加标识（s= 名称，i= 编号，g= GUID，b= Base64）；与 `path` 二选一。", "node = \"dcs:s=FC201.LT_201.PV\"";
        "path": Text, Optional,
            "OPC UA: the way to the node by names, from the root; this or `node`." / "OPC UA：从根节点起按名称到达节点的路径；与 `node` 二选一。", "path = \"/Objects/dcs:FC201/dcs:BIAS\"";
        "field": Text, Optional,
            "OPC UA: field of a structure, dots between levels." / "OPC UA：结构的字段，层级之间用点。", "field = \"Motor.Speed\"";
        "sampling": Duration(RATE.0, RATE.1), Optional,
            "OPC UA: how often the server looks at it; default: the device's." / "OPC UA：服务器查看它的间隔；默认取设备的。", "sampling = \"10ms\"";
        "server_deadband": Amount, Optional,
            "OPC UA: how far the value may move before the server sends it, in its own units or as a percentage of its EURange." / "OPC UA：值变化多少服务器才发送，用服务器的单位或其 EURange 的百分比。", "server_deadband = \"1%\"";
    }

    /// Of `limits`.
    LIMITS_KEYS = {
        "hh": Number, Optional, "High high." / "高高限。", "hh = 8.0";
        "h": Number, Optional, "High." / "高限。", "h = 5.0";
        "l": Number, Optional, "Low." / "低限。", "l = 3.6";
        "ll": Number, Optional, "Low low." / "低低限。", "ll = 3.0";
        "hysteresis": Number, Default("0"),
            "How far a value must come back to leave a limit." / "值须回落多少才解除报警。", "hysteresis = 0.1";
        "on_delay": Duration(ZERO, LONGEST_DELAY), Default("\"0s\""),
            "How long it must be beyond." / "须越限多久才报警。", "on_delay = \"2s\"";
        "off_delay": Duration(ZERO, LONGEST_DELAY), Default("\"0s\""),
            "How long it must be back." / "须恢复多久才解除。", "off_delay = \"5s\"";
        "rate": Number, Optional,
            "Fastest change per second, up or down, that is normal." / "正常的每秒最大变化，升降均计。", "rate = 2.0";
        "state": Boolean, Default("false"),
            "A tag NAME.state tells whether the alarm is active (1), unacknowledged (2), shelved (4), first of its group (8)." / "由点位 名称.state 指示报警是否激活（1）、未确认（2）、搁置（4）、组内首出（8）。", "state = true";
        "group": Text, Optional,
            "Alarms of one device with the same group tell which came first; needs state." / "同一设备中组名相同的报警指示哪个首先发生；需要 state。", "group = \"tap\"";
    }

    /// Of `filter`.
    FILTER_KEYS = {
        "ne43": Boolean, Default("false"),
            "NAMUR NE 43: currents outside 3.6 to 21 mA are a broken sensor; needs raw and eng." / "NAMUR NE 43：3.6 至 21 mA 以外的电流视为传感器故障；需要 raw 和 eng。", "ne43 = true";
        "stuck": Duration(TICK, MAX_GAP.1), Optional,
            "A value that stands still this long is Uncertain." / "保持不变达到此时间的值为 Uncertain。", "stuck = \"10m\"";
        "hampel": Table(&HAMPEL), Optional,
            "Spikes against the median of the neighbours." / "以邻近采样的中值识别尖峰。", "hampel = { window = 7 }";
        "median": Integer(*WINDOW_VALUES.start(), *WINDOW_VALUES.end()), Optional,
            "Median of this many samples, an odd number." / "取若干采样的中值，须为奇数。", "median = 5";
        "max_rate": Number, Optional,
            "Fastest change per second that is believed." / "可信的每秒最大变化。", "max_rate = 2.5";
        "smooth": Duration(TICK, MAX_GAP.1), Optional,
            "Time constant of a first-order lag." / "一阶滞后的时间常数。", "smooth = \"5s\"";
        "debounce": Duration(TICK, MAX_GAP.1), Optional,
            "A bit counts once it stood this long." / "位保持此时间后才算数。", "debounce = \"2s\"";
    }

    /// Of `hampel`.
    HAMPEL_KEYS = {
        "window": Integer(*WINDOW_VALUES.start(), *WINDOW_VALUES.end()), Default("7"),
            "Samples that are looked at." / "所看的采样数。", "window = 7";
        "sigmas": Number, Default("3.0"),
            "How far is far." / "偏差多大算远。", "sigmas = 3.0";
        "least": Number, Optional,
            "A deviation up to this is no spike; default: one count of a whole-number type." / "不超过此值的偏差不算尖峰；整数类型默认为一个计数。", "least = 0.5";
        "spike": Word(&["replace", "flag"]), Default("\"replace\""),
            "replace: the median takes its place; flag: it is Uncertain." / "replace：用中值代替；flag：标为 Uncertain。", "spike = \"flag\"";
    }

    /// Of `window`.
    WINDOW_KEYS = {
        "every": Duration(SHORTEST, DAY), Need::Required,
            "Length; must divide a day." / "长度；须能整除一天。", "every = \"1s\"";
        "step": Duration(SHORTEST, DAY), Optional,
            "Sliding: told this often, of the last `every`; must divide `every`, at most 60 times." / "滑动窗口：按此间隔给出最近 `every` 的结果；须能整除 `every`，最多 60 份。", "step = \"100ms\"";
        "keep": Words(&["min", "max", "mean", "rms", "std", "first", "last", "count", "good"]), Need::Required,
            "What is kept, each as a tag NAME.WORD." / "保留的内容，各为一个点位 名称.单词。", "keep = [\"min\", \"max\", \"mean\"]";
        "samples": Boolean, Default("true"),
            "Whether the samples themselves are reported as well." / "是否同时上送采样本身。", "samples = false";
    }

    /// Of `swing`.
    SWING_KEYS = {
        "error": Amount, Need::Required,
            "How far the straight line may be off." / "直线允许的偏差。", "error = 2.0";
        "max_gap": Duration(MAX_GAP.0, MAX_GAP.1), Optional,
            "Longest silence; default: the tag's." / "最长静默时间；默认取点位的。", "max_gap = \"5s\"";
    }

    /// Of `integrate`.
    INTEGRATE_KEYS = {
        "per": Duration(TICK, DAY), Need::Required,
            "The time in the unit of the source: \"1h\" for m3/h and kW." / "源单位中的时间：m3/h 和 kW 为 \"1h\"。", "per = \"1h\"";
        "gap": Duration(TICK, MAX_GAP.1), Optional,
            "Longest time between two samples that is integrated; default: five scan periods." / "参与积分的两个采样之间的最长时间；默认为五个采集周期。", "gap = \"30s\"";
        "every": Duration(SHORTEST, DAY), Optional,
            "A tag NAME.interval tells the amount of each interval of wall time; must divide a day." / "由点位 名称.interval 给出每个时间段的数量；须能整除一天。", "every = \"15m\"";
        "unit": Text, Optional,
            "Unit of the total." / "累计的单位。", "unit = \"m3\"";
    }

    /// Of `duty`.
    DUTY_KEYS = {
        "running": Kind::Items, Need::Required,
            "States in which it runs; a bit runs at 1." / "视为运行的状态；位为 1 时运行。", "running = [1]";
        "gap": Duration(TICK, MAX_GAP.1), Optional,
            "Longest time between two samples that counts; default: five scan periods." / "计入的两个采样之间的最长时间；默认为五个采集周期。", "gap = \"30s\"";
        "every": Duration(SHORTEST, DAY), Optional,
            "Tags NAME.in.STATE tell the seconds in each state of `enum` by interval of wall time, NAME.in.unknown the rest; must divide a day." / "由点位 名称.in.状态 给出每个时间段内 `enum` 各状态的秒数，其余计入 名称.in.unknown；须能整除一天。", "every = \"1h\"";
    }

    /// Of `write`.
    WRITE_KEYS = {
        "min": Number, Optional, "Lowest value; a number needs both bounds." / "最小值；数值必须同时给出上下界。", "min = 900.0";
        "max": Number, Optional, "Highest value." / "最大值。", "max = 980.0";
        "max_step": Number, Optional, "Farthest from the present value, which must be Good and fresh." / "与当前值的最大差；当前值必须良好且新鲜。", "max_step = 5.0";
        "every": Duration(RATE.0, MAX_GAP.1), Optional,
            "At most once in this time." / "在此时间内最多一次。", "every = \"10s\"";
        "interlock": Text, Optional,
            "Written only while this is not 0, from values that are Good and fresh; a formula as in `calc`." / "仅当该式不为 0 且所用数值均良好且新鲜时才写入；写法与 `calc` 相同。", "interlock = \"door == 0 and speed < 5\"";
        "part": Word(&["masked", "rewritten"]), Default("\"masked\""),
            "How a bit of a register is written: masked (function 22), or, for a device without it, by reading the register and writing it whole, which loses what the device changes in between." / "寄存器中某一位的写法：masked（功能码 22）；若设备不支持，则 rewritten：先读整个寄存器再写回，期间设备对其他位的更改会丢失。", "part = \"rewritten\"";
    }
}

pub(crate) static TAG: Section = Section {
    name: "tag",
    heading: "[tags] NAME = { … }",
    doc: [
        "Where a value is read, what its number means and when it is reported.",
        "值从哪里读、数字的含义以及何时上送。",
    ],
    keys: &[TAG_KEYS],
    scoped: true,
    open: false,
};

macro_rules! inner {
    ($($name:ident $word:literal $keys:ident $en:literal / $zh:literal;)*) => {
        $(static $name: Section = Section {
            name: $word,
            heading: concat!($word, " = { … }"),
            doc: [$en, $zh],
            keys: &[$keys],
            scoped: true,
            open: false,
        };)*
    };
}

inner! {
    LIMITS "limits" LIMITS_KEYS "Alarm limits, in engineering units." / "报警限值，工程单位。";
    FILTER "filter" FILTER_KEYS "What is done to a sample before it is judged." / "判断之前对采样的处理。";
    HAMPEL "hampel" HAMPEL_KEYS "Spikes against the median of the neighbours." / "以邻近采样的中值识别尖峰。";
    WINDOW "window" WINDOW_KEYS "What is kept of a fast signal once per interval." / "每个时间段从快速信号中保留的内容。";
    SWING "swing" SWING_KEYS "Report through a swinging door." / "旋转门上报。";
    INTEGRATE "integrate" INTEGRATE_KEYS "Volume of a flow or energy of a power." / "流量的累计体积或功率的电量。";
    DUTY "duty" DUTY_KEYS "Run hours, starts and time in states." / "运行小时、启动次数和各状态时间。";
    WRITE "write" WRITE_KEYS "Bounds for writing." / "写值的边界。";
}
