//! Assignments by shape: a name that speaks of a secret, an operator, a value. What the generic rules are made of.
//!
//! One pass finds the words that such names contain (`words`); around each, `parse` reads the name, the operator and the
//! value as they stand in env files, YAML, JSON, XML, properties, URLs, command lines and the code of common languages.
//! Whether the value is a secret is for the judge to say.

mod parse;
mod words;

pub use words::class_of;

use super::candidate::{ByteSpan, Candidate};
use super::entropy::shannon;
use crate::rule::{AssignmentClass, RuleIndex, RuleSet};
use aho_corasick::packed;

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
    searcher: packed::Searcher,
    /// The generic rule of each class, in the order of [`AssignmentClass::NAMES`].
    rules: [Option<RuleIndex>; AssignmentClass::NAMES.len()],
}

impl Scanner {
    /// A scanner for the generic rules in `rules`; `None` where there are none.
    #[must_use]
    pub fn of(rules: &RuleSet) -> Option<Self> {
        let mut of_class = [None; AssignmentClass::NAMES.len()];
        for (index, rule) in rules.iter() {
            if let Some(class) = rule.assignment {
                of_class[place(class)] = Some(index);
            }
        }
        if of_class.iter().all(Option::is_none) {
            return None;
        }
        let searcher = packed::Config::new().builder().extend(words::FRAGMENTS).build()?;
        Some(Self { searcher, rules: of_class })
    }

