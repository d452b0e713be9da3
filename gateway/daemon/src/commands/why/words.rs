//! The words for causes, in English and Chinese: what is so, and what to do about it.

use forehearth_config::Lang;

use super::cause::Cause;

/// One cause in words.
pub fn words(cause: &Cause, lang: Lang) -> String {
    match lang {
        Lang::En => english(cause),
        Lang::Zh => chinese(cause),
    }
}

fn english(cause: &Cause) -> String {
    match cause {
        Cause::NotRunning => "no gateway runs here; this is from what it left on disk".to_owned(),
        Cause::BeforeStart { started } => format!(
            "the gateway that runs started at {started}, after that; what it knows begins there"
        ),
        Cause::Lost { gap, why, broker, readings, from, to } => format!(
            "lost: {} ({}, gap record {gap}), readings from {from} to {to}{}",
            gap_english(why),
            if *readings == 0 {
                "how many is not known".to_owned()
            } else {
                format!("{readings} readings")
            },
            for_whom(broker, " for the broker ", " for all brokers"),
        ),
        Cause::LinkDown { link, seconds, error } => format!(
            "the link {link} has been down for {seconds} s, so its tags are Bad until it is back{}",
            because(error)
        ),
        Cause::NoAnswer { link, unit, error } => format!(
            "the link {link} is up, but unit {unit} does not answer: power, wiring or unit id{}",
            because(error)
        ),
        Cause::Refused { link, unit, quality } => format!(
            "unit {unit} on {link} refuses it ({quality}): address, type or function are not what \
             the device has; `forehearth check --show` prints how it is read"
        ),
        Cause::Faulty { quality } => format!(
            "the device or its sensor is faulty ({quality}): the value it gives is no measurement"
        ),
        Cause::NotReadYet { period_ms: Some(period) } => format!(
            "it was not read yet since the start or the last reload; it is read every {period} ms"
        ),
        Cause::NotReadYet { period_ms: None } => {
            "it is computed, and what it is computed of was not read yet".to_owned()
        }
        Cause::Quality { quality } => format!("its quality is {quality}"),
        Cause::OutOfRange { value, valid } => {
            format!("the value {value} is outside of valid = {valid}: told, and marked Uncertain")
        }
        Cause::Late { seconds, period_ms } => format!(
            "it was not read for {seconds} s, though every {period_ms} ms is asked for: the link \
             can't keep up (see overruns in `forehearth device stat`)"
        ),
        Cause::NoNews { value, sampled, deadband, max_gap_seconds } => format!(
            "nothing is missing: it is {value}, read at {sampled}, and told when it moves by more \
             than {deadband} or after {max_gap_seconds} s"
        ),
        Cause::Told { value, sampled } => {
            format!(
                "nothing is missing: it is {value}, read at {sampled}, and every sample is told"
            )
        }
        Cause::BrokerAway { broker, state, waiting, error } => format!(
            "the broker {broker} is {state}: {waiting} readings wait for it{}",
            because(error)
        ),
        Cause::Storage { error } => {
            format!("the disk takes nothing, readings are kept in memory only: {error}")
        }
        Cause::Stored { at, value, quality } => format!(
            "it is stored: {value} ({quality}) of {at}; `forehearth buffer export` prints it"
        ),
        Cause::Unknown => {
            "nothing here tells: no loss is declared for that time. It was delivered \
                           (ask the consumer), or it was no news, or the device was not reachable \
                           (the log of that time says so)"
                .to_owned()
        }
    }
}

