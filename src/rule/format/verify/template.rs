//! Texts with `{{placeholders}}`.

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// The name in `{{name}}`.
    Value(&'a str),
}

/// The pieces of a template, in order.
#[must_use]
pub fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, inside)) = rest.split_once("{{") {
        let Some((name, after)) = inside.split_once("}}").filter(|(name, _)| is_name(name)) else {
            pieces.push(Piece::Text(&rest[..before.len() + 2]));
            rest = inside;
            continue;
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Value(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The names of all placeholders of a template.
pub fn names(template: &str) -> impl Iterator<Item = &str> {
    pieces(template).into_iter().filter_map(|piece| match piece {
        Piece::Value(name) => Some(name),
        Piece::Text(_) => None,
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The host of a URL template: what stands between `https://` and the next `/` or `?`.
#[must_use]
pub fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    Some(&rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())])
}
