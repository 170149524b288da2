//! Made-up secrets: templates such as `sk_live_{alnum:24}`, filled the same way each time (`docs/rules.md`).

use super::checksum;
use super::format::{ChecksumKind, Example};
use base64::Engine as _;

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`{{{0}}}` needs a count, as in `{{{0}:20}}`")]
    NoCount(String),
    #[error("`{{checksum}}` stands in the template, but the rule has no checksum for it")]
    NoChecksum,
    #[error("`{{[{0}]}}` is no character class")]
    BadClass(String),
}

const DIGITS: &str = "0-9";
const CLASSES: [(&str, &str); 15] = [
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("upper", "A-Z"),
    ("lower", "a-z"),
    ("digits", DIGITS),
    ("hex", "0-9a-f"),
    ("HEX", "0-9A-F"),
    ("base36", "0-9a-z"),
    ("BASE36", "0-9A-Z"),
    ("base32", "A-Z2-7"),
    ("base58", "1-9A-HJ-NP-Za-km-z"),
    ("base64", "A-Za-z0-9+/"),
    ("base64url", "A-Za-z0-9_-"),
    ("bech32", "02-9ac-hj-np-z"),
    ("BECH32", "02-9AC-HJ-NP-Z"),
];

/// Fills `template`; `seed` and the place in the template decide the characters.
///
/// # Errors
/// A placeholder that cannot be filled.
pub fn fill(template: &str, seed: &str, sum: Option<ChecksumKind>) -> Result<String, TemplateError> {
    let mut random = Random::new(seed);
    expand(template, &mut random, sum, "{", "}")
}

/// The secret and the text of an example.
///
/// # Errors
/// A placeholder that cannot be filled.
pub fn example(example: &Example, seed: &str, sum: Option<ChecksumKind>) -> Result<(String, String), TemplateError> {
    let secret = fill(example.secret, seed, sum)?;
    let text = example.text.strip_prefix('\n').unwrap_or(example.text).replace("{{secret}}", &secret);
    Ok((secret, text))
}

/// The text of a counterexample: placeholders in doubled braces are filled.
///
/// # Errors
/// A placeholder that cannot be filled.
pub fn counterexample(text: &str, seed: &str) -> Result<String, TemplateError> {
    let mut random = Random::new(seed);
    expand(text.strip_prefix('\n').unwrap_or(text), &mut random, None, "{{", "}}")
}

fn expand(
    template: &str,
    random: &mut Random,
    sum: Option<ChecksumKind>,
    open: &str,
    close: &str,
) -> Result<String, TemplateError> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(open) {
        out.push_str(&rest[..at]);
        let inside = &rest[at + open.len()..];
        let Some(end) = closing(inside, open, close) else {
            out.push_str(open);
            rest = inside;
            continue;
        };
        if let Some(text) = placeholder(&inside[..end], &out, random, sum)? {
            out.push_str(&text);
            rest = &inside[end + close.len()..];
        } else {
            out.push_str(open);
            rest = inside;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the bracket closes that `inside` stands in, inner ones skipped.
fn closing(inside: &str, open: &str, close: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while at < inside.len() {
        let rest = inside.get(at..)?;
        if rest.starts_with(close) {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
            at += close.len();
        } else if rest.starts_with(open) {
            depth += 1;
            at += open.len();
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

/// The text for one placeholder; `None` where it is none, and the brace is itself.
fn placeholder(
    inside: &str,
    before: &str,
    random: &mut Random,
    sum: Option<ChecksumKind>,
) -> Result<Option<String>, TemplateError> {
    if inside == "checksum" || inside == "crc32" {
        let kind = sum.ok_or(TemplateError::NoChecksum)?;
        return checksum::complete(kind, before).map(Some).ok_or(TemplateError::NoChecksum);
    }
    if inside == "uuid" {
        let hex = random.pick("0-9a-f", 32)?;
        return Ok(Some(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])));
    }
    for (name, engine) in
        [("b64:", base64::engine::general_purpose::STANDARD), ("b64url:", base64::engine::general_purpose::URL_SAFE_NO_PAD)]
    {
        if let Some(text) = inside.strip_prefix(name) {
            let text = expand(text, random, sum, "{", "}")?;
            return Ok(Some(engine.encode(text)));
        }
    }
    let (class, count) = match inside.rsplit_once(':') {
        Some((class, count)) => (class, count.parse::<usize>().ok().filter(|n| *n <= 8192)),
        None => (inside, None),
    };
    let known = CLASSES.iter().find(|(name, _)| *name == class).map(|(_, c)| *c);
    let own = class.strip_prefix('[').and_then(|c| c.strip_suffix(']'));
    match (known.or(own), count) {
        (Some(class), Some(count)) => random.pick(class, count).map(Some),
        (Some(_), None) => Err(TemplateError::NoCount(class.to_owned())),
        (None, _) => Ok(None),
    }
}

/// A stream of bytes that depends on nothing but its seed.
struct Random(blake3::OutputReader);

impl Random {
    fn new(seed: &str) -> Self {
        Self(blake3::Hasher::new_derive_key("keysift template v1").update(seed.as_bytes()).finalize_xof())
    }

    fn pick(&mut self, class: &str, count: usize) -> Result<String, TemplateError> {
        let letters = letters(class).ok_or_else(|| TemplateError::BadClass(class.to_owned()))?;
        let mut bytes = vec![0; count * 2];
        self.0.fill(&mut bytes);
        Ok(bytes
            .chunks_exact(2)
            .map(|pair| letters[usize::from(u16::from_le_bytes([pair[0], pair[1]])) % letters.len()])
            .collect())
    }
}

/// The characters of a class such as `a-z_`.
fn letters(class: &str) -> Option<Vec<char>> {
    let chars: Vec<char> = class.chars().collect();
    let mut out = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        if i + 2 < chars.len() && chars[i + 1] == '-' {
            (chars[i] <= chars[i + 2]).then_some(())?;
            out.extend(chars[i]..=chars[i + 2]);
            i += 3;
        } else {
            out.push(chars[i]);
            i += 1;
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let text = fill("a_{digits:3}-{x}-{[ab]:4}{", "seed", None).unwrap();
        assert!(text.starts_with("a_") && text.ends_with('{') && text.contains("-{x}-"), "{text}");
        assert_eq!(text.len(), 2 + 3 + 1 + 3 + 1 + 4 + 1);
        assert_eq!(text, fill("a_{digits:3}-{x}-{[ab]:4}{", "seed", None).unwrap());
        assert_ne!(text, fill("a_{digits:3}-{x}-{[ab]:4}{", "other", None).unwrap());
    }

    #[test]
    fn base64_of_text_with_braces() {
        assert_eq!(fill(r#"{b64:{"a":1}}"#, "", None).unwrap(), "eyJhIjoxfQ==");
    }

    #[test]
    fn checksums_are_computed() {
        let token = fill("ghp_{alnum:30}{checksum}", "x", Some(ChecksumKind::Github)).unwrap();
        assert_eq!(checksum::verify(ChecksumKind::Github, token.as_bytes()), Some(true));
        assert_eq!(fill("{checksum}", "x", None), Err(TemplateError::NoChecksum));
    }

    #[test]
    fn a_missing_count_is_told() {
        assert_eq!(fill("{hex}", "", None), Err(TemplateError::NoCount("hex".into())));
    }
}
