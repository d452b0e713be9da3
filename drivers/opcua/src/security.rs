//! Which of a server's endpoints is taken: exactly the one the map asks for.
//!
//! A stronger or weaker one is never taken silently: what protects a plant is
//! what somebody wrote down. Policies that OPC 10000-7 calls deprecated
//! (Basic128Rsa15, Basic256) are not offered.

use std::fmt;
use std::str::FromStr;

use opcua::crypto::SecurityPolicy;
use opcua::types::{EndpointDescription, MessageSecurityMode, UserTokenType};

use crate::settings::User;

/// How messages are protected, as the map writes it: `None` or `Policy/Mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// Not at all.
    None,
    /// By keys of both sides.
    Secured(Policy, Mode),
}

/// Which algorithms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// RSA-OAEP, SHA-256, AES-256-CBC.
    Basic256Sha256,
    /// RSA-OAEP, SHA-256, AES-128-CBC.
    Aes128Sha256RsaOaep,
    /// RSA-PSS, SHA-256, AES-256-CBC.
    Aes256Sha256RsaPss,
}

/// What is done with each message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Signed, readable by everyone.
    Sign,
    /// Signed and encrypted.
    SignAndEncrypt,
}

/// Not a security of the map.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{0}` is no security: write None, or one of Basic256Sha256, Aes128_Sha256_RsaOaep, \
     Aes256_Sha256_RsaPss followed by /Sign or /SignAndEncrypt"
)]
pub struct SecurityError(pub String);

impl FromStr for Security {
    type Err = SecurityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || SecurityError(text.to_owned());
        if text == "None" {
            return Ok(Self::None);
        }
        let (policy, mode) = text.split_once('/').ok_or_else(refused)?;
        let policy = match policy {
            "Basic256Sha256" => Policy::Basic256Sha256,
            "Aes128_Sha256_RsaOaep" => Policy::Aes128Sha256RsaOaep,
            "Aes256_Sha256_RsaPss" => Policy::Aes256Sha256RsaPss,
            _ => return Err(refused()),
        };
        let mode = match mode {
            "Sign" => Mode::Sign,
            "SignAndEncrypt" => Mode::SignAndEncrypt,
            _ => return Err(refused()),
        };
        Ok(Self::Secured(policy, mode))
    }
}

impl Security {
    pub(crate) fn policy(self) -> SecurityPolicy {
        match self {
            Self::None => SecurityPolicy::None,
            Self::Secured(Policy::Basic256Sha256, _) => SecurityPolicy::Basic256Sha256,
            Self::Secured(Policy::Aes128Sha256RsaOaep, _) => SecurityPolicy::Aes128Sha256RsaOaep,
            Self::Secured(Policy::Aes256Sha256RsaPss, _) => SecurityPolicy::Aes256Sha256RsaPss,
        }
    }

    pub(crate) fn mode(self) -> MessageSecurityMode {
        match self {
            Self::None => MessageSecurityMode::None,
            Self::Secured(_, Mode::Sign) => MessageSecurityMode::Sign,
            Self::Secured(_, Mode::SignAndEncrypt) => MessageSecurityMode::SignAndEncrypt,
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Secured(..) => write!(f, "{}", name(self.policy(), self.mode())),
        }
    }
}

fn name(policy: SecurityPolicy, mode: MessageSecurityMode) -> String {
    let policy = match policy {
        SecurityPolicy::Aes128Sha256RsaOaep => "Aes128_Sha256_RsaOaep",
        SecurityPolicy::Aes256Sha256RsaPss => "Aes256_Sha256_RsaPss",
        other => other.to_str(),
    };
    match mode {
        MessageSecurityMode::Sign => format!("{policy}/Sign"),
        MessageSecurityMode::SignAndEncrypt => format!("{policy}/SignAndEncrypt"),
        _ => policy.to_owned(),
    }
}

/// Why no endpoint of the server will do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum EndpointRefusal {
    #[error("the server does not offer security {wanted}; it offers {offered}")]
    NotOffered { wanted: String, offered: String },
    #[error("the server does not take {user} users with security {wanted}")]
    User { user: &'static str, wanted: String },
    #[error(
        "the password would travel in the clear: use a security other than None, or a user \
         token policy with encryption at the server"
    )]
    PlainPassword,
}

