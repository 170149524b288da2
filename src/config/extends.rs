//! Configs that stand on others: files beside them, and copies of files elsewhere that are kept beside them too.
//!
//! Reading contacts nobody: a copy is fetched by `keysift config update` alone, and counts only while it is the very file that
//! the config names, by its SHA-256. Whoever reads says how a file is opened: from disk, or from a commit.

use super::Config;
use super::layers::Layer;
use crate::finding::hex;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};

/// How many files may stand on each other.
const DEEPEST: usize = 8;
/// How many a config may stand on in all.
const MOST: usize = 64;

/// A file that a config stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Where it is, relative to the config that names it.
    pub file: String,
    /// What it is a copy of.
    pub source: Option<Source>,
    /// The line that names it, 1-based.
    pub line: usize,
}

/// A file elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub url: String,
    /// 64 hex digits in lower case.
    pub sha256: String,
}

impl Source {
    /// Whether `bytes` are what is named.
    ///
    /// # Errors
    /// The SHA-256 that they have.
    pub fn check(&self, bytes: &[u8]) -> Result<(), String> {
        let found = hex::encode(&Sha256::digest(bytes));
        if found == self.sha256 { Ok(()) } else { Err(found) }
    }
}

/// A file of `extends` as it stands: its path alone, or a table.
#[derive(Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(untagged))]
pub(super) enum RawBase {
    /// A config file, relative to this one.
    File(String),
    Table(RawTable),
}

/// A file of `extends` with where it comes from.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    /// A config file, relative to this one; with `url`, where its copy is kept.
    file: Option<String>,
    /// Where `keysift config update` fetches it: https alone.
    url: Option<String>,
    /// The SHA-256 of what is there, 64 hex digits.
    sha256: Option<String>,
}

impl<'de> Deserialize<'de> for RawBase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RawBase;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table with `file`, or with `url` and `sha256`")
            }

            fn visit_str<E>(self, text: &str) -> Result<RawBase, E> {
                Ok(RawBase::File(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawBase, A::Error> {
                RawTable::deserialize(MapAccessDeserializer::new(map)).map(RawBase::Table)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// How far away a file may be that a config stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In the folder of a config that was found, or below it: it may be anyone's.
    Folder,
    /// Wherever one that someone named says.
    Anywhere,
}

impl Base {
    /// Where the file is that a config in `folder` names.
    ///
    /// # Errors
    /// Where it is out of reach.
    pub fn place(&self, folder: &Path, reach: Reach) -> Result<PathBuf, String> {
        match reach {
            Reach::Anywhere => Ok(folder.join(&self.file)),
            Reach::Folder => super::discover::inside(folder, &self.file)
                .ok_or_else(|| "`extends` names a path in the folder of the config file, without `..` and links".to_owned()),
        }
    }

    /// Reads what a config says at `line`.
    ///
    /// # Errors
    /// What is wrong with it, and what helps.
    pub(super) fn read(raw: RawBase, line: usize) -> Result<Self, String> {
        let table = match raw {
            RawBase::File(file) => RawTable { file: Some(file), ..RawTable::default() },
            RawBase::Table(table) => table,
        };
        let (source, usual) = match (table.url, table.sha256) {
            (None, None) => (None, None),
            (Some(url), Some(sha256)) => {
                let sha256 = sha256.to_ascii_lowercase();
                if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err("`sha256` is 64 hex digits, as `sha256sum` prints them".to_owned());
                }
                let usual = format!(".keysift/{}.toml", &sha256[..16]);
                (Some(Source { url, sha256 }), Some(usual))
            }
            (Some(_), None) => return Err("`url` needs `sha256`: nobody else's change may become yours unseen".to_owned()),
            (None, Some(_)) => return Err("`sha256` says what stands at a `url`, which is not given".to_owned()),
        };
        let file = table.file.or(usual).filter(|file| !file.trim().is_empty());
        let file = file.ok_or("`extends` needs a path, `file`, or `url` and `sha256`")?;
        Ok(Self { file, source, line })
    }
}

/// A file that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// As messages call it.
    pub name: String,
    /// Where it is; of two that are the same one, the same.
    pub path: PathBuf,
    pub text: String,
}

/// A config of several files: what it stands on, then the file itself.
#[derive(Debug)]
pub struct Part {
    pub name: String,
    pub path: PathBuf,
    pub config: Config,
}

/// How a file is opened that the first one names.
pub type Open<'a, E> = &'a mut dyn FnMut(&Opened, &Base) -> Result<Opened, E>;

/// Reads `file` and all that it stands on, farthest first. `wrong` makes an error of a message.
///
/// # Errors
/// Where one of them is wrong, is not the file that was named, stands on itself, or there are too many.
pub fn read<E>(layer: Layer, file: Opened, open: Open<'_, E>, wrong: &dyn Fn(String) -> E) -> Result<Vec<Part>, E> {
    let mut reading = Reading { layer, open, wrong, parts: Vec::new() };
    reading.add(file, &mut Vec::new())?;
    Ok(reading.parts)
}

struct Reading<'a, E> {
    layer: Layer,
    open: Open<'a, E>,
    wrong: &'a dyn Fn(String) -> E,
    parts: Vec<Part>,
}

