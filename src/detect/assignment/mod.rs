//! Assignments by shape: a name that speaks of a secret, an operator, a value. What the generic rules are made of.
//!
//! The pass that finds keywords also finds the words that such names contain (`fragments`); around each, `parse` reads the name,
//! the operator and the value as they stand in env files, YAML, JSON, XML, properties, URLs, command lines and the code of common
//! languages. Whether the value is a secret is for the judge to say, what the name speaks of is in `words`.

#[allow(unreachable_pub, reason = "the build script has this file too")]
mod fragments;
mod parse;
mod words;

pub use fragments::{FRAGMENTS, Fragment};
pub use words::class_of;

use super::candidate::{ByteSpan, Candidate};
use super::entropy::shannon;
use crate::rule::{AssignmentClass, Cue, RuleIndex, RuleSet};

/// What binds a value to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`, `:=`, `<-` and their kin.
    Equals,
    /// `:`
    Colon,
    /// `=>`
    Arrow,
    /// `==`, `!=` and their kin.
    Comparison,
    /// `("name", "value")`
    Comma,
    /// `name("value")`
    Call,
    /// `name("user", "value")`, where the name speaks of credentials.
    Argument,
    /// `<name>value</name>`
    Element,
    /// `--name value`
    Flag,
    /// `NAME 'value'` in SQL, `name value` in configuration files.
    Keyword,
    /// `name="NAME" value="value"` and `{"name": "NAME", "value": "value"}`
    Pair,
}

/// What a value is enclosed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quote {
    None,
    Single,
    Double,
    Backtick,
}

/// How a value is bound to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Assignment {
    pub class: AssignmentClass,
    /// The whole identifier.
    pub name: ByteSpan,
    pub operator: Operator,
    pub quote: Quote,
    /// The call around the value: `Secret::from("…")`.
    pub wrapper: Option<ByteSpan>,
    /// An unquoted value that runs to the end of its line: a configuration line rather than code.
    pub whole_line: bool,
}

/// The longest value in bytes.
pub const MAX_VALUE: usize = 1024;
/// The shortest value in bytes.
pub const MIN_VALUE: usize = 4;

/// Finds assignments.
pub struct Scanner {
    /// The generic rule of each class, in the order of [`AssignmentClass::NAMES`].
    rules: [Option<RuleIndex>; AssignmentClass::NAMES.len()],
}

impl Scanner {
    /// A scanner for the generic rules in `rules`; `None` where there are none.
    #[must_use]
    pub fn of(rules: &RuleSet) -> Option<Self> {
        let mut of_class = [None; AssignmentClass::NAMES.len()];
        for (index, head) in rules.heads() {
            if let Cue::Name(class) = head.cue() {
                of_class[place(class)] = Some(index);
            }
        }
        if of_class.iter().all(Option::is_none) {
            return None;
        }
        Some(Self { rules: of_class })
    }

    /// Appends the assignments whose names hold the `fragments`, by their places. Those are all of a stretch that begins and ends
    /// behind a byte that [`cuts`], or at an end of the text, ascending.
    pub fn scan(&self, bytes: &[u8], fragments: impl Iterator<Item = ByteSpan>, out: &mut Vec<Candidate>) {
        let mut at = 0;
        for fragment in fragments {
            if fragment.start >= at {
                at = self.scan_one(bytes, fragment, out).name_end;
            }
        }
    }

    /// Appends the assignment whose name holds the fragment, if there is one.
    pub fn scan_one(&self, bytes: &[u8], fragment: ByteSpan, out: &mut Vec<Candidate>) -> Seen {
        // `login(` and `pw=` end with what is no part of the name.
        let beyond = fragment.of(bytes).iter().rev().take_while(|b| b" (:=".contains(b)).count();
        let (name, end_of_name) = parse::name_around(bytes, fragment.start, fragment.end - beyond);
        // Most names bind nothing: that is told faster than what they speak of.
        let is_login =
            || class_of(name.of(bytes)) == Some(AssignmentClass::Credential) || name.of(bytes).ends_with(b"Authentication");
        let (parsed, end) = parse::binding(bytes, name, &is_login);
        out.extend(parsed.and_then(|parsed| self.candidate(bytes, name, &parsed)));
        Seen { name_end: name.end.max(fragment.end), end: end.max(end_of_name).max(fragment.end) }
    }

