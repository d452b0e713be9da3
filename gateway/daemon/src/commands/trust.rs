//! `forehearth trust`: who both sides are, who rejects whom, and what to do about it.

use std::path::Path;
use std::process::ExitCode;

use forehearth_driver_opcua::{Greeting, Settings, greet, knock};

use super::server::{self, Reached};
use super::{FINDINGS, say, say_error};
use crate::cli::TrustArgs;

/// Asks the server and tries to open a session.
pub fn run(args: &TrustArgs) -> ExitCode {
    let reached = server::reach(&args.url, &args.config, &args.state);
    let Reached { settings, device } = match reached {
        Ok(reached) => reached,
        Err(reason) => {
            say_error(&reason);
            return ExitCode::from(FINDINGS);
        }
    };
    let Some(runtime) = server::runtime() else { return ExitCode::from(FINDINGS) };
    let greeting = match runtime.block_on(greet(&settings)) {
        Ok(greeting) => greeting,
        Err(error) => {
            say_error(&error.to_string());
            return ExitCode::from(FINDINGS);
        }
    };
    say(&format!("server   {}", args.url));
    tell(&greeting, &settings);
    let Some(device) = device else {
        say("map      no device of the map has this server; nothing was tried");
        return ExitCode::SUCCESS;
    };
    say(&format!("map      device {device}, security {}", settings.security));
    match runtime.block_on(knock(&settings)) {
        Ok(()) => {
            say("result   both sides trust one another; a session was opened");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let reason = error.to_string();
            say(&format!("result   {reason}"));
            say(&format!("do       {}", advice(&reason, &greeting, &settings, &args.state)));
            ExitCode::from(FINDINGS)
        }
    }
}

fn tell(greeting: &Greeting, settings: &Settings) {
    match &greeting.fingerprint {
        Some(fingerprint) => {
            say(&format!("         {fingerprint} ({})", greeting.subject));
            say(&format!("         valid {}", greeting.valid));
        }
        None => say("         has no certificate"),
    }
    for endpoint in &greeting.endpoints {
        say(&format!("         offers {endpoint}"));
    }
    if let Some(identity) = &settings.identity {
        say(&format!("gateway  {}", identity.certificate_file().display()));
        if let Some(fingerprint) = identity.fingerprint() {
            say(&format!("         {fingerprint}"));
        }
        if let Some(days) = identity.days_left() {
            say(&format!("         expires in {days} days"));
        }
    }
}

/// Who rejected whom, by what was said, and what to do.
fn advice(reason: &str, greeting: &Greeting, settings: &Settings, state: &Path) -> String {
    if reason.contains("is not trusted") {
        let pin = greeting.fingerprint.map(|pin| pin.to_string()).unwrap_or_default();
        return format!(
            "the gateway rejects the server: compare the fingerprint with the one its owner \
             reads to you, then write trust = \"{pin}\""
        );
    }
    let rejects = ["BadSecurityChecksFailed", "BadCertificateUntrusted", "ConnectionClosed"];
    if settings.identity.is_some() && rejects.iter().any(|word| reason.contains(word)) {
        let file = state.join("opcua/own.der");
        return format!(
            "the server rejects the gateway: let its owner trust {} (often it lies in the \
             server's folder of rejected certificates already)",
            file.display()
        );
    }
    if reason.contains("BadUserAccessDenied") || reason.contains("BadIdentityToken") {
        return "the server rejects the user: check `user` and its password in the map".to_owned();
    }
    "see the result; nothing is wrong with certificates as far as can be seen".to_owned()
}
