//! FH19xx: what the map's language has and this version has not.

super::table! {
    NOT_SUPPORTED = 1901 Error {
        title: "`{what}` is not supported in this version" / "本版本不支持 `{what}`",
        label: "" / "",
        help: "remove it, or use a newer version; nothing is ignored silently" / "请删去，或使用更新的版本；任何内容都不会被悄悄忽略",
        explain: "The key or value belongs to the language of the map, but this version can't serve it. No plan is made, because what the map asks for would not happen." /
            "该键或值属于配置语言，但本版本无法实现。由于无法满足配置的要求，不会生成运行计划。"
    }
    NO_EFFECT = 1902 Warning {
        title: "`{what}` is checked, but has no effect in this version" / "`{what}` 会被检查，但在本版本中不起作用",
        label: "said once, also for the other places" / "只提示一次，其他位置相同",
        help: "it can stay: a newer version will use it" / "可以保留：更新的版本会使用它",
        explain: "The map may say it already. It is read and checked like everything else, so that it is right when a later version uses it." /
            "配置中可以先写好。它会像其他内容一样被读取和检查，以便后续版本直接使用。"
    }
}
