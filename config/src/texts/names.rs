//! FH16xx: names that are illegal, taken, or nearly the same.

super::table! {
    ILLEGAL_NAME = 1601 Error {
        title: "`{name}` can't be {kind}" / "`{name}` 不能作为{kind}",
        label: "" / "",
        help: "no `+`, `#`, `/` and control characters; tag names may hold `/` between folders" / "不能含有 `+`、`#`、`/` 和控制字符；点位名可用 `/` 分隔文件夹",
        explain: "Names become levels of MQTT topics, ids of Sparkplug, file names and labels. `+ # /` are reserved there (MQTT 3.1.1, 4.7; Sparkplug 3.0, 4.1). Chinese names are fine, except for brokers, whose names are also file names." /
            "名称会成为 MQTT 主题层级、Sparkplug 标识、文件名和标签。`+ # /` 是保留字符（MQTT 3.1.1, 4.7；Sparkplug 3.0, 4.1）。可以使用中文名称，但代理名称同时用作文件名，只能用 ASCII。"
    }
    DUPLICATE_LINK = 1602 Error {
        title: "link `{name}` is there twice" / "链路 `{name}` 重复",
        label: "" / "",
        help: "a device with a url of its own has a link of its own name" / "带 url 的设备会有一条与其同名的链路",
        explain: "Link names are unique in all files, after `for` was written out." /
            "展开 `for` 之后，链路名称在所有文件中必须唯一。"
    }
    DUPLICATE_DEVICE = 1603 Error {
        title: "device `{name}` is there twice" / "设备 `{name}` 重复",
        label: "" / "",
        help: "rename one of them, or use every variable of `for` in the name" / "请改名，或在名称中使用 `for` 的每个变量",
        explain: "Device names are unique in all files, after `for` was written out: they name topics." /
            "展开 `for` 之后，设备名称在所有文件中必须唯一，因为它们用作主题。"
    }
    SAME_TAG_NAME = 1604 Error {
        title: "`{name}` is also an element of the array `{other}`" / "`{name}` 同时也是数组 `{other}` 的元素",
        label: "" / "",
        help: "rename one of the two" / "请改名",
        explain: "An array is written out as name[0], name[1] and so on." /
            "数组会展开为 name[0]、name[1] 等。"
    }
    TAG_NAMES_DIFFER_IN_CASE = 1605 Warning {
        title: "`{name}` and `{other}` differ only in case" / "`{name}` 与 `{other}` 只有大小写不同",
        label: "" / "",
        help: "many consumers take them for one" / "许多使用方会把它们当作同一个",
        explain: "Historians and databases often ignore case (Sparkplug 3.0, 4.1 advises against such names)." /
            "历史库和数据库常忽略大小写（Sparkplug 3.0, 4.1 不建议使用这样的名称）。"
    }
    DEVICE_NAMES_DIFFER_IN_CASE = 1606 Warning {
        title: "devices `{name}` and `{other}` differ only in case" / "设备 `{name}` 与 `{other}` 只有大小写不同",
        label: "" / "",
        help: "many consumers take them for one" / "许多使用方会把它们当作同一个",
        explain: "Historians and databases often ignore case (Sparkplug 3.0, 4.1 advises against such names)." /
            "历史库和数据库常忽略大小写（Sparkplug 3.0, 4.1 不建议使用这样的名称）。"
    }
    DERIVED_NAME = 1607 Error {
        title: "`{name}` is also the name of what is derived from `{other}`" / "`{name}` 与由 `{other}` 派生的点位同名",
        label: "" / "",
        help: "rename it" / "请改名",
        explain: "Windows, totals and limits tell tags of their own, named after their source: roll_force.max, energy.total, bath_temp.alarm." /
            "窗口、累计和限值会生成自己的点位，以来源命名：roll_force.max、energy.total、bath_temp.alarm。"
    }
}
