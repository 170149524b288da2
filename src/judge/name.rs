//! What a name says of the value bound to it: `passwordField` holds no password, `next_token` opens nothing.

use crate::detect::assignment::class_of;
use crate::detect::memo::Memo;
use crate::detect::short::contains_in_any_case;
use crate::rule::AssignmentClass;
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Words to be asked for.
type Words = LazyLock<HashSet<&'static str>>;

/// What a name says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// The secret word is the last one: the thing itself.
    pub is_head: bool,
    /// Another word follows that makes it something else: field, label, url, count …
    pub other_head: Option<&'static str>,
    /// A word says that it is public or an index: public, primary, foreign …
    pub public: Option<&'static str>,
    /// Nothing but `key`, `token`, `auth`.
    pub bare: bool,
    /// A word says which secret it is: api, access, private, encryption …
    pub qualified: bool,
    /// Words that speak of tests and samples.
    pub sample: bool,
    /// Five words or more: the identifier of a message or a constant.
    pub many: bool,
    /// One word.
    pub alone: bool,
    /// It ends in `id`: what it names identifies, and opens nothing.
    pub id: bool,
}

/// Words after the secret word that make it something else.
static OTHER_HEADS: Words = LazyLock::new(|| {
    HashSet::from([
        "field", "fields", "label", "labels", "name", "names", "type", "types", "url", "uri", "urls", "path", "paths", "file",
        "files", "filename", "dir", "directory", "folder", "id", "ids", "count", "counts", "length", "len", "size", "limit",
        "hint", "prompt", "placeholder", "title", "text", "message", "messages", "msg", "error", "errors", "regex", "regexp",
        "pattern", "policy", "rule", "rules", "strength", "input", "box", "form", "page", "view", "dialog", "button", "btn",
        "link", "icon", "class", "style", "color", "header", "headers", "param", "params", "parameter", "prefix", "suffix",
        "format", "encoding", "algorithm", "alg", "algo", "version", "expiry", "expires", "expiration", "expire", "expired",
        "ttl", "timeout", "lifetime", "duration", "endpoint", "host", "port", "provider", "manager", "service", "factory",
        "handler", "helper", "util", "utils", "validator", "validation", "generator", "encoder", "decoder", "parser", "store",
        "storage", "cache", "repository", "config", "configuration", "settings", "options", "option", "enabled", "disabled",
        "required", "verified", "valid", "invalid", "missing", "exists", "changed", "updated", "created", "at", "by", "index",
        "column", "col", "constraint", "table", "map", "list", "set", "array", "enum", "ref", "reference", "source", "usage",
        "ops", "spec", "attr", "attribute", "attributes", "tag", "tags", "mode", "level", "status", "state", "event", "action",
        "callback", "listener", "bits", "desc", "description", "help", "info", "comment", "note", "example", "format", "checker",
        "filter", "method", "scheme", "scope", "scopes", "role", "user", "username", "group", "domain", "realm", "server",
        "client", "login", "property", "prop", "var", "variable", "env", "reset", "forgot", "forgotten", "recovery", "change",
        "confirm", "confirmation", "mismatch", "match", "again", "repeat", "min", "max", "minimum", "maximum", "required",
        "encrypted", "hash", "hashed", "digest", "request", "response", "result", "context", "session", "object", "instance",
        "interface", "model", "entity", "dto", "module", "plugin", "extension", "package", "lib", "function", "func", "fn",
        "command", "cmd", "script", "template", "screen", "window", "panel", "tab", "section", "binding", "bindings", "event",
        "events", "press", "pressed", "up", "down", "code", "codes", "board", "frame", "frames", "words", "word", "chain",
        "ring", "pair", "pairs", "store", "location", "region", "vault", "arn", "uuid", "serial", "fingerprint", "thumbprint",
        "issuer", "audience", "subject", "claim", "claims", "payload", "ization", "izer",
    ])
});

