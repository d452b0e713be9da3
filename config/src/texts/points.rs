//! FH11xx: where a tag lives: address, type, word order, overlaps.

super::table! {
    BARE_NUMBER = 1101 Error {
        title: "`{value}` names no table and does not say whether it counts from 0 or from 1" / "`{value}` 没有指明寄存器表，也没有说明从 0 还是从 1 计数",
        label: "" / "",
        help: "{readings}; ir, di and co likewise" / "{readings}；ir、di、co 同理",
        explain: "The notation decides the base: 40101, 400101 and 4x101 count from 1, hr:100 counts from 0. A bare number could be meant either way and would silently read the neighbour." /
            "写法决定起始：40101、400101 和 4x101 从 1 计数，hr:100 从 0 计数。单独的数字两种理解都可能，会悄悄读到相邻寄存器。"
    }
    COIL_OR_HEX = 1102 Error {
        title: "`{value}` can be a coil or a hexadecimal number" / "`{value}` 可能是线圈，也可能是十六进制数",
        label: "" / "",
        help: "hexadecimal is written `hr:0x{digits}` (or ir, di, co); a coil counted from 1 with five digits, `00001`, or from 0 as `co:0`" / "十六进制写作 `hr:0x{digits}`（或 ir、di、co）；从 1 计数的线圈写五位 `00001`，从 0 计数写 `co:0`",
        explain: "0x100 would be coil 100 in the notation of 4x100, but every other tool reads it as a hexadecimal number. It is refused." /
            "按 4x100 的写法，0x100 是线圈 100，但其他工具都把它当作十六进制数，因此不接受。"
    }
    COUNTS_FROM_ONE = 1103 Error {
        title: "`{value}` is position 0 of a notation that counts from 1" / "`{value}` 是从 1 计数的写法中的第 0 个",
        label: "" / "",
        help: "the first one is `{first}`, which is `{zero}`" / "第一个是 `{first}`，即 `{zero}`",
        explain: "40001 is the first holding register, 40000 does not exist. If the device's manual counts from 0, write hr:0." /
            "40001 是第一个保持寄存器，40000 不存在。如果设备手册从 0 计数，请写 hr:0。"
    }
    ADDRESS_BEYOND = 1104 Error {
        title: "`{value}` is beyond the 65536 addresses of its table" / "`{value}` 超出了寄存器表的 65536 个地址",
        label: "" / "",
        help: "the last one is `{last}`, which is `{zero}`" / "最后一个是 `{last}`，即 `{zero}`",
        explain: "A table of Modbus has 65,536 addresses. With `base+n` the sum must stay within the table." /
            "Modbus 每个表有 65,536 个地址。使用 `base+n` 时，和也必须在表内。"
    }
    NOT_AN_ADDRESS = 1105 Error {
        title: "`{value}` is no Modbus address" / "`{value}` 不是 Modbus 地址",
        label: "" / "",
        help: "write `hr:100`, `ir:100`, `di:100`, `co:100` (counted from 0, hex allowed) or `40101`, `400101`, `4x101` (counted from 1)" / "可写 `hr:100`、`ir:100`、`di:100`、`co:100`（从 0 计数，可用十六进制）或 `40101`、`400101`、`4x101`（从 1 计数）",
        explain: "An address names its table (hr holding registers, ir input registers, di discrete inputs, co coils) and its position." /
            "地址包含寄存器表（hr 保持寄存器、ir 输入寄存器、di 离散输入、co 线圈）和位置。"
    }
    NOT_A_BIT = 1106 Error {
        title: "`.{bit}` is no bit of a register" / "`.{bit}` 不是寄存器的位",
        label: "" / "",
        help: "bits count from 0 (least significant) to 15: `hr:100.0`" / "位从 0（最低位）到 15：`hr:100.0`",
        explain: "A register has 16 bits; .0 is the least significant one." /
            "一个寄存器有 16 位；.0 是最低位。"
    }
    OVERLAP = 1107 Error {
        title: "tag `{tag}` overlaps `{other}`" / "点位 `{tag}` 与 `{other}` 重叠",
        label: "{at} + {count}" / "{at} 起 {count}",
        help: "`{other}` is {other_type} and occupies {other_at}; is one of the two types too wide?" / "`{other}` 是 {other_type}，占用 {other_at}；是否有一个类型过宽？",
        explain: "Two tags of one device share registers, so at least one of them reads part of the other: a type is too wide, or an address is off. If both are right (a value read twice on purpose), write overlap = true on one of them." /
            "同一设备的两个点位共用寄存器，至少有一个读到了另一个的一部分：类型过宽，或地址有误。如果确实需要（有意重复读取），在其中一个点位上写 overlap = true。"
    }
    BIT_OF_A_BIT = 1108 Error {
        title: "a coil or discrete input has no bits" / "线圈或离散输入没有位",
        label: "" / "",
        help: "`{table}` holds single bits; leave out the part behind the dot" / "`{table}` 本身就是单个位；请去掉点号后面的部分",
        explain: "co: and di: are tables of bits already." /
            "co: 和 di: 本来就是位的表。"
    }
    STRADDLED = 1109 Error {
        title: "tag `{tag}` straddles the registers of `{other}`" / "点位 `{tag}` 跨在 `{other}` 的寄存器上",
        label: "{at} + {count}" / "{at} 起 {count}",
        help: "`{other}` occupies {other_at}, as wide as `{tag}`: is one address off by one?" / "`{other}` 占用 {other_at}，与 `{tag}` 同宽：是否有一个地址差一？",
        explain: "Two values of equal width share some but not all of their registers. This happens when a list counts from 0 and from 1 by turns, or when a pair starts at its second register." /
            "两个同宽的值共用部分寄存器。常见原因是点表中 0 起始与 1 起始混用，或从第二个寄存器开始取一对。"
    }
    SAME_POINT = 1110 Warning {
        title: "tags `{tag}` and `{other}` read the same place" / "点位 `{tag}` 与 `{other}` 读取同一位置",
        label: "{at}, read as {type}" / "{at}，按 {type} 读取",
        help: "`{other}` reads it as {other_type}; if both are wanted, write overlap = true on one of them" / "`{other}` 按 {other_type} 读取；如果两个都需要，在其中一个上写 overlap = true",
        explain: "Two tags read exactly the same registers or the same bit. Usually one of them was copied and its address not changed." /
            "两个点位读取完全相同的寄存器或位。通常是复制后忘记修改地址。"
    }
    UNKNOWN_TYPE = 1111 Error {
        title: "`{value}` is no type" / "`{value}` 不是数据类型",
        label: "" / "",
        help: "BOOL SINT USINT INT UINT DINT UDINT LINT ULINT REAL LREAL STRING[n] BYTE WORD DWORD LWORD, or i8 to u64, f32, f64; T[n] for arrays" / "BOOL SINT USINT INT UINT DINT UDINT LINT ULINT REAL LREAL STRING[n] BYTE WORD DWORD LWORD，或 i8 到 u64、f32、f64；数组写 T[n]",
        explain: "Types are those of IEC 61131-3, or the short names i16 to f64." /
            "类型采用 IEC 61131-3 的名称，或 i16 到 f64 的简写。"
    }
    AMBIGUOUS_TYPE = 1112 Error {
        title: "`{value}` is not a definite type" / "`{value}` 不是明确的类型",
        label: "" / "",
        help: "its width differs from tool to tool; write {choices}" / "它的位宽因工具而异；请写 {choices}",
        explain: "FLOAT, DOUBLE, LONG and SHORT are 32 bits in one tool and 64 or 16 in the next. Write the IEC type." /
            "FLOAT、DOUBLE、LONG 和 SHORT 在不同工具中位宽不同。请写 IEC 类型。"
    }
    STRING_LENGTH = 1113 Error {
        title: "`{value}`: a STRING needs its length" / "`{value}`：STRING 需要长度",
        label: "" / "",
        help: "write STRING[n] with n bytes, 1 to 250" / "请写 STRING[n]，n 为字节数，1 到 250",
        explain: "The largest answer of Modbus holds 125 registers, and a value is never split over two requests, so a text has at most 250 bytes." /
            "Modbus 一次应答最多 125 个寄存器，且一个值不会分两次读取，因此文本最多 250 字节。"
    }
    ARRAY_LENGTH = 1114 Error {
        title: "`{value}` has no usable length" / "`{value}` 的长度无效",
        label: "" / "",
        help: "write T[n] with 1 to {most} elements" / "请写 T[n]，元素个数 1 到 {most}",
        explain: "An array INT[24] becomes 24 tags name[0] to name[23] that follow one another in the registers." /
            "数组 INT[24] 展开为 24 个点位 name[0] 到 name[23]，在寄存器中依次排列。"
    }
    UNKNOWN_ORDER = 1115 Error {
        title: "`{value}` is no word order" / "`{value}` 不是字节顺序",
        label: "" / "",
        help: "A is the most significant byte, in the order the bytes arrive: ABCD (Modbus' own), CDAB (words swapped), BADC (bytes swapped), DCBA; AB or BA for 16 bits; eight letters for 64 bits" / "A 为最高字节，按到达顺序书写：ABCD（Modbus 标准）、CDAB（字交换）、BADC（字节交换）、DCBA；16 位写 AB 或 BA；64 位写八个字母",
        explain: "Devices lay values of 32 and 64 bits over registers in four ways. `forehearth probe --orders` shows a value in all of them." /
            "设备存放 32 位和 64 位值的方式有四种。`forehearth probe --orders` 可同时显示四种结果。"
    }
    BITS_ARE_BOOL = 1116 Error {
        title: "`{value}` is a coil or discrete input and can't be {type}" / "`{value}` 是线圈或离散输入，不能是 {type}",
        label: "" / "",
        help: "use type BOOL, or an address in hr: or ir:" / "请用 BOOL 类型，或改用 hr: 或 ir: 地址",
        explain: "The tables co: and di: hold single bits." /
            "co: 和 di: 表中都是单个位。"
    }
    BOOL_NEEDS_BIT = 1117 Error {
        title: "which bit of register {at} is meant?" / "要读寄存器 {at} 的哪一位？",
        label: "" / "",
        help: "add the bit, 0 (least significant) to 15: `{bit}`" / "请加上位号，0（最低位）到 15：`{bit}`",
        explain: "A BOOL in a register is one of its 16 bits. For \"not zero\" read the register as UINT." /
            "寄存器中的 BOOL 是 16 位之一。如果要表示“非零”，请按 UINT 读取。"
    }
    BIT_IS_BOOL = 1118 Error {
        title: "{at} is a single bit and can't be {type}" / "{at} 是单个位，不能是 {type}",
        label: "" / "",
        help: "use type BOOL, or leave out the part behind the dot" / "请用 BOOL 类型，或去掉点号后面的部分",
        explain: "The part behind the dot names one bit of a register." /
            "点号后面的部分指寄存器中的某一位。"
    }
    VALUE_BEYOND = 1119 Error {
        title: "the value at {at} reaches beyond the last address of its table" / "{at} 处的值超出了寄存器表的末尾",
        label: "" / "",
        help: "is the type ({type}) too wide, or the address off?" / "类型（{type}）是否过宽，或地址有误？",
        explain: "The value starts within the table and ends outside of it." /
            "该值从表内开始，却在表外结束。"
    }
    WRONG_DISTANCE = 1120 Error {
        title: "`{value}` is not understood" / "无法理解 `{value}`",
        label: "" / "",
        help: "behind a parameter stand `+n` or `-n` and, for bits of a register, `.0` to `.15`: `base+10.3`" / "参数后面写 `+n` 或 `-n`，寄存器的位再加 `.0` 到 `.15`：`base+10.3`",
        explain: "An address may start from a parameter of the profile. The distance is a decimal number of registers (or bits, in the bit tables)." /
            "地址可以从设备类型的参数起算。距离是十进制的寄存器数（位表中为位数）。"
    }
    VALUE_TOO_WIDE = 1121 Error {
        title: "tag `{tag}` needs {count} registers, more than one request of link `{link}` may ask for" / "点位 `{tag}` 需要 {count} 个寄存器，超过链路 `{link}` 单次请求的上限",
        label: "" / "",
        help: "max_words is {most} here, and a value is never split over two requests" / "此处 max_words 为 {most}，而一个值不会分两次读取",
        explain: "max_words limits how many registers one request asks for, on the link and for all devices on it. A value that is read in two halves could be from two moments." /
            "max_words 限制链路及其所有设备单次请求的寄存器数。分两半读取的值可能来自两个不同时刻。"
    }
}
