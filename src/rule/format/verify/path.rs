//! Places in JSON: the root and child segments of RFC 9535, `$.user.login`, `$['a b'][0]`; nothing that searches.

/// A step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Name(String),
    Index(usize),
}

/// Reads a path; `None` where it is none of ours.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            let is_name = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !is_name {
                return None;
            }
            steps.push(Step::Name(name.to_owned()));
            rest = &after[end..];
        } else {
            let after = rest.strip_prefix('[')?;
            let quote = after.chars().next()?;
            if quote == '\'' || quote == '"' {
                let end = after[1..].find(quote)? + 1;
                let name = &after[1..end];
                if name.contains('\\') {
                    return None;
                }
                steps.push(Step::Name(name.to_owned()));
                rest = after[end + 1..].strip_prefix(']')?;
            } else {
                let end = after.find(']')?;
                let digits = &after[..end];
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() > 1 && digits.starts_with('0')
                {
                    return None;
                }
                steps.push(Step::Index(digits.parse().ok()?));
                rest = &after[end + 1..];
            }
        }
    }
    Some(steps)
}
