//! Values that name a secret kept elsewhere, and ciphertext: what a careful person writes instead of the secret.

use super::Subject;
use super::value::begins_with;
use crate::detect::short::contains;
use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use std::sync::{LazyLock, OnceLock};

/// How a form is recognised.
enum Form {
    /// The value begins with it.
    Begins(&'static str),
    /// The value contains it.
    Contains(&'static str),
}

use Form::{Begins, Contains};

/// The forms, with the name of the system that `explain` gives.
const FORMS: &[(Form, &str)] = &[
    (Begins("op://"), "1Password"),
    (Begins("vault:"), "HashiCorp Vault"),
    (Begins("vault://"), "HashiCorp Vault"),
    (Begins("ref+"), "vals"),
    (Begins("arn:aws"), "an AWS resource"),
    (Begins("arn:"), "an AWS resource"),
    (Contains("{{resolve:"), "AWS CloudFormation"),
    (Begins("aws-sm://"), "AWS Secrets Manager"),
    (Begins("ssm:/"), "AWS Parameter Store"),
    (Begins("AQICAH"), "AWS KMS (ciphertext)"),
    (Begins("@Microsoft.KeyVault("), "Azure Key Vault"),
    (Contains(".vault.azure.net"), "Azure Key Vault"),
    (Begins("akv://"), "Azure Key Vault"),
    (Begins("azurekeyvault://"), "Azure Key Vault"),
    (Begins("keyvault://"), "Azure Key Vault"),
    (Begins("sm://"), "Google Secret Manager"),
    (Begins("gcp-sm:"), "Google Secret Manager"),
    (Begins("berglas://"), "Berglas"),
    (Contains("${{"), "a CI secret"),
    (Contains("<< parameters."), "CircleCI parameters"),
    (Contains("<<pipeline"), "CircleCI parameters"),
    (Begins("(("), "Concourse"),
    (Contains("credentials("), "Jenkins credentials"),
    (Contains("process.env"), "the environment"),
    (Contains("import.meta.env"), "the environment"),
    (Contains("os.environ"), "the environment"),
    (Contains("os.getenv"), "the environment"),
    (Contains("Getenv("), "the environment"),
    (Contains("getenv("), "the environment"),
    (Contains("getEnv("), "the environment"),
    (Contains("System.getProperty"), "a system property"),
    (Contains("ENV["), "the environment"),
    (Contains("ENV.fetch"), "the environment"),
    (Contains("GetEnvironmentVariable"), "the environment"),
    (Contains("env::var"), "the environment"),
    (Contains("env!("), "the environment"),
    (Contains("$_ENV"), "the environment"),
    (Contains("$_SERVER"), "the environment"),
    (Begins("env("), "the environment"),
    (Begins("env."), "the environment"),
    (Begins("env:"), "the environment"),
    (Begins("ENV:"), "the environment"),
    (Begins("environ["), "the environment"),
    (Begins("$env:"), "the environment"),
    (Contains("Deno.env"), "the environment"),
    (Contains("viper.Get"), "a configuration"),
    (Begins("config("), "a configuration"),
    (Begins("config."), "a configuration"),
    (Contains("{{"), "a template"),
    (Contains("}}"), "a template"),
    (Contains("<%"), "a template"),
    (Contains("${"), "a variable"),
    (Contains("#{"), "a variable"),
    (Contains("$("), "a command or variable"),
    (Contains("%("), "a format string"),
    (Contains("@{"), "a variable"),
    (Begins("var."), "Terraform"),
    (Begins("local."), "Terraform"),
    (Begins("data."), "Terraform"),
    (Begins("module."), "Terraform"),
    (Begins("secretKeyRef"), "a Kubernetes secret"),
    (Begins("ENC["), "SOPS or hiera-eyaml (ciphertext)"),
    (Begins("ENC("), "Jasypt (ciphertext)"),
    (Begins("{cipher}"), "Spring Cloud Config (ciphertext)"),
    (Begins("{AES}"), "WebLogic (ciphertext)"),
    (Begins("-----BEGIN AGE ENCRYPTED"), "age (ciphertext)"),
    (Begins("-----BEGIN PGP MESSAGE"), "PGP (ciphertext)"),
    (Begins("age1"), "an age recipient (public)"),
    (Begins("ssh-rsa "), "a public key"),
    (Begins("ssh-ed25519 "), "a public key"),
    (Begins("ecdsa-sha2-"), "a public key"),
    (Begins("-----BEGIN PUBLIC KEY"), "a public key"),
    (Begins("-----BEGIN CERTIFICATE"), "a certificate"),
    (Begins("$ANSIBLE_VAULT"), "Ansible Vault (ciphertext)"),
    (Begins("!vault"), "Ansible Vault (ciphertext)"),
    (Begins("!var"), "Summon"),
    (Begins("!Ref"), "AWS CloudFormation"),
    (Begins("!Sub"), "AWS CloudFormation"),
    (Begins("!GetAtt"), "AWS CloudFormation"),
    (Begins("!ImportValue"), "AWS CloudFormation"),
    (Begins("Fn::"), "AWS CloudFormation"),
    (Begins("gAAAAA"), "Fernet (ciphertext)"),
    (Begins("CfDJ8"), "ASP.NET data protection (ciphertext)"),
    (Begins("U2FsdGVkX1"), "OpenSSL (ciphertext)"),
    (Begins("encrypted:"), "dotenvx (ciphertext)"),
    (Begins("doppler://"), "Doppler"),
    (Begins("infisical://"), "Infisical"),
    (Begins("bws://"), "Bitwarden"),
    (Begins("akeyless:/"), "Akeyless"),
    (Begins("keyring:"), "a key ring"),
    (Begins("pass show "), "pass"),
    (Begins("gopass "), "gopass"),
    (Begins("rbw get"), "Bitwarden"),
    (Begins("lpass://"), "LastPass"),
    (Begins("secret://"), "a secret store"),
    (Begins("secretsmanager:"), "AWS Secrets Manager"),
    (Begins("/run/secrets/"), "a Docker secret"),
    (Begins("file:/"), "a file"),
    (Begins("classpath:"), "a file"),
    (Begins("sha512-"), "a digest"),
    (Begins("sha256-"), "a digest"),
    (Begins("sha384-"), "a digest"),
    (Begins("sha256:"), "a digest"),
    (Begins("sha1:"), "a digest"),
    (Begins("h1:"), "a digest"),
    (Begins("data:image/"), "an image"),
];

/// The place of the first form of which `text` contains the piece. All are looked for at once: most values hold none.
fn contained(text: &[u8]) -> Option<usize> {
    static PIECES: OnceLock<(AhoCorasick, Vec<usize>)> = OnceLock::new();
    let (pieces, places) = PIECES.get_or_init(|| {
        let pieces = FORMS.iter().enumerate().filter_map(|(place, (form, _))| match form {
            Contains(piece) => Some((*piece, place)),
            Begins(_) => None,
        });
        let (pieces, places): (Vec<&str>, Vec<usize>) = pieces.unzip();
        (AhoCorasick::new(pieces).expect("a few words fit an automaton"), places)
    });
    if !pieces.is_match(text) {
        return None;
    }
    pieces.find_overlapping_iter(text).map(|m| places[m.pattern().as_usize()]).min()
}

/// The place of the first form that `text` begins with. Most values begin with a byte that none begins with.
fn begun(text: &[u8]) -> Option<usize> {
    static FIRST: LazyLock<[bool; 256]> = LazyLock::new(|| {
        let mut first = [false; 256];
        for (form, _) in FORMS {
            if let Begins(prefix) = form {
                first[usize::from(prefix.as_bytes()[0])] = true;
            }
        }
        first
    });
    let may_begin = text.first().is_some_and(|b| FIRST[usize::from(*b)]);
    let begins = |form: &Form| matches!(form, Begins(prefix) if begins_with(text, prefix.as_bytes()));
    if may_begin { FORMS.iter().position(|(form, _)| begins(form)) } else { None }
}

/// What stands before the values of a sealed secret.
static SEALED: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"encryptedData"));

