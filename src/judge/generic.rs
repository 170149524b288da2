//! The judgement of an assignment: weak signals from its name, its value and its surroundings, added up as log-odds.

use super::lately::Lately;
use super::shape::Shape;
use super::{Reason, Subject, Verdict, expression, language, name, stock, value, weights};
use crate::detect::ByteSpan;
use crate::detect::any_of::AnyOf;
use crate::detect::assignment::{Assignment, Operator, Quote};
use crate::rule::AssignmentClass;
use std::borrow::Cow;
use std::cell::RefCell;

/// Judges a candidate of the assignment scanner.
pub(super) fn judge(subject: Subject<'_>) -> Verdict {
    let signals = if let Some(assignment) = subject.candidate.assignment {
        let mut signals = itself(subject, &assignment);
        // Most candidates are code or words: nothing around them could make secrets of them.
        if signals.log_odds > weights::HOPELESS {
            from_surroundings(subject, &assignment, &mut signals);
        }
        signals
    } else {
        // A pattern of a generic rule found it: that stands for a good name.
        let mut signals = Signals::of(false);
        signals.add("class-token", "the rule looks for a token");
        signals.add("name-head", "and for nothing further");
        signals.add("name-qualified", "in a place made for it");
        from_value(subject, b"", &mut signals);
        signals
    };
    Verdict { score: 1.0 / (1.0 + (-signals.log_odds).exp()), reasons: signals.reasons, ..Verdict::default() }
}

thread_local! {
    /// The same names have the same values in many places.
    static LATELY: RefCell<Lately<Signals>> = RefCell::default();
}

/// What an assignment itself says, its name and its value: with two bytes before and one behind they decide alone.
fn itself(subject: Subject<'_>, assignment: &Assignment) -> Signals {
    let span = subject.candidate.span;
    let around = ByteSpan::new(span.start.saturating_sub(2), subject.blob.len().min(span.end + 1));
    let read = || {
        let mut signals = Signals::of(assignment.class == AssignmentClass::Password);
        from_name(subject, assignment, &mut signals);
        from_value(subject, assignment.name.of(subject.blob), &mut signals);
        signals
    };
    LATELY.with_borrow_mut(|lately| lately.get_or(0, subject.candidate, around, subject.blob, read))
}

#[derive(Clone)]
struct Signals {
    is_password: bool,
    log_odds: f32,
    reasons: Vec<Reason>,
}

impl Signals {
    fn of(is_password: bool) -> Self {
        Self { is_password, log_odds: weights::BIAS, reasons: Vec::with_capacity(12) }
    }

    fn add(&mut self, signal: &'static str, text: impl Into<Cow<'static, str>>) {
        let weight = weights::of(signal, self.is_password);
        self.log_odds += weight;
        self.reasons.push(Reason { signal, text: text.into(), weight });
    }

    fn when(&mut self, condition: bool, signal: &'static str, text: &'static str) {
        if condition {
            self.add(signal, text);
        }
    }
}

fn from_name(subject: Subject<'_>, assignment: &Assignment, signals: &mut Signals) {
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
    signals.when(name.many, "name-many", "a name of many words, as messages have");
    let before = &subject.blob[..assignment.name.start];
    signals.when(before.ends_with(b"::"), "name-in-path", "the name is the last part of a path");
    signals.when(name.id, "name-id", "the name is that of an identifier");
    signals.when(name.alone, "name-alone", "the name is one word");
}

fn from_value(subject: Subject<'_>, name: &[u8], signals: &mut Signals) {
    let text = subject.value();
    let shape = Shape::of(text);
    if let Some(kind) = expression::code(subject) {
        signals.add("value-code", format!("the value is {kind}"));
        return;
    }
    if let Some((kind, why)) = value::stand_in(text) {
        signals.add(kind, why);
        return;
    }
    let stock = stock::share(text, name);
    if stock == stock::Share::All {
        signals.add("value-stock", "made of nothing but stock words");
        return;
    }
    let (kind, why) = value::kind(text, &shape);
    if matches!(kind, "value-sentence" | "value-identifier") && name::is_phrase(name) {
        signals.add("value-phrase", "words, as the name promises");
    } else {
        signals.add(kind, why);
    }
    value::signals(text, &shape, name, stock, |signal, why| signals.add(signal, why));
}

