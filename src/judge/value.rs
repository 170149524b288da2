//! What the text of a generic rule's value says: of which kind it is, whether it stands in for a secret, how random it looks.

use super::placeholder;
use super::shape::{self, Shape};
use super::stock::{self, Share};
use crate::detect::short::contains;
use std::borrow::Cow;

/// Of which kind a value's text is. Each is a signal of the same name.
#[must_use]
pub(super) fn kind(value: &[u8], shape: &Shape) -> (&'static str, &'static str) {
    let letters = shape.lower + shape.upper;
    if shape.other * 3 > shape.len {
        return ("value-foreign", "text outside ASCII");
    }
    if is_regex(value) {
        return ("value-regex", "a pattern");
    }
    if memchr::memchr_iter(b'\\', value).count() * 7 > shape.len {
        return ("value-escapes", "escaped characters");
    }
    if shape.spaces > 0 && is_sentence(value, shape) {
        return ("value-sentence", "words with spaces between");
    }
    if shape::is_path(value) {
        return ("value-path", "a path or an address");
    }
    if shape::is_uuid(value) {
        return ("value-uuid", "a UUID");
    }
    if shape.digits == shape.len && shape.len >= 6 {
        return ("value-digits", "digits alone");
    }
    if shape::is_number_like(shape, value) {
        return ("value-number", "a number, a date or a version");
    }
    if shape::is_hex(value) {
        return ("value-hex", "hexadecimal");
    }
    let words = Words::of(value);
    let like_words = words.surprise < if letters < 8 { 4.5 } else { 4.75 };
    let joins = value.iter().filter(|b| matches!(b, b'_' | b'-' | b'.' | b':' | b'/' | b'$' | b'@' | b'&')).count();
    let one_word = joins == 0 && shape.symbols == 0 && shape.spaces == 0 && (words.count <= 1 || shape.lower == 0);
    if shape.digits == 0 && one_word {
        return if like_words { ("value-word", "a word") } else { ("value-odd-word", "letters that make no word") };
    }
    let short_pieces = words.count > 0 && letters < 3 * words.count;
    let at_end = value.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    if like_words && !short_pieces && shape.symbols == joins && shape.spaces == 0 && shape.other == 0 {
        if shape.digits == 0 {
            return ("value-identifier", "an identifier");
        }
        if one_word && at_end == shape.digits {
            return ("value-word-digits", "a word with digits at its end");
        }
        if words.leet > 0 {
            return ("value-leet", "words with digits among their letters");
        }
        if shape.digits <= 4 && shape.digits * 3 <= letters {
            return ("value-numbered", "an identifier with a number");
        }
    }
    if like_words && !short_pieces && letters * 2 > shape.len && shape.len < 40 {
        return ("value-words-symbols", "words with symbols");
    }
    ("value-random", "unlike words")
}

/// Letter runs of a value, split at camel case.
#[derive(Debug, Default)]
struct Words {
    /// How many there are.
    count: usize,
    /// Bits a letter under the bigram model.
    surprise: f32,
    /// Digits with a letter on both sides.
    leet: usize,
}

impl Words {
    fn of(value: &[u8]) -> Self {
        let mut out = Self::default();
        let (mut bits, mut letters) = (0.0, 0);
        for word in pieces(value) {
            out.count += 1;
            letters += word.len();
            #[expect(clippy::cast_precision_loss, reason = "words are short")]
            let len = word.len() as f32;
            bits += shape::surprise(word) * len;
        }
        out.leet = value
            .windows(3)
            .filter(|w| w[1].is_ascii_digit() && w[0].is_ascii_alphabetic() && w[2].is_ascii_alphabetic())
            .count();
        #[expect(clippy::cast_precision_loss, reason = "values are short")]
        if letters > 0 {
            out.surprise = bits / letters as f32;
        } else {
            out.surprise = 8.0;
        }
        out
    }
}

/// The words of a value: runs of letters, split where camel case begins a new one.
pub(super) fn pieces(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| !b.is_ascii_alphabetic()).flat_map(|run| {
        let mut rest = run;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut end = 1;
            while end < rest.len() {
                let begins = rest[end].is_ascii_uppercase()
                    && (rest[end - 1].is_ascii_lowercase() || rest.get(end + 1).is_some_and(u8::is_ascii_lowercase));
                if begins {
                    break;
                }
                end += 1;
            }
            let (word, tail) = rest.split_at(end);
            rest = tail;
            Some(word)
        })
    })
}

