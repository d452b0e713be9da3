//! The reference pages: every key of the map, and every code of a finding, in both languages.

use std::fmt::Write as _;

use crate::finding::Severity;
use crate::keys::{Key, Kind, MapFile, Need, Section, sections};
use crate::quantity::show_size;
use crate::schema::range;
use crate::texts::{self, Phrase, without_blanks};

/// `docs/map-reference.md`: every table and key of a map.
#[must_use]
pub fn map_reference() -> String {
    let mut page = String::from(MAP_HEAD);
    let mut seen: Vec<&Section> = Vec::new();
    for file in MapFile::ALL {
        for section in sections(file) {
            if !seen.iter().any(|known| std::ptr::eq(*known, section)) {
                seen.push(section);
            }
        }
    }
    for section in seen {
        write_section(&mut page, section);
    }
    page
}

const MAP_HEAD: &str = "\
# The map, key by key / 配置参考

Generated from `config/src/keys`; a test keeps it equal. After a change run
`BLESS=1 cargo test -p forehearth-config --test pages`.

`forehearth schema gateway|profile|devices` prints the same as a JSON Schema for
editors; a file names its schema in its first line: `#:schema ../devices.json`.
";

fn write_section(page: &mut String, section: &Section) {
    let [en, zh] = section.doc;
    let _ = write!(page, "\n## `{}`\n\n{en}  \n{zh}\n\n", section.heading);
    page.push_str(
        "| key / 键 | value / 值 | without it / 缺省 | meaning / 含义 | example / 示例 |\n",
    );
    page.push_str("|---|---|---|---|---|\n");
    for key in section.all() {
        let [en, zh] = key.doc;
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {}<br>{} | `{}` |",
            key.name,
            cell(&kind(key)),
            need(key.need),
            cell(en),
            cell(zh),
            cell(key.example),
        );
    }
}

/// A text that may stand in a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn need(need: Need) -> String {
    match need {
        Need::Required => "required / 必填".to_owned(),
        Need::Optional => "–".to_owned(),
        Need::Default(default) => format!("`{default}`"),
        Need::Refused => "not in this version / 本版本不支持".to_owned(),
    }
}

fn kind(key: &Key) -> String {
    let phrase = |[en, zh]: Phrase| format!("{en} / {zh}");
    match key.kind {
        Kind::Text => phrase(["text", "文本"]),
        Kind::Bilingual => "text, { en, zh } / 文本".to_owned(),
        Kind::Integer(low, high) if low == high => format!("`{low}`"),
        Kind::Integer(low, high) => format!("{low} … {high}"),
        Kind::Number => phrase(["number", "数字"]),
        Kind::Boolean => "`true`, `false`".to_owned(),
        Kind::Duration(low, high) => range(low, high),
        Kind::Size(low, high) => format!("{} … {}", show_size(low), show_size(high)),
        Kind::ByteRate => phrase(["bytes per second", "每秒字节数"]),
        Kind::Amount => phrase(["number or percent", "数字或百分比"]),
        Kind::Word(words) => words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" "),
        Kind::Rate => phrase(["duration or name", "时长或名称"]),
        Kind::Pair => phrase(["two numbers", "两个数字"]),
        Kind::TextOrTexts => phrase(["text or list of texts", "文本或文本列表"]),
        Kind::Texts => phrase(["list of texts", "文本列表"]),
        Kind::Words(words) => {
            let words = words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" ");
            format!("list of / 列表：{words}")
        }
        Kind::Items => phrase(["list", "列表"]),
        Kind::Scalar => phrase(["by its type", "取决于类型"]),
        Kind::Table(section) | Kind::Tables(section) | Kind::Named(section) => {
            format!("`{}`", section.heading)
        }
        Kind::NamedRates => phrase(["names with durations", "名称与时长"]),
        Kind::NumberedTexts => phrase(["numbers with texts", "数字与文本"]),
        Kind::NamedTexts => phrase(["names with texts", "名称与文本"]),
        Kind::NamedScalars => phrase(["names with values", "名称与值"]),
        Kind::WordOrPlugin(words) => {
            words.iter().map(|w| format!("`{w}` ")).collect::<String>() + "`plugin:NAME`"
        }
        Kind::Variables => phrase(["names with ranges, lists or sheets", "名称与范围、列表或表格"]),
        Kind::Registers => phrase(["addresses with words", "地址与字"]),
        Kind::Expected => phrase(["tags with values", "点位与值"]),
    }
}

/// `docs/findings.md`: every code of a finding.
#[must_use]
pub fn findings_reference() -> String {
    let mut page = String::from(FINDINGS_HEAD);
    for text in texts::all() {
        let severity = match text.severity {
            Severity::Error => "error / 错误",
            Severity::Warning => "warning / 警告",
        };
        let _ = write!(page, "\n## {}\n\n{severity}\n", text.name());
        for lang in 0..2 {
            let _ = write!(page, "\n**{}**  \n", without_blanks(text.title[lang]));
            let _ = writeln!(page, "{}", text.explain[lang]);
            if !text.help[lang].is_empty() {
                let word = ["Help", "建议"][lang];
                let _ = writeln!(page, "{word}: {}", without_blanks(text.help[lang]));
            }
        }
    }
    page
}

const FINDINGS_HEAD: &str = "\
# What `check` finds / 检查结果代码

Generated from `config/src/texts`; a test keeps it equal. `forehearth explain FH1107`
prints the same, offline. An error keeps the gateway from starting, a warning does not.
Codes are stable: a code is never given another meaning, only retired.
";
