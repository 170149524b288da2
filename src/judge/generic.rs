//! The judgement of an assignment: weak signals from its name, its value and its surroundings, added up as log-odds.

use super::shape::{self, Shape};
use super::{Reason, Subject, Verdict, expression, name, placeholder, weights};
use crate::detect::assignment::{Operator, Quote};
use crate::rule::AssignmentClass;

/// Judges a candidate of the assignment scanner.
pub(super) fn judge(subject: Subject<'_>) -> Verdict {
    let mut signals = Signals { log_odds: weights::BIAS, reasons: Vec::new() };
    from_name(subject, &mut signals);
    from_value(subject, &mut signals);
    from_surroundings(subject, &mut signals);
    Verdict { score: 1.0 / (1.0 + (-signals.log_odds).exp()), proven: false, reasons: signals.reasons }
}

struct Signals {
    log_odds: f32,
    reasons: Vec<Reason>,
}

impl Signals {
    fn add(&mut self, signal: &'static str, text: impl Into<String>) {
        let weight = weights::of(signal);
        self.log_odds += weight;
        self.reasons.push(Reason { signal, text: text.into(), weight });
    }

    fn when(&mut self, condition: bool, signal: &'static str, text: &str) {
        if condition {
            self.add(signal, text);
        }
    }
}

fn from_name(subject: Subject<'_>, signals: &mut Signals) {
    let Some(assignment) = subject.candidate.assignment else { return };
    match assignment.class {
        AssignmentClass::Password => signals.add("class-password", "the name speaks of a password"),
        AssignmentClass::Secret => signals.add("class-secret", "the name speaks of a secret"),
        AssignmentClass::Token => signals.add("class-token", "the name speaks of a token"),
        AssignmentClass::Key => signals.add("class-key", "the name speaks of a key"),
        AssignmentClass::Credential => signals.add("class-credential", "the name speaks of a credential"),
    }
    let name = name::read(assignment.name.of(subject.blob));
    signals.when(name.is_head, "name-head", "and of nothing further");
    if let Some(word) = name.other_head {
        signals.add("name-other", format!("the name is about its {word}"));
    }
    if let Some(word) = name.public {
        signals.add("name-public", format!("`{word}` in the name"));
    }
    signals.when(name.bare, "name-bare", "nothing in the name says what it opens");
    signals.when(name.qualified, "name-qualified", "the name says what it opens");
    signals.when(name.sample, "name-sample", "the name speaks of a test or a sample");
}

fn from_value(subject: Subject<'_>, signals: &mut Signals) {
    let value = subject.value();
    let shape = Shape::of(value);
    let Some(assignment) = subject.candidate.assignment else { return };
    let is_password = assignment.class == AssignmentClass::Password;
    if let Some(kind) = expression::code(subject) {
        signals.add("value-code", format!("the value is {kind}"));
    }
    signals.when(is_publishable(value), "value-publishable", "a key that its vendor means to be public");
    if is_type(value) {
        signals.add("value-type", "the value is a type");
    }
    if let Some(word) = placeholder::word(value) {
        signals.add("value-placeholder", format!("`{word}` stands in for a secret"));
    } else if let Some(word) = placeholder::stop_word(value) {
        signals.add("value-stop-word", format!("contains `{word}`"));
    }
    signals.when(placeholder::sequence(value).is_some(), "value-sequence", "its characters count up or repeat");
    signals.when(like_name(subject), "value-like-name", "the value repeats the name");
    signals.when(shape.len < if is_password { 6 } else { 10 }, "value-short", "short for such a secret");
    signals.when(shape.len >= 20 && shape.len <= 100, "value-long", "long enough for a key");
    signals.when(shape.len > 200, "value-very-long", "longer than secrets are");
    if shape.spaces > 0 && sentence(value, &shape) {
        signals.add("value-sentence", "words with spaces between");
    } else if shape::is_path(value) {
        signals.add("value-path", "a path or an address");
    } else if shape::is_uuid(value) {
        signals.add("value-uuid", "a UUID");
    } else if shape::is_number_like(&shape, value) {
        signals.add("value-number", "a number, a date or a version");
    } else if shape::is_hex(value) {
        signals.add("value-hex", "hexadecimal");
    } else if shape.letters_only() && shape.surprise < 4.7 && (shape.upper <= 1 || shape.lower == 0) {
        signals.add("value-word", "a word");
    } else if shape::is_identifier(value, &shape) {
        signals.add("value-identifier", "an identifier");
    } else {
        signals.when(shape.surprise > 4.6 && shape.len >= 8, "value-random", "unlike words");
        signals.when(shape.surprise > 5.2 && shape.len >= 12, "value-very-random", "very unlike words");
        signals.when(shape.classes() >= 3, "value-mixed", "three or four kinds of characters");
        signals.when(shape.digits > 0 && shape.lower + shape.upper > 0, "value-digits-in-letters", "letters with digits");
        signals.when(shape.symbols > 0 && is_password, "value-symbols", "with symbols");
    }
    signals.when(shape.other > 0, "value-non-ascii", "with characters outside ASCII");
    let odd = value.iter().filter(|b| b"<>(){}[]|\\,;`\"'".contains(b)).count();
    signals.when(odd > 1 && odd * 6 > value.len(), "value-odd-symbols", "brackets and separators");
}

