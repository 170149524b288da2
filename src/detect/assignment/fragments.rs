//! The pieces of words by which names of secrets are found. They are looked for together with the keywords of rules, in the same
//! pass, so the build script has this file too: it knows nothing else.

/// A piece of a word, and how people write it.
#[derive(Debug, Clone, Copy)]
pub struct Fragment {
    /// In small letters.
    pub word: &'static str,
    /// Also with one capital: `Pass`.
    capital: bool,
    /// Also in capitals: `PASS`.
    capitals: bool,
}

const fn in_any_case(word: &'static str) -> Fragment {
    Fragment { word, capital: true, capitals: true }
}

const fn small_or_capitals(word: &'static str) -> Fragment {
    Fragment { word, capital: false, capitals: true }
}

const fn small(word: &'static str) -> Fragment {
    Fragment { word, capital: false, capitals: false }
}

/// All of them. Of no two one begins with the other.
pub const FRAGMENTS: [Fragment; 24] = [
    in_any_case("pass"),
    in_any_case("pwd"),
    small_or_capitals("_pw"),
    in_any_case("secret"),
    in_any_case("token"),
    in_any_case("key"),
    in_any_case("auth"),
    in_any_case("cred"),
    small_or_capitals("psk"),
    in_any_case("identified"),
    in_any_case("contrase"),
    in_any_case("senha"),
    in_any_case("kennwort"),
    small("motdepasse"),
    small("mot_de_passe"),
    small("wachtwoord"),
    small("haslo"),
    in_any_case("parol"),
    small_or_capitals("salt"),
    Fragment { word: "login(", capital: true, capitals: false },
    small("has\u{142}o"),
    small_or_capitals("pw="),
    small_or_capitals("pw:"),
    small("pw ="),
];

impl Fragment {
    /// Whether `text`, which is the word in some case, is written as people write it.
    #[must_use]
    pub fn is_written(&self, text: &[u8]) -> bool {
        let word = self.word.as_bytes();
        text == word
            || self.capitals && !text.iter().any(u8::is_ascii_lowercase)
            || self.capital && text[0].is_ascii_uppercase() && text[1..] == word[1..]
    }

    /// All ways in which it is written.
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let mut all = vec![self.word.to_owned()];
        if self.capital {
            all.push(format!("{}{}", self.word[..1].to_ascii_uppercase(), &self.word[1..]));
        }
        if self.capitals {
            all.push(self.word.to_ascii_uppercase());
        }
        all
    }
}