fn chinese(cause: &Cause) -> String {
    match cause {
        Cause::NotRunning => "此处没有网关在运行；以下内容来自它留在磁盘上的数据".to_owned(),
        Cause::BeforeStart { started } => {
            format!("当前网关于 {started} 启动，晚于该时刻；它所知道的从那时开始")
        }
        Cause::Lost { gap, why, broker, readings, from, to } => format!(
            "已丢失：{}（{}，缺口记录 {gap}），读数时间 {from} 至 {to}{}",
            gap_chinese(why),
            if *readings == 0 {
                "数量未知".to_owned()
            } else {
                format!("{readings} 个读数")
            },
            for_whom(broker, "，目的地：", "，所有目的地"),
        ),
        Cause::LinkDown { link, seconds, error } => format!(
            "链路 {link} 已中断 {seconds} 秒，恢复前其点位均为坏值{}",
            because_chinese(error)
        ),
        Cause::NoAnswer { link, unit, error } => format!(
            "链路 {link} 正常，但单元 {unit} 无应答：请检查电源、接线或单元号{}",
            because_chinese(error)
        ),
        Cause::Refused { link, unit, quality } => format!(
            "链路 {link} 上的单元 {unit} 拒绝读取（{quality}）：地址、类型或功能码与设备不符；\
             `forehearth check --show` 显示读取方式"
        ),
        Cause::Faulty { quality } => {
            format!("设备或传感器有故障（{quality}）：它给出的不是测量值")
        }
        Cause::NotReadYet { period_ms: Some(period) } => {
            format!("自启动或上次重新加载以来尚未读取；读取周期为 {period} 毫秒")
        }
        Cause::NotReadYet { period_ms: None } => "它是计算得出的，其来源点位尚未读取".to_owned(),
        Cause::Quality { quality } => format!("其质量为 {quality}"),
        Cause::OutOfRange { value, valid } => {
            format!("数值 {value} 超出 valid = {valid}：照常上送，标记为不确定")
        }
        Cause::Late { seconds, period_ms } => format!(
            "已有 {seconds} 秒未读取，而要求的周期为 {period_ms} 毫秒：链路来不及\
             （见 `forehearth device stat` 中的超时隙数）"
        ),
        Cause::NoNews { value, sampled, deadband, max_gap_seconds } => format!(
            "没有缺失：当前值 {value}，读取于 {sampled}；变化超过 {deadband} 或满 {max_gap_seconds} 秒时上送"
        ),
        Cause::Told { value, sampled } => {
            format!("没有缺失：当前值 {value}，读取于 {sampled}；每个样本都上送")
        }
        Cause::BrokerAway { broker, state, waiting, error } => format!(
            "代理 {broker} 状态为 {state}：有 {waiting} 个读数在等待{}",
            because_chinese(error)
        ),
        Cause::Storage { error } => format!("磁盘无法写入，读数只保存在内存中：{error}"),
        Cause::Stored { at, value, quality } => {
            format!("已存储：{at} 的值为 {value}（{quality}）；`forehearth buffer export` 可导出")
        }
        Cause::Unknown => "此处没有线索：该时刻没有声明的丢失。读数可能已送达（请查消费端），\
                           或没有变化而未上送，或当时设备不可达（见当时的日志）"
            .to_owned(),
    }
}

fn gap_english(why: &str) -> &'static str {
    match why {
        "shed" => "the buffer was full and the oldest made room",
        "expired" => "it waited longer than max_age",
        "damaged" => "what was stored is damaged",
        "crash" => {
            "the gateway ended without a stop, and what was younger than commit_within was not on disk yet"
        }
        "refused" => "the broker would not have it",
        "no-storage" => "the disk took nothing and memory was full",
        _ => "declared as lost",
    }
}

fn gap_chinese(why: &str) -> &'static str {
    match why {
        "shed" => "缓冲区已满，最早的数据被清除",
        "expired" => "等待时间超过 max_age",
        "damaged" => "存储的数据已损坏",
        "crash" => "网关未正常停止，commit_within 以内的数据尚未落盘",
        "refused" => "代理拒绝接收",
        "no-storage" => "磁盘无法写入且内存已满",
        _ => "已声明丢失",
    }
}

fn for_whom(broker: &str, one: &str, all: &str) -> String {
    if broker.is_empty() { all.to_owned() } else { format!("{one}{broker}") }
}

fn because(error: &str) -> String {
    if error.is_empty() { String::new() } else { format!(" ({error})") }
}

fn because_chinese(error: &str) -> String {
    if error.is_empty() { String::new() } else { format!("（{error}）") }
}

#[cfg(test)]
mod tests {
    use super::{Cause, words};
    use forehearth_config::Lang;
    use forehearth_model::GapCause;

    #[test]
    fn every_loss_that_can_be_declared_has_words_in_both_languages() {
        for code in 1..=255 {
            let Some(cause) = GapCause::from_code(code) else { continue };
            assert_ne!(super::gap_english(cause.name()), super::gap_english("?"), "{cause:?}");
            assert_ne!(super::gap_chinese(cause.name()), super::gap_chinese("?"), "{cause:?}");
        }
    }

    #[test]
    fn the_words_name_the_link_and_what_the_system_said() {
        let cause = Cause::LinkDown {
            link: "pump".to_owned(),
            seconds: 12,
            error: "connection refused".to_owned(),
        };
        for (lang, word) in [(Lang::En, "down"), (Lang::Zh, "中断")] {
            let text = words(&cause, lang);
            assert!(text.contains("pump") && text.contains("12") && text.contains(word), "{text}");
            assert!(text.contains("connection refused"), "{text}");
        }
    }
}
