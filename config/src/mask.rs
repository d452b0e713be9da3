//! Secrets in lines that are shown: a finding must not carry a password into a log.

use std::borrow::Cow;

/// `text` with passwords masked, byte for byte, so that places stay right:
/// what stands behind `password =` in quotes, and user and password of a URL.
pub(crate) fn mask(text: &str) -> Cow<'_, str> {
    let stretches: Vec<(usize, usize)> = literals(text).chain(user_infos(text)).collect();
    if stretches.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = text.to_owned();
    for (start, end) in stretches {
        masked.replace_range(start..end, &"*".repeat(end - start));
    }
    Cow::Owned(masked)
}

/// The inside of quotes behind `password =`.
fn literals(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    text.match_indices("password").filter_map(|(at, word)| {
        let behind = at + word.len();
        let rest = text[behind..].trim_start_matches(['"', '\'']);
        let rest = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let inside = rest.trim_start_matches(quote);
        let start = text.len() - inside.len();
        let len = inside.find([quote, '\n']).unwrap_or(inside.len());
        (len > 0).then_some((start, start + len))
    })
}

/// What stands between `://` and `@`.
fn user_infos(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    text.match_indices("://").filter_map(|(at, mark)| {
        let start = at + mark.len();
        let rest = &text[start..];
        let end = rest.find(['"', '\'', '\n']).unwrap_or(rest.len());
        let len = rest[..end].rfind('@')?;
        (len > 0).then_some((start, start + len))
    })
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn passwords_never_reach_a_log() {
        for (line, shown) in [
            ("password = \"s3cret\"", "password = \"******\""),
            ("\"password\" = 's3cret' # x", "\"password\" = '******' # x"),
            ("url = \"mqtt://gw:p@ss@host:1\"", "url = \"mqtt://*******@host:1\""),
            ("password = \"s3cr", "password = \"****"),
            ("password = { file = \"a\" }", "password = { file = \"a\" }"),
            ("url = \"tcp://10.0.0.5:502\"", "url = \"tcp://10.0.0.5:502\""),
        ] {
            assert_eq!(mask(line), shown);
            assert_eq!(mask(line).len(), line.len());
        }
        assert_eq!(mask("password = \"密码\"").len(), "password = \"密码\"".len());
    }
}
