//! A first rule from sample tokens: what they have in common becomes prefix, alphabet and length.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Why no rule could be drafted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    #[error("no sample: give at least one token on stdin, one a line")]
    NoSamples,
    #[error("line {0}: a sample is printable ASCII without spaces, at least 8 characters long")]
    BadSample(usize),
    #[error("the samples have nothing in common but their alphabet: give those of one kind of token")]
    NothingInCommon,
}

/// The TOML of a rule for tokens like those in `text`, one a line. It holds no sample.
///
/// # Errors
/// Where the samples make no rule.
pub fn draft(id: &str, text: &str) -> Result<String, DraftError> {
    let mut samples = BTreeSet::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if line.len() < 8 || !line.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(DraftError::BadSample(n + 1));
        }
        samples.insert(line);
    }
    let first = *samples.first().ok_or(DraftError::NoSamples)?;
    let prefix = prefix(&samples, first);
    let bodies: Vec<&str> = samples.iter().map(|s| &s[prefix.len()..]).collect();
    let shortest = bodies.iter().map(|b| b.len()).min().unwrap_or(0);
    let longest = bodies.iter().map(|b| b.len()).max().unwrap_or(0);
    if shortest < 4 {
        return Err(DraftError::NothingInCommon);
    }
    let (class, placeholder) = alphabet(&bodies);
    let repeat = if shortest == longest { format!("{{{shortest}}}") } else { format!("{{{shortest},{longest}}}") };
    let pattern = format!("{}[{class}]{repeat}", regex_syntax::escape(prefix));
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# Drafted from {} samples: read every line of it, then run `keysift rules check` and `keysift rules test`.",
        samples.len()
    );
    let _ = writeln!(out, "[[rule]]\nid = {id:?}\nname = {id:?}\nseverity = \"high\"");
    if prefix.len() >= 3 {
        let _ = writeln!(out, "format_confidence = \"high\"\nkeywords = [{:?}]", prefix.to_ascii_lowercase());
        let _ = writeln!(out, "pattern = {}", literal(&format!("(?:^|[^{class}])(?P<secret>{pattern})(?:[^{class}]|$)")));
    } else {
        let _ = writeln!(out, "format_confidence = \"low\"");
        let _ = writeln!(out, "assigned = [\"provider\"]   # the words that name this token in the text around it");
        let _ = writeln!(out, "pattern = {}", literal(&pattern));
    }
    let _ = writeln!(out, "entropy = {:.1}", entropy_floor(&bodies));
    let _ = writeln!(
        out,
        "\n[rule.remedy]\nrotate = \"\"\nsteps = \"Revoke it where it was issued, issue a new one, and keep that in a secret manager.\""
    );
    for surrounding in ["PROVIDER_TOKEN={{secret}}", "client = Client(provider_token=\"{{secret}}\")"] {
        let secret = format!("{prefix}{{{placeholder}:{longest}}}");
        let _ = writeln!(out, "\n[[rule.example]]\nsecret = {secret:?}\ntext = {}", literal(surrounding));
    }
    let near_miss = format!("PROVIDER_TOKEN={prefix}your-token-here");
    let _ = writeln!(out, "\n[[rule.counterexample]]\ntext = {}", literal(&near_miss));
    Ok(out)
}

/// What all samples begin with: of one sample, all up to its last separator.
fn prefix<'a>(samples: &BTreeSet<&'a str>, first: &'a str) -> &'a str {
    let mut common = first.len();
    for sample in samples {
        common = common.min(first.bytes().zip(sample.bytes()).take_while(|(a, b)| a == b).count());
    }
    let within = &first[..common];
    let separator = within.rfind(['_', '-', '.', ':', '/']).map_or(0, |at| at + 1);
    // Beyond the last separator two samples can agree by chance.
    if samples.len() < 4 { &first[..separator] } else { within }
}

/// The smallest usual alphabet of all bodies, as a regex class and as a template placeholder.
fn alphabet(bodies: &[&str]) -> (&'static str, &'static str) {
    let all = |what: fn(u8) -> bool| bodies.iter().all(|b| b.bytes().all(what));
    if all(|b| b.is_ascii_digit()) {
        ("0-9", "digits")
    } else if all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')) {
        ("0-9a-f", "hex")
    } else if all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) {
        ("0-9a-z", "base36")
    } else if all(|b| b.is_ascii_alphanumeric()) {
        ("0-9A-Za-z", "alnum")
    } else if all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        ("0-9A-Za-z_\\-", "base64url")
    } else if all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
        ("0-9A-Za-z+/=", "base64")
    } else {
        ("!-~", "[!-~]")
    }
}

/// A floor that random bodies of this length and alphabet pass.
fn entropy_floor(bodies: &[&str]) -> f32 {
    let least = bodies.iter().map(|b| crate::detect::entropy::shannon(b.as_bytes())).fold(8.0, f32::min);
    (least * 0.8 * 10.0).floor() / 10.0
}

/// `text` as a TOML string, written as it is where that can be.
fn literal(text: &str) -> String {
    // Of printable ASCII Rust's own notation is TOML's as well.
    if text.contains("'''") || text.ends_with('\'') { format!("{text:?}") } else { format!("'''{text}'''") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_a_valid_rule_without_the_samples() {
        let samples = ["acme_live_8fk2m39dkq81mzx0", "acme_live_zk39dmq81kx02mf8", "acme_live_m2k8fz39dq81kx0a"];
        let text = draft("acme-token", &samples.join("\n")).unwrap();
        assert!(text.contains("acme_live_"), "{text}");
        assert!(!samples.iter().any(|s| text.contains(s)));
        let (rules, warnings) =
            crate::rule::format::parse_rule_file("draft", &text, crate::rule::format::file::Author::User).unwrap();
        assert_eq!(warnings, []);
        assert_eq!(rules[0].keywords, ["acme_live_"]);
    }

    #[test]
    fn bad_samples_are_named() {
        assert_eq!(draft("x", "\n\n"), Err(DraftError::NoSamples));
        assert_eq!(draft("x", "okokokokok\nshort"), Err(DraftError::BadSample(2)));
    }
}
