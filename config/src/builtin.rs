//! Shipped profiles: `profile = "builtin:name"`, from `config/profiles/`.

/// Name and text of each file of `config/profiles/`.
const PROFILES: &[(&str, &str)] = &[
    ("energy-meter", include_str!("../profiles/energy-meter.toml")),
    ("potcell-v3", include_str!("../profiles/potcell-v3.toml")),
    ("vibration-2ch", include_str!("../profiles/vibration-2ch.toml")),
];

/// The text of a shipped profile.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    PROFILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of all shipped profiles.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
            .collect();
        files.sort();
        assert_eq!(files, names().collect::<Vec<_>>());
    }
}
