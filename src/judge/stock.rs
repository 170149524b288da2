//! Stock words: what people make a stand-in of where a secret will be, `my_api_key`, `testPassword123`, `some-other-token`.
//! They lower a score and no more; chance makes them of random letters once in a great while.

use crate::detect::short::contains_in_any_case;

/// The vocabulary, in alphabetical order.
const WORDS: [&str; 134] = [
    "a", "abc", "abcd", "access", "account", "admin", "administrator", "also", "an", "another", "any", "api", "app", "auth",
    "authorization", "aws", "bad", "bar", "baz", "bearer", "blah", "change", "client", "code", "config", "confirm", "correct",
    "credential", "credentials", "current", "custom", "db", "default", "demo", "dev", "different", "dummy", "email", "empty",
    "example", "expected", "fake", "field", "first", "foo", "foobar", "for", "from", "github", "goes", "good", "guest", "hash",
    "hello", "here", "id", "in", "incorrect", "input", "invalid", "is", "it", "jwt", "key", "known", "letmein", "local", "login",
    "long", "master", "me", "mock", "my", "mysql", "name", "new", "no", "not", "o", "oauth", "of", "old", "one", "original",
    "other", "pass", "passphrase", "passwd", "password", "placeholder", "postgres", "private", "pw", "pwd", "qwerty", "random",
    "real", "refresh", "right", "root", "sample", "second", "secret", "server", "session", "shared", "short", "signing", "some",
    "stub", "super", "system", "temp", "test", "tester", "testing", "text", "that", "the", "this", "to", "token", "two",
    "update", "updated", "user", "username", "valid", "value", "very", "weak", "welcome", "wrong", "your",
];

/// Stock words written together that are split no other way.
const FUSED: [&str; 12] = [
    "myapikey", "apikey", "mypassword", "mysecret", "mytoken", "secretkey", "accesskey", "accesstoken", "testkey", "testtoken",
    "supersecret", "testpass",
];

/// How much of a value is stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    All,
    Half,
    Less,
}

/// How many of the letters of `value` belong to stock words or to words of its own name.
#[must_use]
pub(super) fn share(value: &[u8], name: &[u8]) -> Share {
    if value.len() > 64 {
        return Share::Less;
    }
    let mut stock = 0;
    let mut letters = 0;
    let mut counted = [0u8; 24];
    for word in super::value::pieces(value) {
        letters += word.len();
        if word.len() > counted.len() {
            continue;
        }
        let lower = &mut counted[..word.len()];
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        if is_stock(lower) || word.len() >= 4 && contains_in_any_case(name, lower) {
            stock += word.len();
        }
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    if letters < 3 || digits > 6 && digits > letters / 2 {
        Share::Less
    } else if stock == letters || is_constant(value) {
        Share::All
    } else if stock * 2 > letters && stock >= 4 {
        Share::Half
    } else {
        Share::Less
    }
}

/// Whether a word of `value` is the name of the thing itself: token, password, secret, key.
#[must_use]
pub(super) fn names_secret(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [b"token", b"password", b"passwd", b"secret", b"key", b"apikey", b"passphrase", b"pwd"];
    value.len() <= 64 && super::value::pieces(value).any(|word| NAMES.iter().any(|n| word.eq_ignore_ascii_case(n)))
}

/// `dckr_pat_TOKEN`, `my-db_PASSWORD`: letters that end with the name of the thing itself, shouted.
fn is_constant(value: &[u8]) -> bool {
    let begin = value.iter().rposition(|b| !b.is_ascii_uppercase()).map_or(0, |at| at + 1);
    let last: &[u8] = &value[begin..];
    begin > 0 && matches!(last, b"TOKEN" | b"KEY" | b"SECRET" | b"PASSWORD") && !value.iter().any(u8::is_ascii_digit)
}

fn is_stock(lower: &[u8]) -> bool {
    known(lower)
        || FUSED.iter().any(|w| w.as_bytes() == lower)
        || lower.strip_suffix(b"s").is_some_and(|one| one.len() > 3 && known(one))
        || (3..lower.len().saturating_sub(1)).any(|at| known(&lower[..at]) && lower.len() - at >= 2 && known(&lower[at..]))
        || lower.strip_prefix(b"my").is_some_and(|rest| rest.len() > 2 && known(rest))
}

/// Where the words with each first letter begin; the last ends there.
const BEGINS: [usize; 27] = {
    let mut begins = [0; 27];
    let mut at = 0;
    let mut letter = 0;
    while letter < 27 {
        while at < WORDS.len() && ((WORDS[at].as_bytes()[0] - b'a') as usize) < letter {
            at += 1;
        }
        begins[letter] = at;
        letter += 1;
    }
    begins
};

/// Whether a word in lower case belongs to the vocabulary.
fn known(word: &[u8]) -> bool {
    let Some(letter) = word.first().and_then(|b| b.checked_sub(b'a')).map(usize::from).filter(|n| *n < 26) else { return false };
    WORDS[BEGINS[letter]..BEGINS[letter + 1]].iter().any(|w| w.as_bytes() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_sorted() {
        assert!(WORDS.is_sorted());
    }

    #[test]
    fn stand_ins_are_told_from_secrets() {
        for text in ["my_api_key", "yourAccessKey", "testpassword", "some-other-token", "admin123", "wrong_password", "abc123"] {
            assert_eq!(share(text.as_bytes(), b"x"), Share::All, "{text}");
        }
        for text in ["k3Xv9Qm1Zr7Tb5Wp", "Rubber-Duck-9", "tick-T0ck", "hjkqwerz"] {
            assert_eq!(share(text.as_bytes(), b"password"), Share::Less, "{text}");
        }
        assert_eq!(share(b"nats-token", b"NATS_TOKEN"), Share::All);
    }
}
