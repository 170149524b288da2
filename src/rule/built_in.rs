//! The built-in rules as the build left them: bytes and tables in which no address stands, so that nothing of them is looked at when
//! keysift starts. A rule is read when it is first asked for; most runs ask for a few.

use super::Joined;
use super::format::{Cue, Rule};
use std::sync::OnceLock;

#[allow(clippy::unreadable_literal, unreachable_pub, unused_imports, reason = "written by the build")]
mod made {
    use super::super::format::AssignmentClass::{Credential, Key, Password, Secret, Token};
    use super::Cue::{self, Anything, Keyword, Name, Path};
    include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
}

/// How many rules there are.
pub(super) const COUNT: usize = made::CUES.len();

/// What [`rule`] reads, in the order of ids.
static RULES: Joined<u8> = Joined::made(include_bytes!(concat!(env!("OUT_DIR"), "/catalogue.bin")), &made::RULE_ENDS);

/// The id of each rule, and behind it those that it had before, a blank between them.
static NAMES: Joined<u8> = Joined::made(made::NAMES, &made::NAME_ENDS);

/// What was read. It stays: a rule is read once, and is the same one wherever it is asked for.
static READ: [OnceLock<&'static Rule>; COUNT] = [const { OnceLock::new() }; COUNT];

/// The rule at a place.
#[inline]
pub(super) fn rule(place: u16) -> &'static Rule {
    READ[usize::from(place)].get_or_init(|| read(place))
}

#[cold]
fn read(place: u16) -> &'static Rule {
    Box::leak(Box::new(postcard::from_bytes(RULES.get(usize::from(place))).expect("the build wrote it")))
}

/// The id of the rule at a place, and its former ones with blanks between them.
pub(super) fn names(place: u16) -> (&'static str, &'static str) {
    let names = std::str::from_utf8(NAMES.get(usize::from(place))).expect("names are text");
    names.split_once(' ').unwrap_or((names, ""))
}

/// What makes the rule at a place look at a text.
pub(super) fn cue(place: u16) -> Cue {
    made::CUES[usize::from(place)]
}

/// How many rules were read so far.
#[cfg(test)]
pub(crate) fn read_so_far() -> usize {
    READ.iter().filter(|rule| rule.get().is_some()).count()
}

#[cfg(test)]
mod tests {
    use super::super::format::file::{Author, parse_rule_file};
    use super::*;
    use std::path::Path;

    /// What the rule files say, in the order of ids.
    fn parsed() -> Vec<Rule> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let files = std::fs::read_dir(folder).expect("the rules").map(|entry| entry.expect("a file").path());
        let texts = files.filter(|file| file.extension().is_some_and(|e| e == "toml"));
        let mut rules: Vec<Rule> = texts
            .flat_map(|file| {
                let text = std::fs::read_to_string(&file).expect("a rule file");
                parse_rule_file(&file.display().to_string(), &text, Author::BuiltIn).expect("rules").0
            })
            .collect();
        rules.sort_by_key(|rule| rule.id);
        rules
    }

    #[test]
    fn what_is_read_is_what_the_rule_files_say() {
        let parsed = parsed();
        assert_eq!(parsed.len(), COUNT);
        for (place, parsed) in (0..).zip(&parsed) {
            assert_eq!(rule(place), parsed);
            assert_eq!(cue(place), parsed.cue(), "{}", parsed.id);
            let (id, formerly) = names(place);
            assert_eq!((id, formerly.split_terminator(' ').collect::<Vec<_>>()), (parsed.id, parsed.formerly.to_vec()));
            assert!(std::ptr::eq(rule(place), rule(place)));
        }
    }
}
