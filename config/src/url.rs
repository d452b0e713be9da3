//! `scheme://host:port…` as brokers and links write it.

use crate::finding::{Finding, Log};
use crate::nearest::nearest;
use crate::reader::Text;
use crate::texts::{self, phrase};

/// A URL taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: &'a str,
    /// Host name or address; IPv6 without its brackets.
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
    /// Path and query, empty or starting with `/` or `?`.
    pub(crate) rest: &'a str,
}

/// Takes a URL apart; what is wrong with it is in the log.
pub(crate) fn parse<'t>(log: &Log, text: &'t Text<'_>, schemes: &[&str]) -> Option<Url<'t>> {
    let url = &*text.value;
    if url.contains('@') {
        log.report(Finding::new(&texts::SECRET_IN_URL, text.place));
        return None;
    }
    let known = || schemes.iter().map(|s| format!("{s}://")).collect::<Vec<_>>().join(" ");
    let Some((scheme, rest)) = url.split_once("://") else {
        let finding = Finding::new(&texts::URL_WITHOUT_SCHEME, text.place);
        log.report(finding.with("value", url).with("known", known()));
        return None;
    };
    if !schemes.contains(&scheme) {
        let finding = Finding::new(&texts::UNKNOWN_SCHEME, text.place)
            .with("scheme", format!("{scheme}://"))
            .with("known", known());
        log.report(match nearest(scheme, schemes) {
            Some(near) => finding.with("near", format!("{near}://")).help(phrase::DID_YOU_MEAN),
            None => finding,
        });
        return None;
    }
    let authority_len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_len);
    let Some((host, port)) = host_and_port(authority) else {
        let finding = Finding::new(&texts::WRONG_HOST, text.place);
        log.report(finding.with("value", authority));
        return None;
    };
    Some(Url { scheme, host, port, rest })
}

fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, port) = v6.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(legal) || authority.ends_with(':') {
        return None;
    }
    // All digits and dots must be an address: 10.0.0.256 is a typing mistake.
    let digits = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if digits && host.parse::<std::net::Ipv4Addr>().is_err() {
        return None;
    }
    match port {
        "" => Some((host, None)),
        port => Some((host, Some(port.parse().ok().filter(|port| *port != 0)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn hosts_and_ports_are_taken_apart() {
        assert_eq!(host_and_port("10.0.0.5:502"), Some(("10.0.0.5", Some(502))));
        assert_eq!(host_and_port("plc-7.plant"), Some(("plc-7.plant", None)));
        assert_eq!(host_and_port("[::1]:1883"), Some(("::1", Some(1883))));
        assert_eq!(host_and_port("[::1]"), Some(("::1", None)));
        for wrong in [
            "",
            ":502",
            "10.0.0.256",
            "10.0.0:502",
            "a:0",
            "a:70000",
            "a:b",
            "a b",
            "[::1",
            "[x]:1",
            "a:",
        ] {
            assert_eq!(host_and_port(wrong), None, "{wrong}");
        }
    }
}