/// Words that make a key public or an index.
static PUBLIC: Words = LazyLock::new(|| {
    HashSet::from([
        "public", "pub", "pubkey", "publickey", "primary", "foreign", "partition", "sort", "cache", "row", "column", "object",
        "hot", "short", "shortcut", "map", "dict", "index", "unique", "composite", "natural", "surrogate", "registry", "routing",
        "message", "translation", "i18n", "locale", "site", "publishable", "trans", "lang", "label", "group", "metric", "event",
        "config", "setting", "property", "pref", "prefs", "preference", "arrow", "enter", "escape", "tab", "shift", "ctrl",
        "alt", "meta", "next", "page", "continuation", "cursor", "sync", "csrf", "xsrf", "antiforgery", "verification", "paging",
        "pagination", "start", "end", "stop", "eos", "bos", "pad", "unk", "mask", "sep", "cls", "special", "max", "min", "num",
        "total", "count", "parse", "lex", "lexer", "hash", "dedup", "idempotency", "ordering", "bypass", "sorting", "lookup",
        "search", "storage", "cookie", "session", "param", "query", "field", "json", "item", "data", "node", "react", "data-key",
        "is", "has", "get", "hashed", "forgot", "reset", "show", "hide", "toggle", "invalid", "wrong", "missing", "no", "enter",
        "confirm", "repeat", "bad", "device", "notification", "push", "known", "host", "allowed", "authorized",
    ])
});

/// Words that say which secret it is.
static QUALIFIERS: Words = LazyLock::new(|| {
    HashSet::from([
        "api", "access", "secret", "private", "encryption", "encrypt", "enc", "crypt", "crypto", "sign", "signing", "signature",
        "master", "auth", "oauth", "app", "account", "service", "shared", "license", "licence", "aes", "des", "hmac", "jwt",
        "ssh", "deploy", "admin", "consumer", "client", "subscription", "webhook", "write", "bearer", "refresh", "bot",
        "session", "bind", "db", "database", "root", "user", "smtp", "mail", "email", "ftp", "redis", "mysql", "postgres",
        "mongo", "ldap", "keystore", "truststore", "key", "wifi", "wpa", "sudo", "ssl", "tls", "rpc", "proxy", "aws", "azure",
        "gcp", "google", "github", "gitlab", "slack", "stripe", "twilio", "npm", "pypi", "docker", "telegram", "discord",
        "facebook", "twitter", "heroku", "cloudflare", "personal", "security", "registration", "erlang", "cookie",
    ])
});

/// Words that speak of tests and samples.
const SAMPLES: &[&str] =
    &["test", "fake", "dummy", "example", "sample", "mock", "demo", "invalid", "wrong", "bad", "expected", "foo"];

thread_local! {
    /// The same few names stand everywhere.
    static LATELY: RefCell<Memo<Name>> = RefCell::default();
}

/// Reads `name`.
#[must_use]
pub(super) fn read(name: &[u8]) -> Name {
    LATELY.with_borrow_mut(|lately| lately.get_or(name, || by_words(name)))
}