fn from_surroundings(subject: Subject<'_>, signals: &mut Signals) {
    let Some(assignment) = subject.candidate.assignment else { return };
    signals.when(assignment.quote != Quote::None, "quoted", "in quotes");
    let bare_in_code = assignment.quote == Quote::None
        && !matches!(assignment.operator, Operator::Flag | Operator::Element)
        && !assignment.whole_line;
    signals.when(bare_in_code, "bare-in-code", "without quotes in the middle of a line");
    match assignment.operator {
        Operator::Comparison => signals.add("comparison", "compared, not assigned"),
        Operator::Call => signals.add("call", "an argument of a call"),
        Operator::Comma => signals.add("comma", "beside its name in a list"),
        Operator::Keyword => signals.add("keyword", "after its name with nothing between"),
        _ => {}
    }
    if let Some(wrapper) = assignment.wrapper {
        let lower = wrapper.of(subject.blob).to_ascii_lowercase();
        let looks_up = [
            &b"env"[..],
            b"get",
            b"config",
            b"prop",
            b"find",
            b"select",
            b"load",
            b"read",
            b"translate",
            b"_(",
            b"i18n",
            b"lookup",
            b"var",
            b"element",
            b"query",
            b"setting",
            b"by.",
            b"prompt",
            b"input",
            b"col",
            b"field",
            b"string",
            b"param",
            b"error",
            b"print",
            b"log",
            b"arg",
            b"flag",
            b"t",
            b"$",
        ]
        .iter()
        .any(|w| if w.len() == 1 { lower.as_slice() == *w } else { memchr::memmem::find(&lower, w).is_some() });
        if looks_up {
            signals.add("lookup", "looked up by that name");
        } else {
            signals.add("wrapped", "an argument of a call");
        }
    }
    let after = subject.after();
    let behind = after.strip_prefix(b"\"").or_else(|| after.strip_prefix(b"'")).unwrap_or(after).trim_ascii_start();
    signals.when(
        behind.starts_with(b"+ ") || behind.starts_with(b". ") || behind.starts_with(b".format(") || behind.starts_with(b"% "),
        "concatenated",
        "a part of a longer text",
    );
    let nuls = subject.before().iter().chain(after).filter(|b| **b == 0).count();
    signals.when(nuls > 1, "binary", "among binary data");
    let line = subject.line_before();
    let in_tag = line.iter().rposition(|b| *b == b'<').is_some_and(|at| !line[at..].contains(&b'>'));
    signals.when(in_tag && assignment.operator == Operator::Equals, "markup", "an attribute in markup");
}

/// Words with spaces between them: prose, not a pass phrase of rare words or symbols.
fn sentence(value: &[u8], shape: &Shape) -> bool {
    let words = value.split(|b| *b == b' ').filter(|w| !w.is_empty()).count();
    words >= 2 && shape.digits * 5 < shape.len && shape.surprise < 5.2
}

/// The value says again what the name says: `password = "user_password"`, `TOKEN_EXPIRED = "token_expired"`.
fn like_name(subject: Subject<'_>) -> bool {
    let Some(assignment) = subject.candidate.assignment else { return false };
    let squeeze =
        |text: &[u8]| -> Vec<u8> { text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect() };
    let (name, value) = (squeeze(assignment.name.of(subject.blob)), squeeze(subject.value()));
    if value.len() < 3 || name.len() < 3 {
        return false;
    }
    value == name || name.ends_with(&value) || value.len() <= name.len() + 12 && memchr::memmem::find(&value, &name).is_some()
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
        b"https://",
    ];
    PREFIXES.iter().any(|p| value.starts_with(p))
}

fn is_type(value: &[u8]) -> bool {
    const TYPES: &[&[u8]] = &[
        b"string",
        b"str",
        b"bytes",
        b"byte",
        b"int",
        b"integer",
        b"bool",
        b"boolean",
        b"number",
        b"float",
        b"double",
        b"long",
        b"char",
        b"varchar",
        b"object",
        b"any",
        b"void",
        b"array",
        b"list",
        b"dict",
        b"map",
        b"optional",
        b"option",
        b"none",
        b"null",
        b"nil",
        b"self",
        b"this",
        b"text",
        b"password",
        b"hidden",
        b"uuid",
        b"date",
        b"file",
        b"buffer",
        b"symbol",
        b"unknown",
        b"never",
        b"binary",
        b"cstring",
        b"u8",
        b"json",
        b"basic",
        b"bearer",
        b"digest",
        b"oauth",
        b"oauth2",
        b"saml",
        b"ldap",
    ];
    let lower = value.to_ascii_lowercase();
    let bare = lower.strip_suffix(b"?").or_else(|| lower.strip_suffix(b"[]")).unwrap_or(&lower);
    TYPES.contains(&bare)
}
