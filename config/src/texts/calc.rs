//! FH1250 to FH1262: what is computed of tags: formulas, sets, intervals, duty.

super::table! {
    CALC_WRONG = 1250 Error {
        title: "the formula can't be understood" / "无法理解该公式",
        label: "" / "",
        help: "for example: calc = \"voltage * current / 1000\"" / "例如：calc = \"voltage * current / 1000\"",
        explain: "A formula has numbers, names of tags, + - * / ^, comparisons (< <= > >= == !=), and, or, not, brackets and the functions abs sqrt min max sum mean spread if age. group('anode_*') stands for all tags that the pattern matches." /
            "公式由数字、点位名称、+ - * / ^、比较（< <= > >= == !=）、and、or、not、括号以及函数 abs sqrt min max sum mean spread if age 组成。group('anode_*') 代表与通配符匹配的所有点位。"
    }
    CALC_UNKNOWN = 1251 Error {
        title: "there is no tag `{name}`" / "没有点位 `{name}`",
        label: "" / "",
        help: "a tag of this device by its name, one of another device as 'device::tag'" / "本设备的点位写名称，其他设备的点位写作 'device::tag'",
        explain: "A formula reads tags that are in the map. A name with characters other than letters, digits, _ and . stands in single quotes." /
            "公式只能引用点表中的点位。名称中含有字母、数字、_ 和 . 以外的字符时写在单引号中。"
    }
    CALC_CYCLE = 1252 Error {
        title: "`{name}` is computed of itself: {path}" / "`{name}` 由自身计算：{path}",
        label: "" / "",
        help: "a formula may read what is computed before it, never what waits for it" / "公式可以引用先算出的点位，不能引用等待它的点位",
        explain: "No tag of a circle of formulas could ever have a value." /
            "循环引用的公式永远得不到值。"
    }
    CALC_NO_NUMBER = 1253 Error {
        title: "`{name}` is {type}: a formula needs a number or a bit" / "`{name}` 的类型是 {type}：公式需要数值或位",
        label: "" / "",
        help: "" / "",
        explain: "Texts can't be computed with." /
            "文本不能参与计算。"
    }
    CALC_BESIDE = 1254 Error {
        title: "`{key}` has no meaning beside `calc`" / "与 `calc` 同时使用时 `{key}` 没有意义",
        label: "" / "",
        help: "a computed tag is not read; its value is in engineering units" / "计算点位不从设备读取；其值已是工程单位",
        explain: "calc takes the place of at (or node), of scaling and of the scan rate: the value follows its inputs, or the grid." /
            "calc 取代 at（或 node）、缩放和采集周期：其值随输入或时间网格更新。"
    }
    CALC_NO_TAGS = 1255 Error {
        title: "the formula reads no tag" / "该公式没有读取任何点位",
        label: "" / "",
        help: "a value that never changes is no reading" / "永不变化的值不是读数",
        explain: "A computed tag has its quality and its time from the tags it is computed of." /
            "计算点位的质量和时间来自它所引用的点位。"
    }
    GROUP_EMPTY = 1256 Error {
        title: "no tag matches `{pattern}`" / "没有点位与 `{pattern}` 匹配",
        label: "" / "",
        help: "group('anode_*') looks at this device, group('cell-*::current') at others" / "group('anode_*') 匹配本设备，group('cell-*::current') 匹配其他设备",
        explain: "A group stands for the tags that are read or computed and whose names match; a group of none is a typing mistake." /
            "group 代表名称匹配的点位；没有匹配通常是笔误。"
    }
    STEP_NOT_PART = 1257 Error {
        title: "a step of {step} does not divide {every} into 2 to {most} parts" / "步长 {step} 不能把 {every} 分成 2 到 {most} 份",
        label: "" / "",
        help: "every = \"10s\", step = \"1s\" tells the last ten seconds each second" / "every = \"10s\", step = \"1s\" 每秒给出最近十秒的结果",
        explain: "A sliding window is laid together of parts of one step each." /
            "滑动窗口由若干个步长拼成。"
    }
    KEY_NEEDS = 1258 Error {
        title: "`{key}` needs {other}" / "`{key}` 需要 {other}",
        label: "" / "",
        help: "" / "",
        explain: "interval is of a total; grid and stale are of calc; duty.every tells the states that enum names; a group of alarms is told by their states." /
            "interval 属于 total；grid 和 stale 属于 calc；duty.every 给出 enum 所列状态的时间；报警组由 state 指示。"
    }
    DUTY_STATES = 1259 Error {
        title: "`running` names no state" / "`running` 没有给出状态",
        label: "" / "",
        help: "running = [1]" / "running = [1]",
        explain: "running lists the whole numbers at which the machine runs; a bit runs at 1." /
            "running 列出视为运行的整数；位为 1 时运行。"
    }
}