fn from_surroundings(subject: Subject<'_>, assignment: &Assignment, signals: &mut Signals) {
    let bare = assignment.quote == Quote::None;
    if bare && expression::in_source(subject) {
        signals.add("bare-in-source", "without quotes in a language that quotes its strings");
    } else if bare && assignment.whole_line {
        signals.add("bare-line", "the rest of a line");
    } else if bare && !matches!(assignment.operator, Operator::Flag | Operator::Element) {
        signals.add("bare-in-line", "without quotes in the middle of a line");
    }
    let line = subject.line_before();
    if bare && assignment.operator == Operator::Colon {
        let between = &subject.blob[assignment.name.end..subject.candidate.secret.start];
        let quoted = between.iter().any(|b| b"\"'`".contains(b));
        signals.when(quoted, "bare-after-quoted", "the name in quotes, the value without");
        signals.when(between == b":" && !assignment.whole_line, "tight-colon", "no blank behind the colon");
    }
    signals.when(line.ends_with(b"${"), "in-variable", "what a variable is where it is not set");
    match assignment.operator {
        Operator::Comparison => signals.add("comparison", "compared, not assigned"),
        Operator::Call => signals.add("call", "an argument of a call"),
        Operator::Argument => signals.add("argument", "the password of a call with a user and a password"),
        Operator::Comma => signals.add("comma", "beside its name in a list"),
        Operator::Keyword => signals.add("keyword", "after its name with nothing between"),
        Operator::Element => signals.add("element", "the text of an element"),
        Operator::Flag => signals.add("flag", "an argument on a command line"),
        Operator::Pair => signals.add("pair", "a name and a value side by side"),
        Operator::Colon => signals.add("colon", "after a colon"),
        Operator::Arrow => signals.add("arrow", "after an arrow"),
        Operator::Equals => {}
    }
    if let Some(wrapper) = assignment.wrapper {
        if is_lookup(wrapper.of(subject.blob)) {
            signals.add("lookup", "looked up by that name");
        } else {
            signals.add("wrapped", "an argument of a call");
        }
    }
    let after = subject.after();
    let closed = if bare { after } else { after.strip_prefix(b"\\").unwrap_or(after).get(1..).unwrap_or_default() };
    let behind = closed.trim_ascii_start();
    signals.when(
        !bare
            && (behind.starts_with(b":")
                && !behind.starts_with(b"::")
                && (assignment.operator != Operator::Equals || opens_table(subject, assignment))
                || behind.starts_with(b"=>")),
        "is-key",
        "it names a value itself",
    );
    signals.when(
        [&b"+"[..], b". ", b".format(", b"% ", b"%(", b".concat", b".replace(", b".."].iter().any(|p| behind.starts_with(p)),
        "concatenated",
        "a part of a longer text",
    );
    signals.when(assignment.operator == Operator::Comma && in_list(subject, behind), "in-list", "in a list of words");
    signals.when(
        bare && after.starts_with(b"<") && after.get(1).is_some_and(u8::is_ascii_alphabetic),
        "cut-short",
        "a placeholder goes on from it",
    );
    let nuls = subject.before().iter().chain(after).filter(|b| **b == 0).count();
    signals.when(nuls > 1, "binary", "among binary data");
    let in_tag = line.iter().rposition(|b| *b == b'<').is_some_and(|at| !line[at..].contains(&b'>'));
    signals.when(in_tag && assignment.operator == Operator::Equals, "markup", "an attribute in markup");
    signals.when(language::is_comment(line), "comment", "in a comment");
    signals.when(language::is_assertion(line), "assertion", "what a test expects");
    signals.when(language::is_message(line), "message", "in the text of a message");
    let near = &subject.before()[subject.before().len().saturating_sub(200)..];
    let behind_near = &after[..after.len().min(200)];
    signals.when(language::CHECKSUMS.is_in(near) || language::CHECKSUMS.is_in(behind_near), "near-checksums", "beside checksums");
    signals.when(
        language::ACCOUNTS.is_in(near) || language::ACCOUNTS.is_in(behind_near),
        "near-account",
        "beside a user or a host",
    );
}

/// `passwords = {'conn_pass': …`: what follows the name is the first key of a table.
fn opens_table(subject: Subject<'_>, assignment: &Assignment) -> bool {
    subject.blob[assignment.name.end..subject.candidate.secret.start].contains(&b'{')
}

/// Whether a call fetches something by the name it is given.
fn is_lookup(wrapper: &[u8]) -> bool {
    static WORDS: AnyOf = AnyOf::in_any_case(&[
        b"env", b"get", b"config", b"prop", b"find", b"select", b"load", b"read", b"translate", b"_(", b"i18n", b"lookup",
        b"var", b"element", b"query", b"setting", b"by.", b"prompt", b"input", b"col", b"field", b"string", b"param", b"error",
        b"print", b"log", b"arg", b"flag", b"require", b"import", b"symbol",
    ]);
    matches!(wrapper, b"t" | b"T" | b"$") || WORDS.is_in(wrapper)
}

/// `["token", "cookie", "password"]`: words, not a name with its value.
fn in_list(subject: Subject<'_>, behind: &[u8]) -> bool {
    let before = subject.before().trim_ascii_end();
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before).trim_ascii_end();
    let opens = before.last().is_some_and(|b| b"[{,|".contains(b));
    opens && (behind.is_empty() || b",]}".contains(&behind[0]))
}