impl<E> Reading<'_, E> {
    /// Adds a file behind all that it stands on; `above` are those that stand on it.
    fn add(&mut self, file: Opened, above: &mut Vec<PathBuf>) -> Result<(), E> {
        let config = Config::parse_of(&file.name, &file.text, self.layer).map_err(|e| (self.wrong)(e.to_string()))?;
        above.push(file.path.clone());
        for base in &config.extends {
            let at = |message: String| (self.wrong)(format!("{}:{}: {message}", file.name, base.line));
            let opened = (self.open)(&file, base)?;
            if let Some(source) = &base.source
                && let Err(found) = source.check(opened.text.as_bytes())
            {
                return Err(at(format!(
                    "{} is not what `sha256` names, its own is {found}: `keysift config update` fetches it anew",
                    opened.name
                )));
            }
            if above.contains(&opened.path) {
                return Err(at(format!("{} stands on itself: take one of its `extends` out", opened.name)));
            }
            if above.len() == DEEPEST {
                return Err(at(format!("more than {DEEPEST} config files stand on each other")));
            }
            if self.parts.len() == MOST {
                return Err(at(format!("a config stands on more than {MOST} files")));
            }
            // What two files stand on counts once, at its farthest.
            if self.parts.iter().all(|part| part.path != opened.path) {
                self.add(opened, above)?;
            }
        }
        above.pop();
        self.parts.push(Part { name: file.name, path: file.path, config });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Reads `a`; the names of the parts, or the error.
    fn of(files: &[(&str, &str)]) -> Result<String, String> {
        let files: HashMap<String, String> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let open = |name: &str| {
            let text = files.get(name).cloned().ok_or_else(|| format!("{name} is not there"))?;
            Ok(Opened { name: name.to_owned(), path: PathBuf::from(name), text })
        };
        let parts = read(Layer::Repository, open("a")?, &mut |_, base| open(&base.file), &|message| message)?;
        Ok(parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_a_config_stands_on_comes_first_and_once() {
        let base = "max_depth = 1\n";
        let files = [("a", "extends = [\"b\", { file = \"c\" }]\n"), ("b", "extends = [\"d\"]\n"), ("c", "extends = [\"d\"]\n")];
        assert_eq!(of(&[&files[..], &[("d", base)]].concat()).as_deref(), Ok("d b c a"));
        assert_eq!(of(&files), Err("d is not there".to_owned()));
    }

    #[test]
    fn circles_and_towers_end() {
        let circle = of(&[("a", "extends = [\"b\"]\n"), ("b", "\nextends = [\"a\"]\n")]);
        assert_eq!(circle, Err("b:2: a stands on itself: take one of its `extends` out".to_owned()));
        assert_eq!(of(&[("a", "extends = [\"a\"]\n")]).unwrap_err(), "a:1: a stands on itself: take one of its `extends` out");
        let names: Vec<String> = (0..9).map(|n| if n == 0 { "a".to_owned() } else { n.to_string() }).collect();
        let texts: Vec<String> = (1..=9).map(|n| if n < 9 { format!("extends = [\"{n}\"]\n") } else { String::new() }).collect();
        let tower: Vec<(&str, &str)> = names.iter().zip(&texts).map(|(name, text)| (&name[..], &text[..])).collect();
        assert_eq!(of(&tower).unwrap_err(), "7:1: more than 8 config files stand on each other");
        let many: Vec<String> = (0..65).map(|n| format!("[[extends]]\nfile = \"{n}\"\n")).collect();
        let many = many.concat();
        let names: Vec<String> = (0..65).map(|n| n.to_string()).collect();
        let wide: Vec<(&str, &str)> = names.iter().map(|name| (&name[..], "")).chain([("a", &many[..])]).collect();
        assert_eq!(of(&wide).unwrap_err(), "a:129: a config stands on more than 64 files");
    }

    #[test]
    fn a_copy_is_what_its_hash_says() {
        let sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let config = |more: &str| format!("extends = [{{ url = \"https://example.org/x.toml\"{more} }}]\n");
        let named = config(&format!(", sha256 = \"{sha}\""));
        let copy = ".keysift/e3b0c44298fc1c14.toml";
        assert_eq!(of(&[("a", &named), (copy, "")]), Ok(format!("{copy} a")));
        let error = of(&[("a", &named), (copy, "max_depth = 1\n")]).unwrap_err();
        assert!(error.starts_with(&format!("a:1: {copy} is not what `sha256` names, its own is ")), "{error}");
        for (more, message) in [
            ("", "a:1: `url` needs `sha256`: nobody else's change may become yours unseen"),
            (", sha256 = \"12\"", "a:1: `sha256` is 64 hex digits, as `sha256sum` prints them"),
            (", sha = \"12\"", "a:1: unknown key `sha`: did you mean `sha256`?"),
        ] {
            assert_eq!(of(&[("a", &config(more))]).unwrap_err(), message);
        }
        assert!(of(&[("a", "extends = [{ file = \"\" }]\n")]).unwrap_err().starts_with("a:1: `extends` needs a path"));
        assert!(of(&[("a", "extends = [1]\n")]).unwrap_err().contains("expected a path, or a table"));
    }
}
