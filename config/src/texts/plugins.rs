//! FH185x: drivers in processes of their own.

super::table! {
    UNKNOWN_PLUGIN = 1851 Error {
        title: "there is no plugin `{name}`" / "没有名为 `{name}` 的插件",
        label: "" / "",
        help: "put its folder beside gateway.toml: plugins/{name}/plugin.toml" / "请将其文件夹放在 gateway.toml 旁：plugins/{name}/plugin.toml",
        explain: "driver = \"plugin:NAME\" is the driver in the folder plugins/NAME beside gateway.toml. Its plugin.toml says what settings and addresses it takes, so that a map can be checked without running it. `forehearth plugin new` writes one to begin with." /
            "driver = \"plugin:名称\" 表示 gateway.toml 旁 plugins/名称 文件夹中的驱动。其 plugin.toml 说明可用的设置和地址，因此无需运行即可检查配置。`forehearth plugin new` 可生成一个模板。"
    }
    MANIFEST_WRONG = 1852 Error {
        title: "plugin.toml of `{name}` is wrong: {reason}" / "插件 `{name}` 的 plugin.toml 有误：{reason}",
        label: "" / "",
        help: "" / "",
        explain: "The manifest says what the gateway must know of a plugin before it runs it: name, version, command, mode, the pattern of its addresses with an example that fits, and its settings. docs/write-a-driver.md has all keys." /
            "清单说明网关在运行插件之前需要知道的内容：名称、版本、命令、模式、地址的模式及符合该模式的示例、以及各项设置。所有键见 docs/write-a-driver.md。"
    }
    UNKNOWN_SETTING = 1853 Error {
        title: "`{key}` is no setting of plugin `{name}`" / "`{key}` 不是插件 `{name}` 的设置项",
        label: "" / "",
        help: "its settings are: {known}" / "可用的设置：{known}",
        explain: "The settings of a device are handed to its plugin, whose plugin.toml lists all that there are. A key that it does not know would have no effect." /
            "设备的设置会交给插件，插件的 plugin.toml 列出全部设置项。插件不认识的键不会起作用。"
    }
    SETTING_MISSING = 1854 Error {
        title: "plugin `{name}` needs the setting `{key}`" / "插件 `{name}` 需要设置 `{key}`",
        label: "" / "",
        help: "add it to the device's settings, for example {example}" / "请在设备的 settings 中加上，例如 {example}",
        explain: "Its plugin.toml says that it can't work without it." /
            "插件的 plugin.toml 说明缺少该设置就无法工作。"
    }
    PLUGIN_ADDRESS = 1855 Error {
        title: "`{value}` is no address of plugin `{name}`" / "`{value}` 不是插件 `{name}` 的地址",
        label: "from here on it is none" / "从此处起不符合",
        help: "for example `{example}`; {form}" / "例如 `{example}`；{form}",
        explain: "plugin.toml of the plugin has the form of its addresses. What is marked is the first character that fits no address." /
            "插件的 plugin.toml 规定了地址的形式。标出的是第一个不符合任何地址的字符。"
    }
    PLUGIN_ARRAY = 1856 Error {
        title: "a plugin's tag is a single value" / "插件的点位只能是单个值",
        label: "" / "",
        help: "write one tag for each element" / "请为每个元素写一个点位",
        explain: "An address of a plugin names one value; how further elements would be addressed only the plugin knows." /
            "插件的地址只表示一个值；其他元素如何寻址只有插件知道。"
    }
}
