//! The codes of what a running gateway has to say, explained. `forehearth explain` looks here, too.

use forehearth_config::Lang;

/// A code with its explanation in English and Chinese.
type Entry = (&'static str, [&'static str; 2]);

/// Every code `/healthz` can show. They begin at 9000 to be apart from those of the map.
const CODES: [Entry; 7] = [
    (
        "FH9001",
        [
            "The books don't balance: readings are missing or counted twice inside the gateway. This is a defect of the \
             program and never of the plant. Keep the state directory and the log, and report it.",
            "账目不平：读数在网关内部缺失或被重复计数。这是程序缺陷，与现场无关。请保留状态目录和日志并报告。",
        ],
    ),
    (
        "FH9002",
        [
            "The disk takes nothing: it is full, worn, gone or read-only. Readings are kept in memory; when that is \
             full, the oldest are lost and declared. Free space or change the disk: the gateway finds out by itself \
             within 5 s.",
            "磁盘无法写入：已满、损坏、被移除或只读。读数保存在内存中；内存满后最早的读数会丢失并被声明。\
             请释放空间或更换磁盘，网关会在 5 秒内自行恢复。",
        ],
    ),
    (
        "FH9003",
        [
            "The files were changed and not taken up: they have mistakes, or ask for what needs a restart. What ran \
             before runs on. `forehearth reload` or `forehearth check` shows every mistake.",
            "文件已更改但未加载：其中有错误，或其更改需要重启。原来的配置继续运行。\
             `forehearth reload` 或 `forehearth check` 会显示所有错误。",
        ],
    ),
    (
        "FH9004",
        [
            "The last reload was asked for with --confirm and waits for its confirmation. When all is well, say \
             `forehearth reload --confirmed`; otherwise the configuration before comes back by itself.",
            "上次重新加载带有 --confirm，正在等待确认。一切正常时请执行 `forehearth reload --confirmed`；\
             否则会自动恢复之前的配置。",
        ],
    ),
    (
        "FH9005",
        [
            "Nobody confirmed the last reload, so the configuration before runs again. The files on disk are still the \
             new ones: mend them, or a restart takes them up as they are.",
            "上次重新加载无人确认，已恢复之前的配置。磁盘上的文件仍是新的：请修正，否则重启会按现状加载。",
        ],
    ),
    (
        "FH9006",
        [
            "These sections can't change while the gateway runs; everything else of the files was taken up. They take \
             effect at the next start.",
            "这些部分无法在运行中更改；文件的其余内容已加载。它们将在下次启动时生效。",
        ],
    ),
    (
        "FH9007",
        [
            "A certificate of the connection to this broker ends within a month, or has ended: the broker's own, or the \
             gateway's (`cert`). Replace the file: it is read at each connection, no restart is needed. After the end \
             nothing is delivered over this broker; readings wait in the buffer.",
            "与该代理连接所用的证书将在一个月内到期或已到期：代理自己的证书，或网关的证书（`cert`）。请更换文件：\
             每次连接时都会重新读取，无需重启。到期后该代理无法送达，读数保存在缓冲区中。",
        ],
    ),
];

/// What a code means and what to do.
pub fn explain(code: &str, lang: Lang) -> Option<String> {
    let code = code.to_uppercase();
    let (code, texts) = CODES.iter().find(|(known, _)| *known == code)?;
    let text = match lang {
        Lang::En => texts[0],
        Lang::Zh => texts[1],
    };
    Some(format!("{code}\n\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::{CODES, explain};
    use forehearth_config::Lang;

    #[test]
    fn every_code_is_explained_in_both_languages_and_is_no_code_of_the_map() {
        for (code, _) in CODES {
            let (en, zh) = (explain(code, Lang::En).unwrap(), explain(code, Lang::Zh).unwrap());
            assert!(en.len() > 60 && zh.len() > 60 && en != zh, "{code}");
            assert_eq!(forehearth_config::explain(code, Lang::En), None, "{code}");
        }
        assert_eq!(explain("FH1107", Lang::En), None);
    }

    #[test]
    fn every_code_that_is_shown_is_explained() {
        let shown = include_str!("../rooms.rs");
        let codes = shown.match_indices("\"FH9").map(|(at, _)| &shown[at + 1..at + 7]);
        for code in codes {
            assert!(explain(code, Lang::En).is_some(), "{code} is shown and not explained");
        }
    }
}