/// The system that keeps the secret which `value` refers to; `None` where the value may be a secret.
#[must_use]
pub(super) fn system(value: &[u8], subject: Subject<'_>) -> Option<&'static str> {
    let text = value.trim_ascii_start();
    let begun = begun(text);
    if let Some(place) = contained(text).into_iter().chain(begun).min() {
        return Some(FORMS[place].1);
    }
    if google_secret(text) {
        return Some("Google Secret Manager");
    }
    if template(text) {
        return Some("a template");
    }
    if variable(text) {
        return Some("a variable");
    }
    if let Some(system) = looked_up(subject) {
        return Some(system);
    }
    if subject.candidate.assignment.is_some_and(|a| is_site_key(a.name.of(subject.blob))) {
        return Some("a site key (public)");
    }
    if text.starts_with(b"CiQA") && text.len() >= 48 {
        return Some("Google KMS (ciphertext)");
    }
    if maven_cipher(text) {
        return Some("Maven (ciphertext)");
    }
    // `arn:aws:secretsmanager:us-east-1:…`, of which a part looks like a name.
    let before = subject.before();
    let word = before.iter().rposition(|b| b.is_ascii_whitespace() || b"\"'=".contains(b)).map_or(0, |at| at + 1);
    if before[word..].starts_with(b"arn:") || subject.blob[subject.candidate.span.start..].starts_with(b"arn:") {
        return Some("an AWS resource");
    }
    if SEALED.find(subject.before()).is_some() {
        return Some("a sealed secret (ciphertext)");
    }
    let secure_line = subject.line_before().trim_ascii_start();
    if secure_line.ends_with(b"secure: ") || secure_line.ends_with(b"secure: \"") {
        return Some("a CI service (public-key encrypted)");
    }
    None
}

/// `os.getenv("DB_PASSWORD")`: the value is the name of what is looked up, the first argument of the call.
fn looked_up(subject: Subject<'_>) -> Option<&'static str> {
    const LOOKUPS: [(&[u8], &str); 12] = [
        (b"getenv", "the environment"),
        (b"Getenv", "the environment"),
        (b"getEnv", "the environment"),
        (b"GetEnvironmentVariable", "the environment"),
        (b"env::var", "the environment"),
        (b"env.get", "the environment"),
        (b"ENV.fetch", "the environment"),
        (b"environ.get", "the environment"),
        (b"LookupEnv", "the environment"),
        (b"credentials", "Jenkins credentials"),
        (b"viper.GetString", "a configuration"),
        (b"System.getProperty", "a system property"),
    ];
    let wrapper = subject.candidate.assignment?.wrapper?;
    let between = &subject.blob[wrapper.end..subject.candidate.secret.start];
    if !between.iter().all(|b| b" (\"'`".contains(b)) {
        return None;
    }
    let wrapper = wrapper.of(subject.blob);
    match wrapper {
        b"env" => Some("the environment"),
        b"config" => Some("a configuration"),
        _ => LOOKUPS.iter().find(|(call, _)| wrapper.ends_with(call)).map(|(_, system)| *system),
    }
}

/// `data-sitekey`, `RECAPTCHA_SITE_KEY`: what captcha services put into pages.
fn is_site_key(name: &[u8]) -> bool {
    let last = name.iter().rev().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase);
    let expected = b"sitekey".iter().rev().copied();
    last.take(expected.len()).eq(expected)
}

/// `{COQLCE6DU6GtcS5P=}`: a password of Maven's `settings.xml`.
fn maven_cipher(text: &[u8]) -> bool {
    let inside = text.strip_prefix(b"{").and_then(|t| t.strip_suffix(b"=}"));
    inside.is_some_and(|t| t.len() >= 12 && t.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)))
}

