//! FH12xx: what a tag's number means: scaling, ranges, limits, reports, writes.

super::table! {
    NOT_FOR_TYPE = 1201 Error {
        title: "`{key}` has no meaning for {type}" / "`{key}` 对 {type} 没有意义",
        label: "" / "",
        help: "leave it out, or change the type" / "请删去，或修改类型",
        explain: "Scales, ranges, limits, deadbands and counters need a number; names for states need a whole number." /
            "缩放、范围、限值、死区和计数器需要数值类型；状态名称需要整数类型。"
    }
    SCALE_ZERO = 1202 Error {
        title: "a scale of 0 makes every value the same" / "缩放系数为 0 会使所有值相同",
        label: "" / "",
        help: "engineering value = raw * scale + offset" / "工程值 = 原始值 * scale + offset",
        explain: "A scale of 0 is a typing mistake." /
            "缩放系数为 0 是笔误。"
    }
    HALF_A_SHEET = 1203 Error {
        title: "`{key}` needs `{other}` beside it" / "`{key}` 需要与 `{other}` 一起使用",
        label: "" / "",
        help: "the instrument sheet: raw = [0, 27648], eng = [0.0, 150.0]" / "仪表量程：raw = [0, 27648], eng = [0.0, 150.0]",
        explain: "raw and eng together say which count stands for which engineering value." /
            "raw 和 eng 一起说明哪个计数值对应哪个工程值。"
    }
    SCALED_TWICE = 1204 Error {
        title: "`{key}` beside `raw` and `eng` scales twice" / "`{key}` 与 `raw`、`eng` 同时使用会重复缩放",
        label: "" / "",
        help: "use either scale and offset, or raw and eng" / "scale/offset 与 raw/eng 二选一",
        explain: "A tag is scaled by factors or by its instrument sheet, not by both." /
            "点位要么用系数缩放，要么用仪表量程，不能同时使用。"
    }
    SHEET_FLAT = 1205 Error {
        title: "both ends of `{key}` are the same" / "`{key}` 的两端相同",
        label: "" / "",
        help: "an instrument sheet has two different ends: raw = [0, 27648], eng = [0.0, 150.0]" / "仪表量程的两端应不同：raw = [0, 27648], eng = [0.0, 150.0]",
        explain: "With equal ends there is no slope to scale by." /
            "两端相同则没有可用的斜率。"
    }
    CLAMP_WITHOUT_SHEET = 1206 Error {
        title: "`clamp` needs `raw` and `eng`" / "`clamp` 需要 `raw` 和 `eng`",
        label: "" / "",
        help: "it keeps values within eng; without it there is nothing to keep them in" / "它把值限制在 eng 范围内；没有 eng 就无从限制",
        explain: "clamp = true keeps what the instrument can't measure at the ends of eng." /
            "clamp = true 把超出仪表量程的值限制在 eng 的两端。"
    }
    RANGE_UPSIDE_DOWN = 1207 Error {
        title: "`valid` is upside down: {low} is not below {high}" / "`valid` 上下颠倒：{low} 不小于 {high}",
        label: "" / "",
        help: "write [lowest, highest] in engineering units" / "请写 [最低, 最高]，单位为工程单位",
        explain: "Values outside of valid are delivered as Uncertain." /
            "超出 valid 的值以 Uncertain 质量上送。"
    }
    VALID_OUT_OF_REACH = 1208 Error {
        title: "`valid` can never be met: {type} with this scale gives {least} to {most}" / "`valid` 永远无法满足：{type} 按此缩放的范围是 {least} 到 {most}",
        label: "" / "",
        help: "is the scale or the type wrong?" / "缩放或类型是否有误？",
        explain: "Every value of this tag would be Uncertain. Usually the scale is missing, or off by a factor of ten." /
            "该点位的每个值都会是 Uncertain。通常是缺少缩放，或差了十倍。"
    }
    LIMITS_OUT_OF_ORDER = 1209 Error {
        title: "limits are out of order: {low}, but {high}" / "限值顺序错误：{low}，而 {high}",
        label: "" / "",
        help: "ll < l < h < hh" / "ll < l < h < hh",
        explain: "Alarm limits must grow from ll over l and h to hh." /
            "报警限值必须按 ll、l、h、hh 递增。"
    }
    LIMIT_OUTSIDE_VALID = 1210 Error {
        title: "limit {limit} is outside of `valid` ({low} to {high})" / "限值 {limit} 在 `valid`（{low} 到 {high}）之外",
        label: "" / "",
        help: "a value beyond it would be Uncertain and never raise the alarm reliably" / "超过该限值的值会是 Uncertain，无法可靠报警",
        explain: "An alarm limit that lies outside of the valid range is either a typing mistake, or valid is too narrow." /
            "限值落在有效范围之外，要么是笔误，要么 valid 过窄。"
    }
    DEADBAND_TOO_WIDE = 1211 Error {
        title: "deadband {deadband} is as wide as the distance {limits} ({distance})" / "死区 {deadband} 不小于限值 {limits} 之间的距离（{distance}）",
        label: "" / "",
        help: "a value could cross both limits unreported; use a smaller deadband" / "值可能越过两个限值而不上报；请减小死区",
        explain: "A change smaller than the deadband is not reported. When the deadband is as wide as the distance between two limits, a value can pass from one to the other unseen." /
            "小于死区的变化不会上报。当死区不小于两个限值的距离时，值可能从一个限值到另一个限值而不被看到。"
    }
    NEGATIVE_DEADBAND = 1212 Error {
        title: "a deadband can't be negative ({value})" / "死区不能为负（{value}）",
        label: "" / "",
        help: "0 reports every change" / "0 表示每次变化都上报",
        explain: "The deadband is how far a value may move without being reported." /
            "死区是值可以变化而不上报的幅度。"
    }
    NOT_A_PERCENTAGE = 1213 Error {
        title: "\"{value}\" is no percentage from 0% to 100%" / "\"{value}\" 不是 0% 到 100% 的百分比",
        label: "" / "",
        help: "for example: deadband = \"0.5%\"" / "例如：deadband = \"0.5%\"",
        explain: "A deadband in percent is a part of the span: of valid, or of eng." /
            "百分比死区是量程的一部分：valid 的范围，或 eng 的范围。"
    }
    PERCENT_WITHOUT_SPAN = 1214 Error {
        title: "a percentage needs a span" / "百分比需要量程",
        label: "percent of what?" / "相对于什么的百分比？",
        help: "add valid = [low, high] or raw and eng, or write it in engineering units" / "请加上 valid = [低, 高] 或 raw 和 eng，或用工程单位来写",
        explain: "The span is valid where it is given, else eng." /
            "量程取 valid；没有 valid 时取 eng。"
    }
    DEADBAND_UNUSED = 1215 Warning {
        title: "`deadband` has no effect beside every_sample = true" / "与 every_sample = true 同用时 `deadband` 不起作用",
        label: "" / "",
        help: "leave one of the two out" / "请去掉其中一个",
        explain: "every_sample = true sends each sample, changed or not." /
            "every_sample = true 会上送每个采样，无论是否变化。"
    }
    ENUM_KEY = 1216 Error {
        title: "`{value}` is no number that {type} can hold" / "`{value}` 不是 {type} 能表示的数",
        label: "" / "",
        help: "enum = { 0 = \"stopped\", 1 = \"normal\" }" / "enum = { 0 = \"停止\", 1 = \"正常\" }",
        explain: "The keys of enum are whole numbers, the texts name what they mean." /
            "enum 的键是整数，文本说明其含义。"
    }
    UNIT_MISSPELT = 1217 Warning {
        title: "unit `{unit}` is not known, but looks like one that is" / "单位 `{unit}` 未知，但与已知单位相似",
        label: "" / "",
        help: "" / "",
        explain: "Case carries meaning in units: mW is a thousandth of a watt, MW a million. Units that have no code in UNECE Recommendation 20 are carried as text without a finding." /
            "单位区分大小写：mW 是千分之一瓦，MW 是百万瓦。UNECE 第 20 号建议书中没有代码的单位按文本携带，不提示。"
    }
    UNKNOWN_RATE = 1218 Error {
        title: "there is no rate `{value}`" / "没有名为 `{value}` 的采集周期",
        label: "" / "",
        help: "name it in [rates], or write a duration such as \"500ms\"" / "请在 [rates] 中定义，或直接写时长，例如 \"500ms\"",
        explain: "rate is a duration or a name from [rates] of the profile or device." /
            "rate 是时长，或设备类型、设备的 [rates] 中的名称。"
    }
    NOT_A_RATE_NAME = 1219 Error {
        title: "`{name}` can't name a rate" / "`{name}` 不能作为采集周期的名称",
        label: "" / "",
        help: "start with a letter: fast = \"500ms\"" / "以字母开头：fast = \"500ms\"",
        explain: "A name that starts with a digit could be taken for a duration." /
            "以数字开头的名称可能被当作时长。"
    }
    WRITE_ON_READ_ONLY = 1220 Error {
        title: "a tag of a read-only device can't be written" / "只读设备的点位不能写",
        label: "" / "",
        help: "leave `write` out; no write path exists for this device" / "请删去 `write`；该设备不存在写入通道",
        explain: "access = \"read-only\" gives the device an instance in which no write path exists. That is meant for safety systems and is never loosened by a tag." /
            "access = \"read-only\" 的设备实例中不存在写入通道，用于安全系统，点位不能放宽。"
    }
    WRITE_TO_INPUT = 1221 Error {
        title: "`{table}` can't be written" / "`{table}` 不能写入",
        label: "" / "",
        help: "Modbus writes only holding registers (hr:) and coils (co:)" / "Modbus 只能写保持寄存器（hr:）和线圈（co:）",
        explain: "Input registers and discrete inputs are read-only in the protocol." /
            "输入寄存器和离散输入在协议中是只读的。"
    }
    WRITE_BOUNDS = 1222 Error {
        title: "write: min {min} is above max {max}" / "write：min {min} 大于 max {max}",
        label: "" / "",
        help: "min <= max, in engineering units" / "min <= max，单位为工程单位",
        explain: "Commands outside of min and max are refused; with these bounds every command would be." /
            "超出 min 和 max 的命令会被拒绝；按此界限所有命令都会被拒绝。"
    }
    WRITE_OUTSIDE_VALID = 1223 Error {
        title: "write: {value} is outside of `valid`" / "write：{value} 在 `valid` 之外",
        label: "" / "",
        help: "a setpoint that may be written should be valid when it is read back" / "允许写入的设定值回读时应当有效",
        explain: "Every command is read back; a value outside of valid would come back as Uncertain." /
            "每条命令都会回读；超出 valid 的值回读时会是 Uncertain。"
    }
    NOT_POSITIVE = 1224 Error {
        title: "`{key}` must be above 0" / "`{key}` 必须大于 0",
        label: "" / "",
        help: "leave it out when there is no such limit" / "如无此限制请删去",
        explain: "A step, a rate or an error of 0 or below would let nothing through." /
            "步长、速率或误差为 0 或负数会让所有值都无法通过。"
    }
    NO_TAGS = 1225 Warning {
        title: "this device has no tags" / "该设备没有点位",
        label: "" / "",
        help: "write [device.tags], or name a profile" / "请写 [device.tags]，或指定设备类型 profile",
        explain: "A device without tags is never read." /
            "没有点位的设备不会被读取。"
    }
    EVEN_MEDIAN = 1226 Error {
        title: "a median of {value} values has no middle" / "{value} 个值的中位数没有中间值",
        label: "" / "",
        help: "take an odd number: {odd}" / "请用奇数：{odd}",
        explain: "The median filter takes the middle one of the recent values; with an even number there are two." /
            "中位数滤波取最近若干值的中间值；个数为偶数时有两个中间值。"
    }
    SHORTER_THAN_RATE = 1227 Error {
        title: "`{key}` {value} is not longer than the scan period {rate}" / "`{key}` {value} 不大于采集周期 {rate}",
        label: "within one period there is one sample" / "一个周期内只有一个采样",
        help: "scan faster (`rate`), or take a longer time" / "请加快采集（`rate`），或取更长的时间",
        explain: "Filters and windows look at several samples. Within one scan period there is only one, so nothing would be filtered and every window would hold one value." /
            "滤波和窗口需要多个采样。一个采集周期内只有一个采样，滤波不起作用，窗口也只有一个值。"
    }
    SWING_BESIDE = 1228 Error {
        title: "`{key}` beside `swing`" / "`{key}` 与 `swing` 同时使用",
        label: "" / "",
        help: "leave one of the two out" / "请去掉其中一个",
        explain: "A swinging door decides by itself which samples are needed to draw the curve. A deadband or every_sample would be a second, different answer." /
            "旋转门自行决定绘出曲线所需的采样。死区或 every_sample 是另一种不同的规则。"
    }
    SWING_ON_ALARM = 1229 Error {
        title: "a swinging door delays what the alarm lane sends at once" / "旋转门会延迟 alarm 通道应立即上送的值",
        label: "" / "",
        help: "leave out `lane`, or use a deadband in place of `swing`" / "请去掉 `lane`，或用死区代替 `swing`",
        explain: "A sample at a swinging door is held back until the next one shows whether it is needed, up to max_gap. Alarms must not wait. `limits` of the same tag tells alarms at once." /
            "旋转门会保留采样，直到下一个采样表明是否需要它，最长为 max_gap。报警不能等待。同一点位上的 limits 会立即报警。"
    }
    WINDOW_OFF_GRID = 1230 Error {
        title: "windows of {value} do not fill a day" / "长度为 {value} 的窗口不能整除一天",
        label: "" / "",
        help: "take a length that divides 24 hours: \"1s\" \"10s\" \"1m\" \"15m\" \"1h\"" / "请取能整除 24 小时的长度：\"1s\" \"10s\" \"1m\" \"15m\" \"1h\"",
        explain: "Windows begin at midnight UTC and follow one another without gaps, so that those of all devices and days lie side by side. That needs a length that divides the day." /
            "窗口从 UTC 零点开始首尾相接，使所有设备、每一天的窗口对齐。因此长度必须能整除一天。"
    }
    HYSTERESIS_TOO_WIDE = 1231 Error {
        title: "hysteresis {hysteresis} is as wide as the distance {limits} ({distance})" / "回差 {hysteresis} 不小于限值 {limits} 之间的距离（{distance}）",
        label: "" / "",
        help: "an alarm would last until the next limit is reached; use a smaller hysteresis" / "报警会一直保持到下一个限值；请减小回差",
        explain: "A value leaves a limit when it is back by the hysteresis. When that is as wide as the distance between two limits, one alarm never ends before the other begins." /
            "值回到限值以内并超过回差后报警才解除。当回差不小于两个限值的距离时，一个报警结束前另一个已经开始。"
    }
    NE43_WITHOUT_SHEET = 1232 Error {
        title: "`ne43` needs `raw` and `eng`" / "`ne43` 需要 `raw` 和 `eng`",
        label: "which count is 4 mA?" / "哪个计数值对应 4 mA？",
        help: "give the counts at 4 and 20 mA: raw = [0, 27648], eng = [0.0, 150.0]" / "请给出 4 mA 和 20 mA 的计数值：raw = [0, 27648], eng = [0.0, 150.0]",
        explain: "NAMUR NE 43 tells a broken sensor by its current: at or below 3.6 mA, at or above 21 mA. raw says which counts stand for 4 and 20 mA." /
            "NAMUR NE 43 按电流判断传感器故障：不高于 3.6 mA 或不低于 21 mA。raw 给出 4 mA 和 20 mA 对应的计数值。"
    }
    COUNTER_NEEDS = 1233 Error {
        title: "`{key}` needs {other}" / "`{key}` 需要 {other}",
        label: "" / "",
        help: "total counts on across roll-overs and resets: kind = \"counter\", total = true, rollover = 1000000" / "total 跨越翻转与复位继续累计：kind = \"counter\", total = true, rollover = 1000000",
        explain: "Only a counter has a total. rollover says what would follow its largest value, when that is not the range of its type: 1000000 for a meter with six digits." /
            "只有计数器才有累计。rollover 给出最大值之后的值，用于与类型范围不同的情况：六位电表为 1000000。"
    }
    UNKNOWN_STANDARD = 1240 Error {
        title: "the data dictionary has no point `{name}`" / "数据字典中没有点 `{name}`",
        label: "" / "",
        help: "the points are listed in config/dictionary/nonferrous.toml" / "各点列于 config/dictionary/nonferrous.toml",
        explain: "std names a point of the shipped data dictionary, for example al.pot.voltage. Unit, kind, range, grade and label come from there where the tag says nothing." /
            "std 引用随附数据字典中的点，例如 al.pot.voltage。点位未写的单位、类型、范围、等级和名称由它给出。"
    }
    STANDARD_UNIT = 1241 Error {
        title: "unit `{unit}` is not the dictionary's `{standard}`" / "单位 `{unit}` 与数据字典的 `{standard}` 不一致",
        label: "" / "",
        help: "scale the value to the dictionary's unit, or leave `std` out" / "请把值换算到字典的单位，或删去 `std`",
        explain: "Whoever evaluates a point of the dictionary relies on its unit, across all plants. A value in another unit is off by a factor and looks plausible." /
            "使用数据字典点的人依赖其单位，跨所有工厂一致。单位不同的值会差一个倍数，却看似合理。"
    }
    STANDARD_RANGE = 1242 Warning {
        title: "`valid` reaches beyond what this point can show ({low} to {high})" / "`valid` 超出该点可能的范围（{low} 到 {high}）",
        label: "" / "",
        help: "is the scale or the unit off?" / "缩放或单位是否有误？",
        explain: "The dictionary says which values a healthy sensor of this kind can show. A wider valid range lets wrong ones pass as Good." /
            "数据字典给出此类传感器正常时可能的值。更宽的 valid 会让错误的值以 Good 通过。"
    }
}
