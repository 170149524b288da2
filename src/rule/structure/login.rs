//! What stands beside a password: user, host and database of URLs, connection strings, netrc lines and basic authentication.

use super::{Says, Structure, Text, decoded};

/// How far from the match its own text may reach on.
const REACH: usize = 200;

/// Reads a URL or a list of `name=value`; which of them tells itself.
pub(super) fn read(text: Text<'_>) -> Structure {
    let mut structure = Structure::default();
    let whole = extended(text);
    let whole = whole.replace("\\/", "/");
    let secret = String::from_utf8_lossy(text.secret).into_owned();
    if let Some((user, rest)) = url_user(&whole, &secret) {
        structure.tell("user", user);
        url_place(rest, &mut structure);
        return structure;
    }
    for (names, fact) in [
        (&["user id", "userid", "username", "user", "uid", "login"][..], "user"),
        (&["server", "data source", "datasource", "host", "hostname", "addr", "address", "machine", "hostaddr"][..], "host"),
        (&["initial catalog", "database", "dbname"][..], "database"),
    ] {
        structure.tell_if(fact, names.iter().find_map(|name| setting(&whole, name)).filter(|value| *value != secret));
    }
    // `jdbc:postgresql://host:5432/name?user=…`
    if !structure.facts.iter().any(|(name, _)| *name == "host")
        && let Some((_, rest)) = whole.split_once("://")
    {
        url_place(rest, &mut structure);
    }
    structure
}

/// Reads `user:password` behind base64, or as it stands.
pub(super) fn basic(text: Text<'_>) -> Structure {
    let mut structure = Structure::default();
    let pair = decoded(text.secret).filter(|pair| pair.iter().all(|b| b.is_ascii_graphic() || *b == b' '));
    if let Some(pair) = pair
        && let Some(colon) = pair.iter().position(|b| *b == b':')
    {
        structure.tell("user", String::from_utf8_lossy(&pair[..colon]));
    }
    // `"registry.example.com": { "auth": …`: the name of the table.
    let mut quoted = text.span.split(|b| *b == b'"').filter(|piece| piece.contains(&b'.') && !piece.contains(&b'{'));
    structure.tell_if("host", quoted.next().map(|host| String::from_utf8_lossy(host).into_owned()));
    structure
}

/// Tells which function made a password's hash.
pub(super) fn hash(text: Text<'_>) -> Structure {
    const SCHEMES: [(&[u8], &str); 12] = [
        (b"$2", "bcrypt"),
        (b"$argon2", "Argon2"),
        (b"$5$", "SHA-256 crypt"),
        (b"$6$", "SHA-512 crypt"),
        (b"$1$", "MD5 crypt"),
        (b"$apr1$", "Apache MD5"),
        (b"$y$", "yescrypt"),
        (b"$7$", "scrypt"),
        (b"$P$", "phpass"),
        (b"{SHA}", "SHA-1, unsalted"),
        (b"{SSHA}", "SHA-1, salted"),
        (b"pbkdf2", "PBKDF2"),
    ];
    let mut structure = Structure { facts: Vec::new(), says: Says::Nothing };
    let known = SCHEMES.iter().find(|(mark, _)| memchr::memmem::find(text.span, mark).is_some());
    structure.tell_if("scheme", known.map(|(_, name)| *name));
    structure
}

/// The match and what follows it up to a blank or a quote.
fn extended(text: Text<'_>) -> String {
    let ends = |b: &u8| b.is_ascii_whitespace() || b"\"'`<>".contains(b);
    let reach = &text.after[..text.after.len().min(REACH)];
    let more = &reach[..reach.iter().position(ends).unwrap_or(reach.len())];
    String::from_utf8_lossy(&[text.span, more].concat()).into_owned()
}

/// The user of `scheme://user:password@`, and what follows the `@`.
fn url_user<'a>(whole: &'a str, secret: &str) -> Option<(&'a str, &'a str)> {
    let (_, authority) = whole.split_once("://")?;
    let at = authority.find(&format!(":{secret}@"))?;
    Some((&authority[..at], &authority[at + secret.len() + 2..]))
}

/// `host:port/name?…`
fn url_place(rest: &str, structure: &mut Structure) {
    let rest = rest.strip_prefix("tcp(").unwrap_or(rest);
    let end = rest.find(['/', '?', '#', ';', ')', '\\']).unwrap_or(rest.len());
    structure.tell("host", &rest[..end]);
    if let Some(path) = rest[end..].trim_start_matches(')').strip_prefix('/') {
        let name = &path[..path.find(['?', '#', ';', '\\', '/', '&']).unwrap_or(path.len())];
        structure.tell("database", name);
    }
}

/// The value of `name=value` or `name value` in `whole`, in any case.
fn setting(whole: &str, name: &str) -> Option<String> {
    let lower = whole.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find(name).map(|at| at + from) {
        from = at + name.len();
        let boundary = at == 0 || !lower.as_bytes()[at - 1].is_ascii_alphanumeric();
        let rest = whole[from..].trim_start_matches(' ');
        let value = rest.strip_prefix('=').or_else(|| (rest.len() < whole[from..].len()).then_some(rest));
        if let Some(value) = value.filter(|_| boundary) {
            let value = value.trim_start();
            let value = &value[..value.find([';', '&', ' ', '\t', '\n', '\r', '"', '\'']).unwrap_or(value.len())];
            if !value.is_empty() {
                return Some(value.to_owned());
            }
        }
    }
    None
}
