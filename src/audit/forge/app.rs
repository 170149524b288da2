//! A GitHub App as who asks. Its key signs a word that counts for minutes; for that word GitHub gives tokens of an hour, one for
//! each account that installed the app. Neither is kept anywhere but in memory.
//!
//! - the word: <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>
//! - the tokens: <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>

use super::api::{Account, Api, Scheme, Token, Trouble};
use super::segment;
use crate::audit::target::SourceError;
use crate::finding::Secret;
use crate::finding::date::rfc3339;
use crate::source::Stop;
use crate::source::git::url::RemoteUrl;
use crate::verify::seconds_now;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The variables that describe an app.
pub const ID: &str = "GITHUB_APP_ID";
pub const KEY: &str = "GITHUB_APP_PRIVATE_KEY";
pub const INSTALLATION: &str = "GITHUB_APP_INSTALLATION_ID";

/// How long a word counts, in seconds: GitHub takes up to ten minutes.
const WORD: i64 = 9 * 60;
/// How many seconds clocks may differ by.
const SLACK: i64 = 60;
/// A token that ends within so many seconds is replaced: a clone may take a while.
const RENEWED_BEFORE: i64 = 10 * 60;

/// See the top of this file.
pub struct App {
    id: String,
    key: Arc<dyn SigningKey>,
    /// The only installation that is used, where one is named.
    installation: Option<String>,
    host: String,
    inner: Mutex<Inner>,
}

struct Inner {
    api: Api,
    /// By owner, in lower case.
    known: HashMap<String, Known>,
}

enum Known {
    Granted {
        token: Secret,
        /// RFC 3339.
        until: String,
    },
    NotInstalled(String),
}

impl App {
    /// The app that the environment describes, for the API at `base`; `None` where it describes none.
    ///
    /// # Errors
    /// What is wrong with a variable, without its value.
    pub fn of(
        env: &dyn Fn(&str) -> Option<String>,
        base: &str,
        headers: &'static [(&'static str, &'static str)],
    ) -> Result<Option<Self>, String> {
        let text = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let (id, pem) = match (text(ID), text(KEY)) {
            (None, None) => return Ok(None),
            (Some(id), Some(pem)) => (id, pem),
            (Some(_), None) => return Err(format!("{ID} is set and {KEY} is not: give the app's private key, as PEM")),
            (None, Some(_)) => return Err(format!("{KEY} is set and {ID} is not: give the app's id")),
        };
        let key = read_key(&pem)?;
        let installation = text(INSTALLATION);
        if installation.as_ref().is_some_and(|id| !id.bytes().all(|b| b.is_ascii_digit())) {
            return Err(format!("{INSTALLATION} is no number"));
        }
        let api = Api::new(base, None, headers)?;
        let host = api.host().to_owned();
        Ok(Some(Self { id, key, installation, host, inner: Mutex::new(Inner { api, known: HashMap::new() }) }))
    }

    /// A token for what `owner` has: the one that is known while it lasts, else a new one.
    ///
    /// # Errors
    /// Where the app is not installed for the owner, or GitHub gives no token.
    pub fn token(&self, owner: &str, stop: &Stop) -> Result<Secret, Trouble> {
        // Others who need one wait for it, in place of asking too.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let name = owner.to_ascii_lowercase();
        let now = seconds_now();
        match inner.known.get(&name) {
            Some(Known::Granted { token, until }) if *until > rfc3339(now + RENEWED_BEFORE, 0) => return Ok(token.clone()),
            Some(Known::NotInstalled(why)) => return Err(Trouble::NotThere(why.clone())),
            _ => {}
        }
        let word = self.word(now).map_err(|why| Trouble::Ended(SourceError::Refused(why)))?;
        inner.api.set_account(Account { variable: KEY.to_owned(), token: Token::Given(word), scheme: Scheme::Bearer });
        let answer = match self.installation_of(&mut inner.api, owner, stop) {
            Ok(id) => inner.api.post(&format!("app/installations/{id}/access_tokens"), &json!({}), stop)?,
            Err(Trouble::NotThere(_)) => {
                let why = format!("the app of {KEY} is not installed for {owner} at {}", self.host);
                inner.known.insert(name, Known::NotInstalled(why.clone()));
                return Err(Trouble::NotThere(why));
            }
            Err(e) => return Err(e),
        };
        let Some(token) = answer.body["token"].as_str().map(|token| Secret::new(token.as_bytes())) else {
            return Err(Trouble::Ended(answer.unread("holds no token")));
        };
        let until = answer.body["expires_at"].as_str().map_or_else(|| rfc3339(now + 3600, 0), str::to_owned);
        inner.known.insert(name, Known::Granted { token: token.clone(), until });
        Ok(token)
    }