/// Text that stands in for a secret from end to end, or is the hash of one: nothing else about it counts.
#[must_use]
pub(super) fn stand_in(value: &[u8]) -> Option<(&'static str, Cow<'static, str>)> {
    if is_hash(value) {
        return Some(("value-hash", "the hash of a password".into()));
    }
    if is_type(value) {
        return Some(("value-type", "the name of a type".into()));
    }
    if is_publishable(value) {
        return Some(("value-publishable", "a key that its vendor means to be public".into()));
    }
    placeholder::word(value).map(|word| ("value-placeholder", format!("`{word}` stands in for a secret").into()))
}

/// Signals beside the kind.
pub(super) fn signals(
    value: &[u8],
    shape: &Shape,
    name: &[u8],
    stock: Share,
    mut say: impl FnMut(&'static str, Cow<'static, str>),
) {
    if stock == Share::Half {
        say("value-half-stock", "made of stock words for the most part".into());
    } else if let Some(word) = placeholder::stop_word(value) {
        say("value-stop-word", format!("contains `{word}`").into());
    }
    if placeholder::sequence(value).is_some() {
        say("value-sequence", "its characters count up or repeat".into());
    }
    if is_like(value, name) {
        say("value-like-name", "the value repeats the name".into());
    }
    if shape.digits < 8 && stock::names_secret(value) {
        say("value-secret-word", "a word in it says what belongs here".into());
    }
    match shape.len {
        0..=5 => say("value-tiny", "fewer than 6 characters".into()),
        6..=7 => say("value-short", "6 or 7 characters".into()),
        8..=11 => {}
        12..=19 => say("value-mid", "12 to 19 characters".into()),
        20..=200 => say("value-long", "long enough for a key".into()),
        _ => say("value-very-long", "longer than secrets are".into()),
    }
    if value.contains(&b'\n') {
        say("value-lines", "several lines".into());
    }
    if shape.other > 0 {
        say("value-non-ascii", "with characters outside ASCII".into());
    }
    let odd = value.iter().filter(|b| b"<>(){}[]|\\,;`\"'".contains(b)).count();
    if odd > 1 && odd * 6 > value.len() {
        say("value-odd-symbols", "brackets and separators".into());
    }
    if shape.surprise > 5.2 && shape.len >= 8 {
        say("value-very-random", "very unlike words".into());
    }
    if shape.lower > 0 && shape.upper > 0 && shape.digits > 0 {
        say("value-mixed", "both cases and digits".into());
    }
    if shape.upper == 0 && shape.digits == 0 && shape.symbols == 0 {
        say("value-lower", "lower case alone".into());
    }
    if value.iter().any(|b| b"!#%^*+=?~@$&".contains(b)) {
        say("value-symbols", "with the symbols of passwords".into());
    }
}

/// Words with spaces between them: prose, not a pass phrase of rare words or symbols.
fn is_sentence(value: &[u8], shape: &Shape) -> bool {
    let words = value.split(|b| *b == b' ').filter(|w| !w.is_empty()).count();
    words >= 2 && shape.digits * 5 < shape.len && shape.surprise < 5.2
}

/// The value says again what the name says: `password = "user_password"`, `TOKEN_EXPIRED = "token_expired"`.
fn is_like(value: &[u8], name: &[u8]) -> bool {
    let squeeze =
        |text: &[u8]| -> Vec<u8> { text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect() };
    if value.len() > name.len() + 16 {
        return false;
    }
    let (name, value) = (squeeze(name), squeeze(value));
    if value.len() < 3 || name.len() < 3 {
        return false;
    }
    value == name || name.ends_with(&value) || value.len() <= name.len() + 12 && contains(&value, &name)
}

/// The hash of a password in one of the usual forms.
#[must_use]
pub(super) fn is_hash(value: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 20] = [
        b"$1$", b"$2a$", b"$2b$", b"$2y$", b"$2x$", b"$5$", b"$6$", b"$7$", b"$y$", b"$argon2", b"$apr1$", b"$scrypt$",
        b"$pbkdf2", b"pbkdf2_", b"pbkdf2:", b"{SSHA", b"{SHA", b"{CRYPT}", b"SCRAM-SHA-", b"scrypt:",
    ];
    let postgres = value.len() == 35 && value.starts_with(b"md5") && value[3..].iter().all(u8::is_ascii_hexdigit);
    postgres || begins_with_any(value, &PREFIXES)
}

/// A regular expression.
fn is_regex(value: &[u8]) -> bool {
    const MARKS: [&[u8]; 12] = [b"0-9", b"a-z", b"A-Z", b"\\d", b"\\w", b"\\s", b"\\b", b"(?:", b"(?P<", b".*", b".+", b"[^"];
    let brackets = value.iter().any(|b| matches!(b, b'[' | b'(' | b'\\' | b'^'));
    brackets && MARKS.iter().any(|m| contains(value, m))
}