fn by_words(name: &[u8]) -> Name {
    let (words, segment) = words(name);
    let mut out = Name::default();
    let secret_at = words.iter().rposition(|w| class_of(w.as_bytes()).is_some() || SECRET_WORDS.contains(&w.as_str()));
    let Some(secret_at) = secret_at else { return out };
    let after = &words[secret_at + 1..];
    let meaningful_after: Vec<&String> = after.iter().filter(|w| !w.bytes().all(|b| b.is_ascii_digit()) && w.len() > 1).collect();
    out.is_head = meaningful_after.is_empty();
    out.other_head = meaningful_after
        .iter()
        .rev()
        .find_map(|w| OTHER_HEADS.get(w.as_str()).copied())
        .or_else(|| fused_head(&words[secret_at]));
    out.id = meaningful_after.last().is_some_and(|w| matches!(w.as_str(), "id" | "ids"));
    // What an object holds is told by the member: `config.secret_key` is no setting.
    let idempotent = words.windows(2).any(|w| w[1] == "token" && (w[0] == "client" || w[0] == "request"));
    let from = if secret_at >= segment { segment } else { 0 };
    out.public = words[from..].iter().find_map(|w| PUBLIC.get(w.as_str()).copied());
    if idempotent {
        out.public = Some("request");
    }
    out.sample = words.iter().any(|w| SAMPLES.contains(&w.as_str()));
    out.many = words.len() >= 5;
    out.alone = words.len() == 1;
    out.qualified = words.iter().enumerate().any(|(i, w)| i != secret_at && QUALIFIERS.contains(w.as_str()))
        || FUSED.iter().any(|f| words[secret_at].contains(f));
    let weak = matches!(
        class_of(words[secret_at].as_bytes()),
        Some(AssignmentClass::Key | AssignmentClass::Token | AssignmentClass::Credential)
    );
    out.bare = weak && !out.qualified;
    out
}

/// Whether a name speaks of a phrase rather than a word.
#[must_use]
pub(super) fn is_phrase(name: &[u8]) -> bool {
    contains_in_any_case(name, b"phrase")
}

const SECRET_WORDS: &[&str] = &["pw", "pwd", "psk", "pass", "bindpw"];

/// Secrets written as one word.
const FUSED: &[&str] = &[
    "apikey", "secretkey", "accesskey", "privatekey", "authkey", "masterkey", "accesstoken", "authtoken", "apitoken", "bottoken",
    "authkey", "appkey", "appsecret", "clientsecret", "signingkey", "encryptionkey", "sharedkey", "accountkey",
];

/// A word such as `passwordfield` that ends with another head.
fn fused_head(word: &str) -> Option<&'static str> {
    [
        "passwordfield", "passwordlabel", "passwordinput", "tokenizer", "keyname", "keypath", "keyfile", "keyid", "keycode",
        "tokentype", "tokenurl", "secretname",
    ]
    .contains(&word)
    .then_some("name")
}

/// The words of a name, lower case, split at `_ - . $`, blanks and camel case; and where those behind the last dot begin.
fn words(name: &[u8]) -> (Vec<String>, usize) {
    let mut segment = 0;
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut previous = b' ';
    for (i, &b) in name.iter().enumerate() {
        let next_lower = name.get(i + 1).is_some_and(u8::is_ascii_lowercase);
        let camel = b.is_ascii_uppercase()
            && (previous.is_ascii_lowercase() || previous.is_ascii_digit() || previous.is_ascii_uppercase() && next_lower);
        let separator = !b.is_ascii_alphanumeric() && b.is_ascii();
        if (camel || separator) && !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        if b == b'.' {
            segment = out.len();
        }
        if !separator {
            word.push(char::from(b.to_ascii_lowercase()));
        }
        previous = b;
    }
    if !word.is_empty() {
        out.push(word);
    }
    (out, segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        assert_eq!(words(b"DB_PASSWORD").0, ["db", "password"]);
        assert_eq!(words(b"dbPassword2").0, ["db", "password2"]);
        assert_eq!(words(b"awsAPIKey").0, ["aws", "api", "key"]);
        assert_eq!(words(b"spring.datasource.password").0, ["spring", "datasource", "password"]);
    }

    #[test]
    fn heads_decide() {
        assert!(read(b"DB_PASSWORD").is_head);
        assert_eq!(read(b"passwordField").other_head, Some("field"));
        assert_eq!(read(b"token_count").other_head, Some("count"));
        assert_eq!(read(b"public_key").public, Some("public"));
        assert_eq!(read(b"config.secret_key").public, None);
        assert!(read(b"oauthClientId").id);
        assert!(read(b"key").bare);
        assert!(!read(b"api_key").bare);
        assert!(read(b"apikey").qualified);
    }
}