    fn candidate(&self, bytes: &[u8], name: ByteSpan, parsed: &parse::Binding) -> Option<Candidate> {
        let class = class_of(name.of(bytes))?;
        let class = if parsed.operator == Operator::Argument { AssignmentClass::Password } else { class };
        let rule = self.rules[place(class)]?;
        let secret = behind_scheme(bytes, parsed.value);
        (MIN_VALUE..=MAX_VALUE).contains(&secret.len()).then(|| Candidate {
            rule,
            span: ByteSpan::new(name.start, secret.end),
            secret,
            entropy: shannon(secret.of(bytes)),
            checksum: None,
            assignment: Some(Assignment {
                class,
                name,
                operator: parsed.operator,
                quote: parsed.quote,
                wrapper: parsed.wrapper,
                whole_line: parsed.whole_line,
            }),
        })
    }
}

/// What was seen around a fragment of a name.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Where the name ends: fragments before that are of the same name.
    pub name_end: usize,
    /// Where that ends which was read to tell what is bound to the name. No byte from here on counts.
    pub end: usize,
}

/// How far before a place an assignment may begin that reads the byte there: a name, what binds it, a value.
pub const REACH_AHEAD: usize = 1536;
/// How far behind a place a name may stand of which that byte is the surroundings.
pub const REACH_BACK: usize = 256;

/// Whether no name and no fragment of one goes on across the place behind `byte`: what is found on one side of it does not
/// depend on what was found on the other.
#[must_use]
pub const fn cuts(byte: u8) -> bool {
    !parse::is_name(byte) && byte < 0x80 && !matches!(byte, b' ' | b'(' | b':' | b'=')
}

/// All places of fragments in `bytes`, ascending, found one by one: slow, and the measure of the fast way.
#[must_use]
pub fn fragments_in(bytes: &[u8]) -> Vec<ByteSpan> {
    let spellings = FRAGMENTS.iter().flat_map(Fragment::spellings);
    let mut all: Vec<ByteSpan> = spellings
        .flat_map(|word| {
            let starts: Vec<usize> = memchr::memmem::find_iter(bytes, &word).collect();
            starts.into_iter().map(move |start| ByteSpan::new(start, start + word.len()))
        })
        .collect();
    all.sort_unstable();
    all
}

/// Schemes of HTTP authentication, as they stand before a token.
const SCHEMES: [&[u8]; 6] = [b"apikey ", b"api-key ", b"token ", b"bearer ", b"basic ", b"key "];

/// The value without a scheme of HTTP authentication before it: `ApiKey …`, `Token …`.
fn behind_scheme(bytes: &[u8], value: ByteSpan) -> ByteSpan {
    let text = value.of(bytes);
    let scheme = SCHEMES.iter().find(|s| text.get(..s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)));
    match scheme {
        Some(scheme) if !text[scheme.len()..].contains(&b' ') => ByteSpan::new(value.start + scheme.len(), value.end),
        _ => value,
    }
}