/// Keys that vendors mean to stand in pages and apps.
fn is_publishable(value: &[u8]) -> bool {
    const PREFIXES: &[&[u8]] = &[
        b"pk_live_",
        b"pk_test_",
        b"pk_",
        b"pk-lf-",
        b"pk.eyJ",
        b"phc_",
        b"sb_publishable_",
        b"NRJS-",
        b"FLWPUBK",
        b"rzp_live_",
        b"rzp_test_",
        b"ssh-",
        b"sha1-",
        b"sha256-",
        b"sha512-",
        b"SHA256:",
        b"https://",
        b"-----BEGIN CERT",
        b"-----BEGIN PUB",
        b"MFkwEwYHKoZIzj0CAQ",
        b"MHYwEAYHKoZIzj0CAQ",
        b"MIIBIjANBgkqhkiG9w0BAQ",
        b"MIICIjANBgkqhkiG9w0BAQ",
        b"MIGfMA0GCSqGSIb3DQEB",
        b"MCowBQYDK2VwAyEA",
    ];
    begins_with_any(value, PREFIXES) || is_public_nkey(value)
}

/// Whether `value` begins with one of `prefixes`: most differ in their first byte.
fn begins_with_any(value: &[u8], prefixes: &[&[u8]]) -> bool {
    prefixes.iter().any(|p| begins_with(value, p))
}

/// Whether `value` begins with `prefix`, which most values do not in their first byte.
pub(super) fn begins_with(value: &[u8], prefix: &[u8]) -> bool {
    value.first() == prefix.first() && value.starts_with(prefix)
}

/// The public half of a NATS nkey: its kind, then 55 characters of base32.
fn is_public_nkey(value: &[u8]) -> bool {
    value.len() == 56
        && b"ACNOUX".contains(&value[0])
        && value.iter().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(b))
}

/// The length of the longest name of a type.
const LONGEST_TYPE: usize = 13;

/// The name of a type, or of a kind of authentication.
fn is_type(value: &[u8]) -> bool {
    const TYPES: &[&[u8]] = &[
        b"string", b"str", b"bytes", b"byte", b"int", b"integer", b"bool", b"boolean", b"number", b"float", b"double", b"long",
        b"char", b"varchar", b"object", b"any", b"void", b"array", b"list", b"dict", b"map", b"optional", b"option", b"none",
        b"null", b"nil", b"self", b"this", b"text", b"password", b"hidden", b"uuid", b"date", b"file", b"buffer", b"symbol",
        b"unknown", b"never", b"binary", b"cstring", b"u8", b"json", b"basic", b"bearer", b"digest", b"oauth", b"oauth2",
        b"saml", b"ldap", b"nsstring", b"id", b"base64", b"plain", b"plaintext", b"md5", b"sha1", b"sha256", b"aes",
        b"scram-sha-256", b"jwt", b"argon2id", b"utf8", b"utf-8", b"latin1", b"ascii",
    ];
    let mut bare = value;
    for ending in [&b"?"[..], b"!", b"[]", b")", b"*"] {
        bare = bare.strip_suffix(ending).unwrap_or(bare);
    }
    let bare = bare.trim_ascii();
    bare.len() <= LONGEST_TYPE && TYPES.iter().any(|name| name.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_values() {
        let words =
            |text: &'static str| pieces(text.as_bytes()).map(|w| String::from_utf8_lossy(w).into_owned()).collect::<Vec<_>>();
        assert_eq!(words("myHTTPKey_2 old"), ["my", "HTTP", "Key", "old"]);
        assert_eq!(words("1234"), Vec::<String>::new());
    }

    #[test]
    fn each_text_is_of_its_kind() {
        for (text, expected) in [
            ("Введите пароль", "value-foreign"),
            ("[A-Za-z0-9]+", "value-regex"),
            ("Enter your password", "value-sentence"),
            ("/etc/ssl/key.pem", "value-path"),
            ("^7.1.2", "value-number"),
            ("0xC0000156", "value-number"),
            ("database", "value-word"),
            ("xqkzjwvb", "value-odd-word"),
            ("accessToken", "value-identifier"),
            ("com.example.AuthToken", "value-identifier"),
            ("tiger2019", "value-word-digits"),
            ("Sunsh1neState", "value-leet"),
            ("encryption_key_1024", "value-numbered"),
            ("Summer!Rain", "value-words-symbols"),
            ("k3Xv9Qm1Zr7Tb5Wp", "value-random"),
        ] {
            assert_eq!(kind(text.as_bytes(), &Shape::of(text.as_bytes())).0, expected, "{text}");
        }
    }
}
