//! What a look says, in English and Chinese: what a device answered and what to check.

use forehearth_driver_modbus::probe::{Failure, ProbeError, Why};
use forehearth_modbus::{Address, Exception, ResponseError};

use crate::cli::Lang;

/// What the device said instead of a value: function, unit, address in both
/// notations, and the exception in words.
pub fn failure(lang: Lang, failure: &Failure) -> String {
    match lang {
        Lang::En => failure.to_string(),
        Lang::Zh => {
            let request = &failure.request;
            let at = Address { table: request.table(), offset: request.start(), bit: None };
            let what = if request.table().is_bits() { "位" } else { "寄存器" };
            let function = request.encode()[0];
            let (unit, count) = (failure.unit, request.count());
            let why = match &failure.why {
                Why::Refused(ResponseError::Exception(code)) => {
                    format!("异常码 {}（{}）", code.code(), exception_zh(*code))
                }
                Why::Refused(error) => format!("应答错误：{error}"),
                Why::Silence => "无应答".to_owned(),
                Why::Damaged => "收到字节，但没有完整的帧".to_owned(),
            };
            format!("单元 {unit}，功能码 {function}，从 {at} 起 {count} 个{what}：{why}")
        }
    }
}

/// What to check, for a person at the panel.
pub fn hint(lang: Lang, failure: &Failure) -> &'static str {
    if lang == Lang::En {
        return failure.hint();
    }
    match &failure.why {
        Why::Refused(ResponseError::Exception(code)) => match code {
            Exception::IllegalFunction => "设备有这个区（hr、ir、di、co）吗？",
            Exception::IllegalDataAddress => {
                "地址存在吗？计数方式与设备手册一致吗？是否跨过了空洞？"
            }
            Exception::IllegalDataValue => "设备一次允许读的寄存器更少吗（max_words）？",
            Exception::ServerDeviceFailure | Exception::MemoryParityError => "请检查设备本身",
            Exception::Acknowledge | Exception::ServerDeviceBusy => "是否轮询太快，或主站太多？",
            Exception::NegativeAcknowledge => "设备是否不支持该功能码或数量？",
            Exception::GatewayPathUnavailable => "网关里配置了这个单元号吗？",
            Exception::GatewayTargetFailedToRespond => "该单元通电、接线了吗？单元号和波特率对吗？",
            Exception::Other(_) => "请在设备手册中查这个代码",
        },
        Why::Refused(_) => "设备的 Modbus 实现正确吗？",
        Why::Silence => "设备通电、接线了吗？单元号对吗？是否还有别的主站？",
        Why::Damaged => "波特率和格式对吗？A、B 是否接反？有终端电阻吗？线上是否还有别人？",
    }
}

fn exception_zh(exception: Exception) -> &'static str {
    match exception {
        Exception::IllegalFunction => "非法功能码",
        Exception::IllegalDataAddress => "非法数据地址",
        Exception::IllegalDataValue => "非法数据值",
        Exception::ServerDeviceFailure => "设备故障",
        Exception::Acknowledge => "已受理，需要较长时间",
        Exception::ServerDeviceBusy => "设备忙",
        Exception::NegativeAcknowledge => "否定应答",
        Exception::MemoryParityError => "存储奇偶校验错误",
        Exception::GatewayPathUnavailable => "网关无路径",
        Exception::GatewayTargetFailedToRespond => "网关目标设备无应答",
        Exception::Other(_) => "标准未定义的代码",
    }
}

/// What ended a look.
pub fn lost(lang: Lang, error: &ProbeError) -> String {
    match lang {
        Lang::En => error.to_string(),
        Lang::Zh => format!("链路出错：{error}"),
    }
}

/// The link carries something else.
pub const fn only_modbus(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "only Modbus links can be looked at: tcp, rtu+tcp, ascii+tcp, serial",
        Lang::Zh => "只能查看 Modbus 链路：tcp、rtu+tcp、ascii+tcp、serial",
    }
}

/// Another program has the port.
pub fn in_use(lang: Lang, user: &str) -> String {
    match lang {
        Lang::En => format!(
            "the port is open in {user}: two masters on one line damage each other's frames; stop it first"
        ),
        Lang::Zh => format!("串口正被 {user} 使用：一条线上有两个主站会互相破坏报文；请先停止它"),
    }
}

/// A search is refused on a safety system's link.
pub fn safety_link(lang: Lang, link: &str, devices: &str) -> String {
    match lang {
        Lang::En => format!(
            "the map reads this as link `{link}` with read-only devices ({devices}); a search would ask \
             them for addresses nobody agreed on, so it is refused. `forehearth probe` reads single values \
             and keeps the map's budget."
        ),
        Lang::Zh => format!(
            "配置中该链路为 `{link}`，其上有只读设备（{devices}）；扫描会读取未经约定的地址，因此拒绝。\
             可用 `forehearth probe` 读取单个值，并遵守配置的 budget。"
        ),
    }
}

/// The map can't tell whether this is a safety system's link.
pub const fn unreadable_map(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "the map has mistakes, so nobody knows whether a read-only device is on this link; run \
             `forehearth check` first, or name another map with --config"
        }
        Lang::Zh => {
            "配置有错误，无法判断该链路上是否有只读设备；请先运行 `forehearth check`，或用 --config 指定别的配置"
        }
    }
}

/// What `check:` is called.
pub const fn check(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "check",
        Lang::Zh => "请检查",
    }
}

/// Ctrl-C came before the end.
pub const fn stopped(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "stopped before the end; what is above is not all",
        Lang::Zh => "提前停止；以上并非全部",
    }
}

#[cfg(test)]
mod tests {
    use super::{failure, hint};
    use crate::cli::Lang;
    use forehearth_driver_modbus::probe::{Failure, Why};
    use forehearth_modbus::{Exception, ReadRequest, ResponseError, Table};

    #[test]
    fn a_failure_names_function_unit_both_addresses_and_the_exception_in_both_languages() {
        let request = ReadRequest::new(Table::HoldingRegisters, 100, 2).unwrap();
        let why = Why::Refused(ResponseError::Exception(Exception::IllegalDataAddress));
        let one = Failure { unit: 5, request, why };
        let english = "unit 5, function 3, 2 registers from 40101 (hr:100): \
                       exception 2 (illegal data address)";
        assert_eq!(failure(Lang::En, &one), english);
        let chinese = "单元 5，功能码 3，从 40101 (hr:100) 起 2 个寄存器：异常码 2（非法数据地址）";
        assert_eq!(failure(Lang::Zh, &one), chinese);
        assert!(hint(Lang::Zh, &one).contains("地址"));
    }
}
