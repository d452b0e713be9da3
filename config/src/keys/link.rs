//! The keys of links, and the quirks that links, devices and profiles may have.

use super::Kind::{Boolean, Duration, Integer, Items, Text, Variables};
use super::Need::{Default, Optional, Refused, Required};
use super::{Kind, Section};
use crate::link::{INFLIGHT, PAUSE, TIMEOUT};

super::keys! {
    /// Of a `[[link]]`.
    LINK_KEYS = {
        "name": Text, Required,
            "What devices name it by." / "设备引用它的名称。", "name = \"plc-1\"";
        "for": Variables, Optional,
            "One link for each value: a range, a list or the rows of a sheet." / "每个值一条链路：范围、列表或表格的行。", "for = { g = \"1..=10\" }";
        "except": Items, Optional,
            "Values or names of `for` that are left out." / "`for` 中要跳过的值或名称。", "except = [7]";
        "url": Text, Required,
            "How it is reached: Modbus TCP as tcp://host:port, a line behind a serial server as rtu+tcp://host:port or ascii+tcp://host:port, a port of this machine as serial:///dev/ttyS2?baud=9600&format=8E1&rs485=auto&mode=rtu (baud must be there; format 7 or 8, N, E or O, 1 or 2; rs485 auto, kernel or off; mode rtu or ascii)." / "连接方式：Modbus TCP 写 tcp://主机:端口，串口服务器后的线路写 rtu+tcp://主机:端口 或 ascii+tcp://主机:端口，本机串口写 serial:///dev/ttyS2?baud=9600&format=8E1&rs485=auto&mode=rtu（baud 必须写；format 为 7 或 8，N、E 或 O，1 或 2；rs485 为 auto、kernel 或 off；mode 为 rtu 或 ascii）。", "url = \"tcp://10.20.4.11:502\"";
        "timeout": Duration(TIMEOUT.0, TIMEOUT.1), Default("\"1s\""),
            "Deadline of a request." / "请求的时限。", "timeout = \"1s\"";
        "inflight": Integer(1, INFLIGHT), Default("1"),
            "Requests under way at once; on serial lines always 1." / "同时进行的请求数；串行线路上始终为 1。", "inflight = 1";
    }

    /// Of links, devices and profiles.
    QUIRKS = {
        "max_words": Integer(1, 125), Default("125"),
            "Most registers per request." / "每个请求的最大寄存器数。", "max_words = 120";
        "max_bits": Integer(1, 2000), Default("2000"),
            "Most bits per request." / "每个请求的最大位数。", "max_bits = 2000";
        "one_request_per_tag": Boolean, Default("false"),
            "Neighbours are never joined into one request." / "相邻点位从不合并为一个请求。", "one_request_per_tag = true";
        "pause_after_connect": Duration(PAUSE.0, PAUSE.1), Default("\"0s\""),
            "Quiet time after connecting." / "连接后的静默时间。", "pause_after_connect = \"500ms\"";
        "pause_between": Duration(PAUSE.0, PAUSE.1), Default("\"0s\""),
            "Quiet time between requests." / "请求之间的静默时间。", "pause_between = \"20ms\"";
        "string_bytes": Text, Refused,
            "Order of the bytes of texts." / "文本的字节顺序。", "string_bytes = \"BA\"";
        "echo": Boolean, Optional,
            "Serial lines: the adapter returns what is sent; found out when not given." / "串行线路：转换器会回送所发内容；未写时自动识别。", "echo = true";
        "close_each_cycle": Boolean, Refused,
            "The connection is closed after each cycle." / "每个周期后关闭连接。", "close_each_cycle = true";
    }

    /// Of `budget`.
    BUDGET_KEYS = {
        "requests_per_second": Kind::Number, Optional,
            "Most requests a second; one at a time." / "每秒最多请求数；一次一个。", "requests_per_second = 2";
        "timeout": Duration(TIMEOUT.0, TIMEOUT.1), Optional,
            "Deadline of a request." / "请求的时限。", "timeout = \"800ms\"";
        "retries": Integer(0, 10), Default("0"),
            "How often a failed request is repeated at once; has an effect on serial lines only." / "失败后立即重试的次数；目前只在串行线路上起作用。", "retries = 0";
    }
}

pub(crate) static LINK: Section = Section {
    name: "link",
    heading: "[[link]]",
    doc: ["A socket or bus that several devices are reached over.", "多个设备共用的连接或总线。"],
    keys: &[LINK_KEYS, QUIRKS],
    scoped: true,
    open: false,
};

pub(crate) static BUDGET: Section = Section {
    name: "budget",
    heading: "budget = { … }",
    doc: [
        "What a careful owner of the device allows, on a link of the device's own.",
        "设备所有者允许的访问量；设备须独占链路。",
    ],
    keys: &[BUDGET_KEYS],
    scoped: true,
    open: false,
};