/// The endpoint that is exactly what the map asks for.
pub(crate) fn choose(
    offered: &[EndpointDescription],
    security: Security,
    user: &User,
) -> Result<EndpointDescription, EndpointRefusal> {
    let matching: Vec<_> = offered
        .iter()
        .filter(|endpoint| {
            endpoint.security_mode == security.mode()
                && policy_of(endpoint.security_policy_uri.as_ref()) == security.policy()
        })
        .collect();
    if matching.is_empty() {
        let mut names: Vec<_> = offered
            .iter()
            .map(|endpoint| {
                let policy = policy_of(endpoint.security_policy_uri.as_ref());
                name(policy, endpoint.security_mode)
            })
            .collect();
        names.sort();
        names.dedup();
        let offered = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        return Err(EndpointRefusal::NotOffered { wanted: security.to_string(), offered });
    }
    let (kind, word) = match user {
        User::Anonymous => (UserTokenType::Anonymous, "anonymous"),
        User::Name { .. } => (UserTokenType::UserName, "user name"),
        User::Certificate { .. } => (UserTokenType::Certificate, "certificate"),
    };
    let endpoint = matching
        .iter()
        .find(|endpoint| endpoint.find_policy(kind).is_some())
        .ok_or_else(|| EndpointRefusal::User { user: word, wanted: security.to_string() })?;
    if kind == UserTokenType::UserName && security.mode() != MessageSecurityMode::SignAndEncrypt {
        let policy = endpoint.find_policy(kind).map(|policy| policy.security_policy_uri.as_ref());
        let token = match policy {
            None | Some("") => security.policy(),
            Some(uri) => policy_of(uri),
        };
        if matches!(token, SecurityPolicy::None | SecurityPolicy::Unknown) {
            return Err(EndpointRefusal::PlainPassword);
        }
    }
    Ok((*endpoint).clone())
}

/// An endpoint for people: its security and the users it takes.
pub(crate) fn describe(endpoint: &EndpointDescription) -> String {
    let policy = policy_of(endpoint.security_policy_uri.as_ref());
    let users =
        endpoint.user_identity_tokens.iter().flatten().map(|token| match token.token_type {
            UserTokenType::Anonymous => "anonymous",
            UserTokenType::UserName => "user name",
            UserTokenType::Certificate => "certificate",
            UserTokenType::IssuedToken => "issued token",
        });
    let mut users: Vec<&str> = users.collect();
    users.dedup();
    format!("{}: {}", name(policy, endpoint.security_mode), users.join(", "))
}

fn policy_of(uri: &str) -> SecurityPolicy {
    SecurityPolicy::from_uri(uri)
}

#[cfg(test)]
mod tests {
    use super::{EndpointRefusal, Mode, Policy, Security, choose};
    use crate::settings::User;
    use opcua::types::{EndpointDescription, UserTokenPolicy, UserTokenType};

    fn endpoint(security: Security, token: UserTokenType) -> EndpointDescription {
        EndpointDescription {
            security_mode: security.mode(),
            security_policy_uri: security.policy().to_uri().into(),
            user_identity_tokens: Some(vec![UserTokenPolicy {
                token_type: token,
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    fn somebody() -> User {
        User::Name { name: "fh-read".into(), password: "secret".into() }
    }

    const STRONG: Security = Security::Secured(Policy::Aes256Sha256RsaPss, Mode::SignAndEncrypt);
    const SIGNED: Security = Security::Secured(Policy::Basic256Sha256, Mode::Sign);

    #[test]
    fn a_security_is_written_as_the_standard_spells_it() {
        for text in ["None", "Basic256Sha256/SignAndEncrypt", "Aes128_Sha256_RsaOaep/Sign"] {
            assert_eq!(text.parse::<Security>().unwrap().to_string(), text);
        }
        for text in ["", "none", "Basic256/Sign", "Basic256Sha256", "Basic256Sha256/None"] {
            assert!(text.parse::<Security>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_the_map_asks_for_is_taken() {
        let offered = [
            endpoint(Security::None, UserTokenType::Anonymous),
            endpoint(STRONG, UserTokenType::Anonymous),
        ];
        let taken = choose(&offered, STRONG, &User::Anonymous).unwrap();
        assert_eq!(taken, offered[1]);
        let refused = choose(&offered, SIGNED, &User::Anonymous).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the server does not offer security Basic256Sha256/Sign; it offers \
             Aes256_Sha256_RsaPss/SignAndEncrypt, None"
        );
    }

    #[test]
    fn a_user_the_server_does_not_take_is_named() {
        let offered = [endpoint(STRONG, UserTokenType::Anonymous)];
        let refused = choose(&offered, STRONG, &somebody()).unwrap_err();
        assert!(matches!(refused, EndpointRefusal::User { user: "user name", .. }));
    }

    #[test]
    fn a_password_never_travels_in_the_clear() {
        let plain = [endpoint(Security::None, UserTokenType::UserName)];
        let refused = choose(&plain, Security::None, &somebody()).unwrap_err();
        assert_eq!(refused, EndpointRefusal::PlainPassword);
        let signed = [endpoint(SIGNED, UserTokenType::UserName)];
        assert!(choose(&signed, SIGNED, &somebody()).is_ok(), "encrypted by the channel's policy");
        let mut signed = signed;
        if let Some(tokens) = &mut signed[0].user_identity_tokens {
            tokens[0].security_policy_uri = Security::None.policy().to_uri().into();
        }
        assert_eq!(
            choose(&signed, SIGNED, &somebody()).unwrap_err(),
            EndpointRefusal::PlainPassword,
            "signed is readable"
        );
    }

    #[test]
    fn a_server_without_endpoints_is_told() {
        let refused = choose(&[], STRONG, &User::Anonymous).unwrap_err();
        assert!(refused.to_string().ends_with("it offers nothing"));
    }
}
