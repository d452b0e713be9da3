//! Prints what reading and checking a large map costs, on one core.
//!
//! `cargo run --release -p forehearth-config --example load_cost`

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use forehearth_config::load;

const GATEWAY: &str = r#"schema = 1
[gateway]
id   = "cost"
path = "acme/site"
[buffer]
max_size = "64GiB"
[[broker]]
name   = "plant"
url    = "mqtt://127.0.0.1:1883"
format = "native"
"#;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (devices, tags) in [(300, 67), (300, 167), (1, 20_000)] {
        let dir = tempfile::tempdir()?;
        write_map(dir.path(), devices, tags)?;
        let best = (0..5)
            .map(|_| {
                let start = Instant::now();
                let loaded = load(dir.path());
                let count = loaded.plan.as_ref().map_or(0, |plan| plan.tags.len());
                (start.elapsed(), count, loaded.report.errors())
            })
            .min();
        if let Some((time, count, errors)) = best {
            writeln!(out, "{devices:>4} devices {count:>6} tags {errors} errors: {time:.1?}")?;
        }
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        writeln!(out, "{}", peak.unwrap_or_default())?;
    }
    Ok(())
}

/// A profile with `tags` tags for `devices` devices, or one device that
/// lists them all.
fn write_map(dir: &Path, devices: usize, tags: usize) -> std::io::Result<()> {
    fs::create_dir_all(dir.join("devices"))?;
    fs::create_dir_all(dir.join("profiles"))?;
    fs::write(dir.join("gateway.toml"), GATEWAY)?;
    let tag = |n: usize| {
        format!(
            "tag_{n:05} = {{ at = \"base+{}\", type = \"REAL\", unit = \"kA\", rate = \"slow\", \
             deadband = 0.05, valid = [0.0, 500.0], label = {{ en = \"current {n}\", zh = \"电流 {n}\" }} }}\n",
            n * 2
        )
    };
    let list: String = (0..tags.min(32_000)).map(tag).collect();
    let more: String = (32_000..tags.max(32_000))
        .map(|n| tag(n - 32_000).replace("tag_", "ir_").replace("base", "second"))
        .collect();
    fs::write(
        dir.join("profiles/p.toml"),
        format!(
            "schema = 1\nprofile = \"p\"\ndriver = \"modbus\"\n[params]\nbase = {{ type = \"address\" }}\n\
             second = {{ type = \"address\", default = \"ir:0\" }}\n[rates]\nslow = \"60s\"\n[tags]\n{list}{more}"
        ),
    )?;
    fs::write(
        dir.join("devices/d.toml"),
        format!(
            "schema = 1\n[[device]]\nname = \"dev-{{n:03}}\"\nprofile = \"p\"\nfor = {{ n = \"1..={devices}\" }}\n\
             url = \"tcp://plc-{{n}}:502\"\nbase = \"hr:{{n%10}}\"\n"
        ),
    )
}