fn place(class: AssignmentClass) -> usize {
    AssignmentClass::NAMES.iter().position(|(_, c)| *c == class).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleSet;

    fn values(text: &str) -> Vec<(String, String, Operator)> {
        let scanner = Scanner::of(&RuleSet::built_in()).expect("the catalogue has generic rules");
        let mut out = Vec::new();
        scanner.scan(text.as_bytes(), fragments_in(text.as_bytes()).into_iter(), &mut out);
        out.iter()
            .map(|c| {
                let a = c.assignment.expect("an assignment");
                let text_of = |s: ByteSpan| String::from_utf8_lossy(s.of(text.as_bytes())).into_owned();
                (text_of(a.name), text_of(c.secret), a.operator)
            })
            .collect()
    }

    #[test]
    fn reads_the_shapes_of_common_languages() {
        use Operator as O;
        for (text, name, value, operator) in [
            ("password = \"hunter22\"", "password", "hunter22", O::Equals),
            ("DB_PASSWORD=hunter22\nX=1", "DB_PASSWORD", "hunter22", O::Equals),
            ("export API_TOKEN='abc def'", "API_TOKEN", "abc def", O::Equals),
            ("  db_password: hunter22 # comment", "db_password", "hunter22", O::Colon),
            ("{\"apiKey\": \"k-123456\"}", "apiKey", "k-123456", O::Colon),
            ("{\\\"apiKey\\\": \\\"k-123456\\\"}", "apiKey", "k-123456", O::Colon),
            ("let password: &str = \"hunter22\";", "password", "hunter22", O::Equals),
            ("password?: string = 'hunter22'", "password", "hunter22", O::Equals),
            ("'secret' => 'hunter22',", "secret", "hunter22", O::Arrow),
            ("config[\"token\"] = \"hunter22\"", "token", "hunter22", O::Equals),
            ("map.put(\"password\", \"hunter22\")", "password", "hunter22", O::Comma),
            ("ds.setPassword(\"hunter22\");", "ds.setPassword", "hunter22", O::Call),
            ("<password>hunter22</password>", "password", "hunter22", O::Element),
            ("<add key=\"Password\" value=\"hunter22\"/>", "Password", "hunter22", O::Pair),
            ("- name: DB_PASSWORD\n  value: hunter22\n", "DB_PASSWORD", "hunter22", O::Pair),
            ("mysql --password hunter22 -h x", "password", "hunter22", O::Flag),
            ("mysql --password=hunter22 -h x", "password", "hunter22", O::Equals),
            ("CREATE USER x IDENTIFIED BY 'hunter22';", "IDENTIFIED", "hunter22", O::Keyword),
            ("ALTER USER x WITH PASSWORD 'hunter22';", "PASSWORD", "hunter22", O::Keyword),
            ("https://x.org/?token=hunter22&x=1", "token", "hunter22", O::Equals),
            ("PGPASSWORD=hunter22 psql -h db", "PGPASSWORD", "hunter22", O::Equals),
            ("if password == \"hunter22\" {", "password", "hunter22", O::Comparison),
            ("secret := []byte(\"hunter22\")", "secret", "hunter22", O::Equals),
            ("password =\n    \"hunter22\"", "password", "hunter22", O::Equals),
            ("Client Secret: hunter22", "Client Secret", "hunter22", O::Colon),
            ("authorization: 'ApiKey hunter22'", "authorization", "hunter22", O::Colon),
            ("<Password>\n  <Value>hunter22</Value>\n</Password>", "Password", "hunter22", O::Element),
            ("pw = 'hunter22'", "pw", "hunter22", O::Equals),
            ("Contrase\u{f1}a: hunter22\n", "Contrase\u{f1}a", "hunter22", O::Colon),
            ("requirepass hunter22\n", "requirepass", "hunter22", O::Keyword),
            ("#define WIFI_PASSWORD \"hunter22\"", "WIFI_PASSWORD", "hunter22", O::Keyword),
            ("ENV DB_PASSWORD hunter22\n", "DB_PASSWORD", "hunter22", O::Keyword),
            ("set -x KEYSTORE_PASS hunter22\n", "KEYSTORE_PASS", "hunter22", O::Keyword),
            ("  keyPassword 'hunter22'\n", "keyPassword", "hunter22", O::Keyword),
            ("{:user x :password \"hunter22\"}", "password", "hunter22", O::Keyword),
            ("set :password, 'hunter22'", "password", "hunter22", O::Comma),
            ("fill_in 'Password', with: 'hunter22'", "Password", "hunter22", O::Pair),
            ("char router_pass[] = \"hunter22\";", "router_pass", "hunter22", O::Equals),
            ("Dim password As String = \"hunter22\"", "password", "hunter22", O::Equals),
            ("public string SmtpPassword { get; set; } = \"hunter22\";", "SmtpPassword", "hunter22", O::Equals),
            ("<property name=\"db.password\">hunter22</property>", "db.password", "hunter22", O::Element),
            ("<meta-data android:name=\"x.API_KEY\" android:value=\"hunter22\"/>", "x.API_KEY", "hunter22", O::Pair),
            ("\"adminPassword\": {\n  \"value\": \"hunter22\"\n}", "adminPassword", "hunter22", O::Pair),
            ("variable \"db_password\" {\n  type = string\n  default = \"hunter22\"\n}", "db_password", "hunter22", O::Pair),
            ("const p = x.password || \"hunter22\"", "x.password", "hunter22", O::Equals),
            ("const PASSWORD = process.env.X || \"hunter22\";", "PASSWORD", "hunter22", O::Equals),
            ("req.SetBasicAuth(\"metrics\", \"hunter22\")", "req.SetBasicAuth", "hunter22", O::Argument),
            ("ftp.login('acme', 'hunter22');", "ftp.login", "hunter22", O::Argument),
            ("requests.get(u, auth=('acme', 'hunter22'))", "auth", "hunter22", O::Argument),
        ] {
            assert_eq!(values(text), [(name.to_owned(), value.to_owned(), operator)], "{text}");
        }
    }

    #[test]
    fn two_values_of_the_shell_in_a_line() {
        let found = values("DB_PASSWORD=hunter22 GH_TOKEN=abc12345");
        let texts: Vec<&str> = found.iter().map(|(_, value, _)| value.as_str()).collect();
        assert_eq!(texts, ["hunter22", "abc12345"]);
        assert_eq!(values("PASSPHRASE=correct horse battery")[0].1, "correct horse battery");
    }

    #[test]
    fn leaves_alone_what_binds_nothing() {
        for text in ["the password of the user", "password:\n  other: x", "std::secret::thing", "<password/>", "password = "] {
            assert_eq!(values(text), [], "{text}");
        }
    }
}
