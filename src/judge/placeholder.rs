//! Values that stand in for a secret: `changeme`, `xxxxxxxx`, `<your-key>`, `YOUR_API_KEY`.

use crate::detect::any_of::AnyOf;
use crate::detect::short::contains;

/// Values that people write where a password will be, and that name no secret.
const WORDS: &[&str] = &[
    "password", "passwort", "passwd", "pass", "pwd", "secret", "token", "key", "apikey", "api_key", "api-key", "changeme",
    "change_me", "change-me", "change this", "changethis", "change_this", "change-this", "placeholder", "example", "sample",
    "dummy", "fake", "foo", "bar", "foobar", "foobarbaz", "baz", "qux", "test", "testing", "tests", "todo", "tbd", "none",
    "null", "nil", "undefined", "true", "false", "yes", "no", "empty", "default", "value", "string", "text", "your_password",
    "yourpassword", "your-password", "mypassword", "my_password", "my-password", "mysecret", "my_secret", "my-secret",
    "secret_key", "secretkey", "access_token", "accesstoken", "xxx", "abc", "abcd", "redacted", "hidden", "masked", "removed",
    "censored", "user", "username", "admin", "root", "guest", "required", "optional", "unknown", "n/a", "na", "insert",
    "replace", "replaceme", "replace_me", "replace-me", "fixme", "notset", "not_set", "unset", "dontcare", "blank", "hunter2",
    "hunter22", "set-me", "setme", "letmein", "s3cr3t", "qwerty", "passw0rd", "p@ssw0rd", "p@ssword",
];

/// Pieces of instructions to the reader.
static PHRASES: AnyOf = AnyOf::in_any_case(&[
    b"your_", b"your-", b"your ", b"<your", b"yourapi", b"yoursecret", b"yourtoken", b"yourkey", b"yourpass", b"_here", b"-here",
    b" here", b"goes_here", b"goeshere", b"keyhere", b"tokenhere", b"changeme", b"change_me", b"change-me", b"change me",
    b"replace_", b"replace-", b"replace me", b"replaceme", b"insert_", b"insert-", b"insert ", b"placeholder", b"redacted",
    b"enter_", b"enter-", b"enter ", b"todo", b"fixme", b"put_your", b"to_be_",
]);

/// Words that lower trust in an otherwise well-formed token. Four letters or more, so that chance seldom makes them.
static STOP_WORDS: AnyOf = AnyOf::in_any_case(&[
    b"example", b"sample", b"placeholder", b"dummy", b"fake", b"changeme", b"redacted", b"notreal", b"invalid", b"yourkey",
    b"foobar", b"deadbeef", b"testtest", b"xxxx",
]);

/// The common placeholder word that the whole value is, if it is one.
#[must_use]
pub(super) fn word(value: &[u8]) -> Option<&'static str> {
    let lower = value.to_ascii_lowercase();
    let bare = lower.strip_suffix(b"...").unwrap_or(&lower);
    WORDS.iter().find(|w| w.as_bytes() == bare).copied()
}

/// A word in `value` that speaks of a sample; it lowers the score and no more.
#[must_use]
pub(super) fn stop_word(value: &[u8]) -> Option<&'static str> {
    STOP_WORDS.first_in(value).and_then(|word| std::str::from_utf8(word).ok())
}

/// Why the whole value certainly stands in for a secret.
#[must_use]
pub(super) fn stands_in(value: &[u8]) -> Option<String> {
    let text = value.trim_ascii();
    if text.is_empty() {
        return Some("it is empty".into());
    }
    let bracketed = [(b'<', b'>'), (b'[', b']'), (b'{', b'}')]
        .iter()
        .any(|(open, close)| text.first() == Some(open) && text.last() == Some(close) && text.len() > 2);
    if bracketed && text[1..text.len() - 1].iter().all(|b| b.is_ascii_alphanumeric() || b" _-.:/'`|$*".contains(b)) {
        return Some("it is a name in brackets".into());
    }
    let mut distinct = [false; 256];
    for b in text {
        distinct[usize::from(*b)] = true;
    }
    let distinct = distinct.iter().filter(|d| **d).count();
    if distinct <= 2 && text.len() >= 4 || distinct <= 3 && text.len() >= 12 {
        return Some("the same characters over and over".into());
    }
    if repeats(text) {
        return Some("the same piece over and over".into());
    }
    let ends = |word: &[u8]| text.len() > 8 && text[text.len() - word.len().min(text.len())..].eq_ignore_ascii_case(word);
    if ends(b"example") || ends(b"examplekey") {
        return Some("it says at its end that it is an example".into());
    }
    if elided(text) {
        return Some("a part of it is left out".into());
    }
    if filler(text) {
        return Some("it is filled up with x, * or dots".into());
    }
    if text.len() <= 64
        && let Some(phrase) = PHRASES.first_in(text)
    {
        return Some(format!("`{}` is an instruction to the reader", String::from_utf8_lossy(phrase.trim_ascii())));
    }
    if sequence(text).is_some_and(|run| run * 10 >= text.len() * 9) {
        return Some("its characters count up".into());
    }
    None
}

