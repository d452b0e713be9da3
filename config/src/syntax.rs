//! What the TOML parser says about a mistake, in the words of the map and in both languages.

use crate::finding::Word;

/// The parser's descriptions that a person at a panel meets, what they mean
/// here in English, and in Chinese. What is not listed stays as it is.
const MEANINGS: [(&str, &str, &str); 40] = [
    ("string values must be quoted", "a text without quotes", "文本缺少引号"),
    ("invalid basic string", "the closing quote is missing", "缺少右引号"),
    ("invalid literal string", "the closing quote is missing", "缺少右引号"),
    ("invalid multi-line", "the closing quotes are missing", "缺少右引号"),
    ("invalid float", "this is no number", "这不是数字"),
    ("invalid integer", "this is no number", "这不是数字"),
    ("invalid hexadecimal", "this is no number", "这不是数字"),
    ("invalid boolean", "only true or false, in small letters", "只能写小写的 true 或 false"),
    ("invalid date", "this is no date", "这不是日期"),
    ("redundant", "a number with a sign or prefix too many", "数字多了符号或前缀"),
    ("`_` may only", "`_` stands only between digits", "`_` 只能位于数字之间"),
    ("key with no value", "a key without `=` and a value", "键后缺少 `=` 和值"),
    ("missing value for key", "no value behind the `=`", "`=` 后面没有值"),
    ("missing value", "no value behind the `=`", "`=` 后面没有值"),
    ("invalid value", "this is no value", "这不是有效的值"),
    ("invalid key-value pair", "this is no `key = value`", "这不是 `键 = 值`"),
    ("missing assignment between key-value pairs", "`=` is missing", "缺少 `=`"),
    ("extra assignment between key-value pairs", "one `=` too many", "多了一个 `=`"),
    ("extra `=`", "one `=` too many", "多了一个 `=`"),
    ("unexpected `=` in array", "a list holds no keys", "列表中不能有键"),
    ("missing comma between key-value pairs", "a comma is missing", "缺少逗号"),
    ("missing comma between array elements", "a comma is missing", "缺少逗号"),
    ("extra comma in array", "one comma too many", "多了一个逗号"),
    ("extra comma in inline table", "one comma too many", "多了一个逗号"),
    ("invalid inline table element", "this is no `key = value`", "这不是 `键 = 值`"),
    ("invalid inline table", "this is no `{ key = value }`", "这不是 `{ 键 = 值 }`"),
    ("missing key for inline table element", "a value without its key", "值缺少键"),
    ("unclosed inline table", "`{` is never closed", "`{` 没有闭合"),
    ("unclosed array table", "`[[` is never closed", "`[[` 没有闭合"),
    ("unclosed array", "`[` is never closed", "`[` 没有闭合"),
    ("unclosed table", "`[` is never closed", "`[` 没有闭合"),
    (
        "invalid unquoted key",
        "a sign that a key may hold only in quotes",
        "该字符只能出现在加引号的键中",
    ),
    ("unquoted keys cannot be empty", "a key is missing", "缺少键"),
    (
        "unexpected leading zero",
        "a number with zeros in front; an address is a text in quotes",
        "数字前有多余的 0；地址是带引号的文本",
    ),
    ("unexpected key or value", "this belongs on a line of its own", "此处应另起一行"),
    ("unexpected content", "this belongs on a line of its own", "此处应另起一行"),
    (
        "missing escaped value",
        "a `\\` that starts no escape; write `\\\\`, or 'single quotes'",
        "`\\` 后不是转义字符；请写 `\\\\`，或用 '单引号'",
    ),
    ("recursion limit", "too many brackets within one another", "括号嵌套过深"),
    ("cannot recurse further", "too many brackets within one another", "括号嵌套过深"),
    ("cannot extend value", "this name is taken by a value above", "该名称已被上面的值占用"),
];

/// The parser's message in both languages.
pub(crate) fn meaning(message: &str) -> Word {
    let told = MEANINGS.iter().find(|(start, ..)| message.starts_with(start));
    match told {
        Some((_, en, zh)) => Word::Both((*en).to_owned(), (*zh).to_owned()),
        None => Word::Plain(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::meaning;
    use crate::finding::Lang;
    use crate::source::FileId;
    use crate::tree::parse;

    /// The messages are the parser's own: a newer one may word them anew.
    #[test]
    fn common_mistakes_of_toml_are_said_in_chinese() {
        let mut silent = Vec::new();
        for text in [
            "a = \"x",
            "a = 'x",
            "a = x",
            "a",
            "a =",
            "a = = 1",
            "a = 1 b = 2",
            "a = { b = 1 c = 2 }",
            "a = { b = 1",
            "a = { b = 1,, c = 2 }",
            "a = { 1 }",
            "a = [1 2]",
            "a = [1, 2",
            "[a",
            "[[a]",
            "[]",
            "a b = 1",
            "槽 = 1",
            "a = 00001",
            "a = \"C:\\d\"",
            "a = 1\na.b = 2",
            "= 1",
            "a = 1.2.3",
            "a = ,",
            "a = 5s",
        ] {
            let (_, errors) = parse(FileId(0), text);
            let message = &errors.first().unwrap_or_else(|| panic!("{text} is right")).message;
            if meaning(message).in_lang(Lang::Zh).is_ascii() {
                silent.push(format!("{text}: {message}"));
            }
        }
        assert_eq!(silent, Vec::<String>::new());
    }
}
