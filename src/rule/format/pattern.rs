//! Patterns: how `assigned` words become a whole expression, and the one way every expression is parsed.

use regex_syntax::hir::Hir;
use regex_syntax::{Error, ParserBuilder};

/// Parses `pattern` as keysift reads it: over bytes, unicode off.
///
/// # Errors
/// What the regex parser objects to.
pub fn parse(pattern: &str) -> Result<Hir, Box<Error>> {
    ParserBuilder::new().unicode(false).utf8(false).nest_limit(64).build().parse(pattern).map_err(Box::new)
}

/// Builds the pattern of a rule whose body means something only where one of `words` names it.
///
/// The words may stand anywhere in an identifier; then an assignment in the widest sense, quotes, the body, and a byte
/// that does not continue it.
#[must_use]
pub fn assigned(words: &[String], body: &str) -> String {
    let words: Vec<String> = words.iter().flat_map(|w| spellings(w)).map(|w| regex_syntax::escape(&w)).collect();
    let words = words.join("|");
    let identifier_rest = r"[0-9A-Za-z_.\-]{0,40}";
    let close = r#"(?:\\?["'`\])]){0,3}[ \t]{0,8}"#;
    let type_annotation = r"(?::[ \t]{0,3}[&A-Za-z][A-Za-z0-9_<>' ]{1,24}=|[ \t]{1,4}(?i:value)[ \t]?=)";
    let operator = r"(?:=>|:=|->|<-|={1,3}|[:>,(|]|[ \t](?i:is|to|eq|as|was)[ \t]|[ \t])";
    let open = r#"[ \t]{0,8}(?:\r?\n[ \t]{0,16})?(?:\\?["'`\[({<]){0,3}(?:(?i:bearer|token|basic|apikey)[ \t]{1,2})?"#;
    format!(r"(?i:{words}){identifier_rest}{close}(?:{type_annotation}|{operator}){open}(?P<secret>{body})(?:[^0-9A-Za-z_\-]|$)")
}

/// How a word with separators is written: `dd_api_key` is also `DD-API-KEY`, `dd.api.key`, `dd api key` and `ddApiKey`.
/// Lower case; the pattern reads any case.
#[must_use]
pub fn spellings(word: &str) -> Vec<String> {
    let pieces: Vec<String> = word.split(['_', '-', '.', ' ']).map(str::to_ascii_lowercase).collect();
    let mut all: Vec<String> = ["_", "-", ".", " ", ""].iter().map(|separator| pieces.join(separator)).collect();
    all.sort();
    all.dedup();
    all
}