/// `yadayada`, `deadbeefdeadbeef`: a short piece repeated from end to end.
fn repeats(text: &[u8]) -> bool {
    text.len() >= 6 && (1..=text.len().min(32) / 2).any(|period| text[period..].iter().zip(text).all(|(a, b)| a == b))
}

/// `ops_eyJ...`, `prefix.<secret>`, `pi_{ID}_secret`.
fn elided(text: &[u8]) -> bool {
    if text.ends_with(b"...") || contains(text, "…".as_bytes()) || text.len() <= 64 && text.windows(3).any(|w| w == b"...") {
        return true;
    }
    [(b'<', b'>'), (b'{', b'}')].iter().any(|(open, close)| {
        let Some(from) = text.iter().position(|b| b == open) else { return false };
        let Some(len) = text[from + 1..].iter().position(|b| b == close) else { return false };
        let inside = &text[from + 1..from + 1 + len];
        inside.len() >= 3 && inside.iter().all(|b| b.is_ascii_alphabetic() || b"_- ".contains(b))
    })
}

/// A run of four or more `x`, `X`, `*`, `.`, `0` or `_` that makes up a third of the text, or x and * for half of it.
fn filler(text: &[u8]) -> bool {
    let mut longest = 0;
    let mut run = 0;
    let mut last = 0;
    for &b in text {
        run = if b == last { run + 1 } else { 1 };
        last = b;
        if b"xX*.0_#-?".contains(&b) {
            longest = longest.max(run);
        }
    }
    let marks = text.iter().filter(|b| b"xX*".contains(b)).count();
    longest >= 4 && (longest * 3 >= text.len() || marks * 2 >= text.len())
}

/// Whether most letters of `value` stand in the order of the alphabet, whatever stands between: `AB1C2defGHijk`.
fn alphabet(value: &[u8]) -> bool {
    let (mut letters, mut covered, mut run, mut last) = (0, 0, 0, 0);
    for b in value.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase) {
        letters += 1;
        run = if b == last + 1 { run + 1 } else { 1 };
        covered += match run {
            4 => 4,
            n if n > 4 => 1,
            _ => 0,
        };
        last = b;
    }
    letters >= 8 && covered * 2 > letters
}

/// How many characters of `value` belong to runs that count up, count down or repeat, where that is four in ten or more.
#[must_use]
pub(super) fn sequence(value: &[u8]) -> Option<usize> {
    let mut covered = 0;
    let mut i = 0;
    while i + 1 < value.len() {
        let step = i16::from(value[i + 1]) - i16::from(value[i]);
        let mut j = i + 1;
        if (-1..=1).contains(&step) && value[i].is_ascii_alphanumeric() {
            while j + 1 < value.len() && follows(value[j], value[j + 1], step) {
                j += 1;
            }
        }
        let run = j - i + 1;
        if run >= 4 {
            covered += run;
            i = j + 1;
        } else {
            i += 1;
        }
    }
    if alphabet(value) {
        covered = covered.max(value.len() / 2);
    }
    (covered * 10 >= value.len() * 4 && covered >= 6).then_some(covered)
}

/// Whether `b` comes after `a` in the run: also 9 → 0 and 9 → a, as in `1234567890abcdef`.
fn follows(a: u8, b: u8, step: i16) -> bool {
    i16::from(b) - i16::from(a) == step && b.is_ascii_alphanumeric()
        || step == 1 && matches!((a, b), (b'9', b'0' | b'a' | b'A') | (b'0', b'a' | b'A') | (b'f' | b'F', b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_secrets() {
        for text in [
            "xxxxxxxxxxxx",
            "<your-token>",
            "YOUR_API_KEY",
            "********",
            "1234567890abcdef",
            "sk_live_your_key_goes_here",
            "aaaaaaaa",
            "yadayada",
            "   ",
        ] {
            assert!(stands_in(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["hunter22", "Summer2024!", "k3Xv9Qm1Zr7Tb5Wp", "correct-horse-battery"] {
            assert_eq!(stands_in(text.as_bytes()), None, "{text}");
        }
    }
}