/// `sk_live_{alnum:24}`, `{[a-z]:5}`, `{{one}}`: a place with a length, filled in later.
fn template(text: &[u8]) -> bool {
    text.iter().enumerate().filter(|(_, b)| **b == b'{').any(|(open, _)| {
        let Some(len) = text[open + 1..].iter().position(|b| *b == b'}') else { return false };
        let inside = &text[open + 1..open + 1 + len];
        let Some(colon) = inside.iter().rposition(|b| *b == b':') else { return false };
        let (name, length) = (&inside[..colon], &inside[colon + 1..]);
        let named = name.iter().all(u8::is_ascii_alphanumeric) && name.first().is_some_and(u8::is_ascii_alphabetic);
        let set = name.first() == Some(&b'[') && name.last() == Some(&b']');
        (named || set) && (1..=5).contains(&length.len()) && length.iter().all(u8::is_ascii_digit)
    })
}

fn google_secret(text: &[u8]) -> bool {
    text.starts_with(b"projects/") && contains(text, b"/secrets/")
}

/// `$NAME`, `$$NAME`, `%NAME%`, `@NAME@`, `__NAME__`, `:name`, `{name}`, `%s` and their like, alone.
fn variable(text: &[u8]) -> bool {
    let is_name = |s: &[u8]| {
        s.len() >= 2
            && s.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'>' | b'[' | b']' | b'\'' | b':'))
            && !s[0].is_ascii_digit()
    };
    let between = |open: &[u8], close: &[u8]| {
        text.len() > open.len() + close.len()
            && text.starts_with(open)
            && text.ends_with(close)
            && is_name(&text[open.len()..text.len() - close.len()])
    };
    if between(b"%", b"%") || between(b"@", b"@") || between(b"__", b"__") || between(b"{", b"}") || between(b"{%", b"%}") {
        return true;
    }
    if let Some(name) = text.strip_prefix(b"$") {
        let name = name.strip_prefix(b"$").unwrap_or(name);
        // `$Passw0rd!` is a password, `$password`, `$DB_PASS` and `$this->x` are variables.
        let one_case = name.iter().all(|b| !b.is_ascii_lowercase()) || name.iter().all(|b| !b.is_ascii_uppercase());
        let digits = name.iter().filter(|b| b.is_ascii_digit()).count();
        return is_name(name) && (one_case || digits == 0) && digits <= 2;
    }
    let short_format = text.len() <= 4 && text.first() == Some(&b'%');
    short_format || matches!(text, b"{}" | b"{0}" | b"{1}" | b"{:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_from_passwords() {
        for text in ["$PASSWORD", "$password", "%DB_PASS%", "@db.password@", "__TOKEN__", "{password}", "%s", "$this->token"] {
            assert!(variable(text.as_bytes()), "{text}");
        }
        for text in ["$Passw0rd99", "hunter2", "__x!", "p@ss@word", "%7Hd9%x"] {
            assert!(!variable(text.as_bytes()), "{text}");
        }
    }
}