    /// Appends the assignments in `bytes`.
    pub fn scan(&self, bytes: &[u8], out: &mut Vec<Candidate>) {
        let mut done = 0;
        let mut at = 0;
        while let Some(hit) = self.searcher.find_in(bytes, aho_corasick::Span { start: at, end: bytes.len() }) {
            at = hit.end();
            if hit.start() < done {
                continue;
            }
            // `login(` and `pw=` end with what is no part of the name.
            let beyond = bytes[hit.start()..hit.end()].iter().rev().take_while(|b| b" (:=".contains(b)).count();
            let end = hit.end() - beyond;
            let name = parse::name_around(bytes, hit.start(), end);
            done = name.end;
            at = at.max(name.end);
            // Most names bind nothing: that is told faster than what they speak of.
            let is_login = || class_of(name.of(bytes)) == Some(AssignmentClass::Credential);
            let Some(parsed) = parse::binding(bytes, name, &is_login) else { continue };
            let Some(class) = class_of(name.of(bytes)) else { continue };
            let class = if parsed.operator == Operator::Argument { AssignmentClass::Password } else { class };
            let Some(rule) = self.rules[place(class)] else { continue };
            let secret = behind_scheme(bytes, parsed.value);
            if secret.len() < MIN_VALUE || secret.len() > MAX_VALUE {
                continue;
            }
            out.push(Candidate {
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
            });
        }
    }
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
        let text = &text.replace("VALUE", "hunter22");
        let scanner = Scanner::of(&RuleSet::built_in()).expect("the catalogue has generic rules");
        let mut out = Vec::new();
        scanner.scan(text.as_bytes(), &mut out);
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
            ("password = \"VALUE\"", "password", "VALUE", O::Equals),
            ("DB_PASSWORD=VALUE\nX=1", "DB_PASSWORD", "VALUE", O::Equals),
            ("export API_TOKEN='abc def'", "API_TOKEN", "abc def", O::Equals),
            ("  db_password: VALUE # comment", "db_password", "VALUE", O::Colon),
            ("{\"apiKey\": \"k-123456\"}", "apiKey", "k-123456", O::Colon),
            ("{\\\"apiKey\\\": \\\"k-123456\\\"}", "apiKey", "k-123456", O::Colon),
            ("let password: &str = \"VALUE\";", "password", "VALUE", O::Equals),
            ("password?: string = 'VALUE'", "password", "VALUE", O::Equals),
            ("'secret' => 'VALUE',", "secret", "VALUE", O::Arrow),
            ("config[\"token\"] = \"VALUE\"", "token", "VALUE", O::Equals),
            ("map.put(\"password\", \"VALUE\")", "password", "VALUE", O::Comma),
            ("ds.setPassword(\"VALUE\");", "ds.setPassword", "VALUE", O::Call),
            ("<password>VALUE</password>", "password", "VALUE", O::Element),
            ("<add key=\"Password\" value=\"VALUE\"/>", "Password", "VALUE", O::Pair),
            ("- name: DB_PASSWORD\n  value: VALUE\n", "DB_PASSWORD", "VALUE", O::Pair),
            ("mysql --password VALUE -h x", "password", "VALUE", O::Flag),
            ("mysql --password=VALUE -h x", "password", "VALUE", O::Equals),
            ("CREATE USER x IDENTIFIED BY 'VALUE';", "IDENTIFIED", "VALUE", O::Keyword),
            ("ALTER USER x WITH PASSWORD 'VALUE';", "PASSWORD", "VALUE", O::Keyword),
            ("https://x.org/?token=VALUE&x=1", "token", "VALUE", O::Equals),
            ("if password == \"VALUE\" {", "password", "VALUE", O::Comparison),
            ("secret := []byte(\"VALUE\")", "secret", "VALUE", O::Equals),
            ("password =\n    \"VALUE\"", "password", "VALUE", O::Equals),
            ("Client Secret: VALUE", "Client Secret", "VALUE", O::Colon),
            ("authorization: 'ApiKey VALUE'", "authorization", "VALUE", O::Colon),
            ("pw = 'VALUE'", "pw", "VALUE", O::Equals),
            ("Contrase\u{f1}a: VALUE\n", "Contrase\u{f1}a", "VALUE", O::Colon),
            ("requirepass VALUE\n", "requirepass", "VALUE", O::Keyword),
            ("#define WIFI_PASSWORD \"VALUE\"", "WIFI_PASSWORD", "VALUE", O::Keyword),
            ("ENV DB_PASSWORD VALUE\n", "DB_PASSWORD", "VALUE", O::Keyword),
            ("set -x KEYSTORE_PASS VALUE\n", "KEYSTORE_PASS", "VALUE", O::Keyword),
            ("  keyPassword 'VALUE'\n", "keyPassword", "VALUE", O::Keyword),
            ("{:user x :password \"VALUE\"}", "password", "VALUE", O::Keyword),
            ("set :password, 'VALUE'", "password", "VALUE", O::Comma),
            ("fill_in 'Password', with: 'VALUE'", "Password", "VALUE", O::Pair),
            ("char router_pass[] = \"VALUE\";", "router_pass", "VALUE", O::Equals),
            ("Dim password As String = \"VALUE\"", "password", "VALUE", O::Equals),
            ("public string SmtpPassword { get; set; } = \"VALUE\";", "SmtpPassword", "VALUE", O::Equals),
            ("<property name=\"db.password\">VALUE</property>", "db.password", "VALUE", O::Element),
            ("<meta-data android:name=\"x.API_KEY\" android:value=\"VALUE\"/>", "x.API_KEY", "VALUE", O::Pair),
            ("\"adminPassword\": {\n  \"value\": \"VALUE\"\n}", "adminPassword", "VALUE", O::Pair),
            ("variable \"db_password\" {\n  type = string\n  default = \"VALUE\"\n}", "db_password", "VALUE", O::Pair),
            ("const p = x.password || \"VALUE\"", "x.password", "VALUE", O::Equals),
            ("const PASSWORD = process.env.PASS || \"VALUE\";", "PASSWORD", "VALUE", O::Equals),
            ("req.SetBasicAuth(\"metrics\", \"VALUE\")", "req.SetBasicAuth", "VALUE", O::Argument),
            ("ftp.login('acme', 'VALUE');", "ftp.login", "VALUE", O::Argument),
            ("requests.get(u, auth=('acme', 'VALUE'))", "auth", "VALUE", O::Argument),
        ] {
            assert_eq!(values(text), [(name.to_owned(), value.replace("VALUE", "hunter22"), operator)], "{text}");
        }
    }

    #[test]
    fn leaves_alone_what_binds_nothing() {
        for text in ["the password of the user", "password:\n  other: x", "std::secret::thing", "<password/>", "password = "] {
            assert_eq!(values(text), [], "{text}");
        }
    }
}
