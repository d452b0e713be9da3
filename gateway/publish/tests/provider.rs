//! TLS has one provider: ring. With a second one in the build rustls panics when it has to choose.
#![allow(clippy::unwrap_used, reason = "a test")]

/// Everything that is built into the gateway or its tests.
const LOCK: &str = include_str!("../../../Cargo.lock");

#[test]
fn nothing_in_the_build_brings_a_second_tls() {
    let packages: Vec<_> = LOCK.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(packages.contains(&"\"ring\"") && packages.contains(&"\"rustls\""));
    // aws-lc needs cmake and a C compiler per target, openssl a library on the box.
    for banned in ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "openssl-sys", "native-tls"] {
        assert!(!packages.contains(&format!("{banned:?}").as_str()), "{banned} came in");
    }
}
