//! Where an organization keeps its policy on a machine, and a user their config.

use std::ffi::OsString;
use std::path::PathBuf;

/// The variable that names a policy beside that of the machine.
pub const POLICY_VARIABLE: &str = "KEYSIFT_POLICY";

/// The policy of the machine. No variable leads elsewhere: whoever is bound by it could set one.
#[must_use]
pub fn machine_policy() -> PathBuf {
    PathBuf::from(if cfg!(windows) { r"C:\ProgramData\keysift\policy.toml" } else { "/etc/keysift/policy.toml" })
}

/// Where the config of the user may be, the first one first; `env` tells variables.
#[must_use]
pub fn user_configs(env: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let folder = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let file = |folder: PathBuf| folder.join("keysift").join("config.toml");
    if let Some(named) = folder("XDG_CONFIG_HOME") {
        return vec![file(named)];
    }
    if cfg!(windows) {
        return folder("APPDATA").map(file).into_iter().collect();
    }
    let Some(home) = folder("HOME") else { return Vec::new() };
    let mut all = vec![file(home.join(".config"))];
    if cfg!(target_os = "macos") {
        all.push(file(home.join("Library/Application Support")));
    }
    all
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_named_folder_before_that_of_the_home() {
        let env = |name: &str| match name {
            "XDG_CONFIG_HOME" => Some("/x".into()),
            "HOME" => Some("/h".into()),
            _ => None,
        };
        assert_eq!(user_configs(&env), [PathBuf::from("/x/keysift/config.toml")]);
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/h"));
        assert_eq!(user_configs(&home)[0], PathBuf::from("/h/.config/keysift/config.toml"));
        // A relative one means nothing.
        assert!(user_configs(&|_| Some("x".into())).is_empty());
    }
}
