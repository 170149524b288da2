//! The words that names of secrets are made of.

use crate::detect::any_of::AnyOf;
use crate::detect::memo::Memo;
use crate::detect::short::{find, rfind};
use crate::rule::AssignmentClass;
use std::cell::RefCell;

/// Words that contain a fragment and speak of something else.
const INNOCENT: &[&[u8]] = &[
    b"passenger", b"passive", b"passion", b"passage", b"bypass", b"compass", b"passport", b"passed", b"passing", b"passes",
    b"author", b"keyboard", b"keyword", b"keynote", b"keycode", b"keypress", b"keydown", b"keyup", b"keyframe", b"keymap",
    b"keypad", b"keystroke", b"monkey", b"turkey", b"hockey", b"donkey", b"jockey", b"whiskey", b"tokeniz", b"tokenis",
    b"secretary", b"credit", b"parole", b"saltstack", b"minipass", b"passthrough", b"passthru", b"onepass", b"passlib",
    b"keycloak", b"keychain",
];

thread_local! {
    /// The same few names stand everywhere.
    static LATELY: RefCell<Memo<Option<AssignmentClass>>> = RefCell::default();
}

/// The class that a name belongs to; `None` where it speaks of something else altogether.
#[must_use]
pub fn class_of(name: &[u8]) -> Option<AssignmentClass> {
    LATELY.with_borrow_mut(|lately| lately.get_or(name, || class_by_words(name)))
}

fn class_by_words(name: &[u8]) -> Option<AssignmentClass> {
    static INNOCENT_ONES: AnyOf = AnyOf::exactly(INNOCENT);
    let mut lower: Vec<u8> = name.to_ascii_lowercase();
    // Most names hold none: that is told in one pass.
    if INNOCENT_ONES.is_in(&lower) {
        for word in INNOCENT {
            blank(&mut lower, word);
        }
    }
    // Short words count at the edge of a word alone: there is a psk in deepskyblue.
    for word in [&b"psk"[..], b"salt"] {
        if let Some(at) = find(&lower, word) {
            let letter = |i: Option<usize>| i.and_then(|i| name.get(i)).is_some_and(u8::is_ascii_lowercase);
            if letter(at.checked_sub(1)) && name[at].is_ascii_lowercase() && letter(Some(at + word.len())) {
                blank(&mut lower, word);
            }
        }
    }
    let has = |word: &str| find(&lower, word.as_bytes());
    let password = ["pass", "pwd", "_pw", "psk", "contrase", "senha", "kennwort", "wachtwoord", "haslo", "hasło", "parol"];
    let upper_pw = name.ends_with(b"PW") && name.iter().all(|b| !b.is_ascii_lowercase());
    let whole = lower == b"pw" || lower == b"identified" || upper_pw;
    if whole || password.iter().any(|w| has(w).is_some()) {
        return Some(AssignmentClass::Password);
    }
    // The last word says what the thing is: a token secret is a secret, a secret key is a key.
    [
        ("secret", AssignmentClass::Secret),
        ("token", AssignmentClass::Token),
        ("key", AssignmentClass::Key),
        ("auth", AssignmentClass::Credential),
        ("cred", AssignmentClass::Credential),
        ("salt", AssignmentClass::Secret),
    ]
    .into_iter()
    .filter_map(|(word, class)| rfind(&lower, word.as_bytes()).map(|at| (at, class)))
    .max_by_key(|(at, _)| *at)
    .map(|(_, class)| class)
    .or_else(|| {
        // Names that end in them speak of credentials, though they begin with an innocent word or with none.
        let ends = |word: &[u8]| name.len() >= word.len() && name[name.len() - word.len()..].eq_ignore_ascii_case(word);
        (ends(b"authorization") || ends(b"login")).then_some(AssignmentClass::Credential)
    })
}

/// Overwrites every `word` in `text`.
fn blank(text: &mut [u8], word: &[u8]) {
    while let Some(at) = find(text, word) {
        text[at..at + word.len()].fill(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_decides() {
        for (name, class) in [
            ("password", Some(AssignmentClass::Password)),
            ("dbPwd", Some(AssignmentClass::Password)),
            ("SECRET_KEY", Some(AssignmentClass::Key)),
            ("oauth_token_secret", Some(AssignmentClass::Secret)),
            ("accessToken", Some(AssignmentClass::Token)),
            ("author", None),
            ("deepskyblue", None),
            ("wpaPsk", Some(AssignmentClass::Password)),
            ("keyboardLayout", None),
            ("passenger_key", Some(AssignmentClass::Key)),
        ] {
            assert_eq!(class_of(name.as_bytes()), class, "{name}");
        }
    }
}
