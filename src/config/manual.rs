//! The default file as data: which keys there are, in the order of the manual.

/// The embedded defaults, which are also the manual.
pub const DEFAULT: &str = include_str!("default.toml");

/// Keys whose values are never printed.
pub(super) const SECRETS: [&str; 4] = [
    "mail.password",
    "sms.authorization",
    "sms.callback_secret",
    "federation.secret",
];

/// Every key as `section.key`, in the order of the manual.
pub(super) fn keys() -> Vec<String> {
    let mut section = "";
    let mut keys = Vec::new();
    for line in DEFAULT.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            keys.push(format!("{section}.{key}"));
        }
    }
    keys
}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("VIGIE_{}", key.replace('.', "_").to_ascii_uppercase())
}
