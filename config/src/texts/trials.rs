//! FH17xx: what a map's own tests say.

super::table! {
    TEST_DEVICE = 1701 Error {
        title: "no device is named `{name}`" / "没有名为 `{name}` 的设备",
        label: "" / "",
        help: "a test names one device as it is written out: cell-042" / "测试引用展开后的设备名称，例如 cell-042",
        explain: "device in a [[test]] is the name of one device, after `for` is written out." /
            "[[test]] 中的 device 是 `for` 展开后某一台设备的名称。"
    }
    TEST_TAG = 1702 Error {
        title: "the device reads no tag `{name}`" / "该设备不读取点位 `{name}`",
        label: "" / "",
        help: "an array takes a list, an element is written name[0]; what windows and limits tell can't be expected" / "数组用列表，单个元素写作 name[0]；窗口和限值生成的点位不能作为期望",
        explain: "expect in a [[test]] names tags that are read from registers. A list must not be longer than the array." /
            "[[test]] 中的 expect 引用从寄存器读取的点位。列表不能比数组长。"
    }
    TEST_REGISTERS = 1703 Error {
        title: "`{value}` can't hold this" / "`{value}` 不能存放该内容",
        label: "" / "",
        help: "registers take whole numbers from 0 to 65535 (or -32768 to -1), coils and discrete inputs true or false; a table ends at 65535" / "寄存器取 0 到 65535（或 -32768 到 -1）的整数，线圈和离散输入取 true 或 false；表的末位为 65535",
        explain: "registers in a [[test]] gives whole registers from an address on, and bits for coils and discrete inputs." /
            "[[test]] 中的 registers 从某地址起给出整个寄存器，线圈和离散输入则给出位。"
    }
    TEST_LACKS = 1704 Error {
        title: "the test gives no registers for `{tag}`" / "测试没有给出 `{tag}` 的寄存器",
        label: "is read from {at}, {count} in a row" / "从 {at} 读取，共 {count} 个",
        help: "add them to `registers`, or leave the tag out" / "请在 `registers` 中补上，或删去该点位",
        explain: "What is expected must follow from the registers of the same test." /
            "期望值必须能由同一测试中的寄存器得出。"
    }
    TEST_DIFFERS = 1705 Error {
        title: "`{tag}` reads {read}" / "`{tag}` 读出的是 {read}",
        label: "expected" / "期望值",
        help: "compare address, type, order and scale with the device's manual" / "请与设备手册核对地址、类型、字节顺序和缩放",
        explain: "check --test decodes the registers of each [[test]] as the gateway would, and compares in engineering units. A value that is off by powers of ten is a scale, one without any sense an order of bytes, one like its neighbour an address that is off by one." /
            "check --test 按网关的方式解码每个 [[test]] 的寄存器，并以工程单位比较。差十的幂次是缩放问题，毫无意义的值是字节顺序问题，与相邻点相同的值是地址偏一。"
    }
}