    /// Forgets the token for what `owner` has: it was refused.
    pub fn forget(&self, owner: &str) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).known.remove(&owner.to_ascii_lowercase());
    }

    /// The token to clone `url` with, where the app is installed for its owner.
    #[must_use]
    pub fn token_for(&self, url: &RemoteUrl, stop: &Stop) -> Option<Secret> {
        let owner = url.path.split('/').find(|part| !part.is_empty())?;
        if url.authority() != self.host {
            return None;
        }
        self.token(owner, stop).ok()
    }

    fn installation_of(&self, api: &mut Api, owner: &str, stop: &Stop) -> Result<String, Trouble> {
        if let Some(id) = &self.installation {
            return Ok(id.clone());
        }
        let owner = segment(owner);
        let answer = match api.get(&format!("orgs/{owner}/installation"), stop) {
            Err(Trouble::NotThere(_)) => api.get(&format!("users/{owner}/installation"), stop)?,
            other => other?,
        };
        answer.body["id"].as_u64().map(|id| id.to_string()).ok_or_else(|| Trouble::Ended(answer.unread("holds no id")))
    }

    /// A word that says who asks: a JSON Web Token with RS256 (RFC 7519, RFC 7518 3.3).
    fn word(&self, now: i64) -> Result<Secret, String> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(&json!({"alg": "RS256", "typ": "JWT"}));
        let said = part(&json!({"iat": now - SLACK, "exp": now + WORD, "iss": self.id}));
        let text = format!("{head}.{said}");
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
        let signature = signer.and_then(|signer| signer.sign(text.as_bytes()).ok());
        let signature = signature.ok_or_else(|| format!("the key in {KEY} does not sign"))?;
        Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)).as_bytes()))
    }
}

/// Reads an RSA key in PEM, PKCS #1 as GitHub gives it or PKCS #8. A variable may hold `\n` in place of line ends.
fn read_key(pem: &str) -> Result<Arc<dyn SigningKey>, String> {
    let wrong = |what: &str| format!("{KEY} {what}: give the file that GitHub made for the app, from `-----BEGIN` to its end");
    let text = pem.replace("\\n", "\n");
    let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| wrong("holds no private key in PEM"))?;
    let key = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| wrong("holds a key that cannot be read"))?;
    if key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).is_none() {
        return Err(wrong("holds no RSA key"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_app_is_told_without_its_key() {
        let of = |all: &[(&str, &str)]| {
            let env = |name: &str| all.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            App::of(&env, "https://api.github.com", &[]).map(|app| app.is_some())
        };
        assert_eq!(of(&[]), Ok(false));
        assert_eq!(of(&[(ID, " "), (KEY, "")]), Ok(false));
        assert!(of(&[(ID, "7")]).unwrap_err().contains("GITHUB_APP_PRIVATE_KEY is not"));
        assert!(of(&[(KEY, "x")]).unwrap_err().contains("GITHUB_APP_ID is not"));
        let wrong = of(&[(ID, "7"), (KEY, "hidden")]).unwrap_err();
        assert!(wrong.contains("holds no private key in PEM") && !wrong.contains("hidden"), "{wrong}");
    }
}
