//! A conversation with a server: what refs it has, and a pack of what is wanted.

use super::http::{Web, and_cause};
use super::ssh::{self, Ssh};
use super::stream::{Patience, Trouble};
use super::{Network, RemoteError};
use crate::finding::Secret;
use crate::finding::snippet::visible;
use crate::source::git::lookup::{Lookup, Store};
use crate::source::git::objects::Kind;
use crate::source::git::url::{RemoteUrl, Scheme};
use gix::bstr::BString;
use gix::hash::{ObjectId, oid};
use gix::progress::Discard;
use gix_pack::bundle::write::Options as PackOptions;
use gix_protocol::credentials::{helper, protocol};
use gix_protocol::fetch::negotiate::{Action, Round, one_round};
use gix_protocol::fetch::{Arguments, Context, Negotiate, Options, Response, Shallow, Tags};
use gix_protocol::handshake::Ref as Advertised;
use gix_protocol::ls_refs::RefPrefixes;
use gix_protocol::{Handshake, LsRefsCommand, SendFlushOnDrop};
use gix_transport::client::blocking_io::Transport;
use gix_transport::client::blocking_io::http::connect_http;
use gix_transport::{Protocol, Service};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Above this, one object is not unpacked: the scan would not look at it either.
const LARGEST_OBJECT: usize = 1 << 30;

/// A ref of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// The whole name, valid: `refs/heads/main`; or `HEAD`.
    pub name: String,
    /// What it points to: a commit, or an annotated tag. `None` for a branch without commits.
    pub id: Option<ObjectId>,
    /// The ref that it stands for.
    pub target: Option<String>,
}

/// Which refs a server has whose names start with one of `prefixes`.
///
/// # Errors
/// Where the server cannot be asked.
pub fn remote_refs(url: &RemoteUrl, prefixes: &[&str], network: Network<'_>) -> Result<Vec<RemoteRef>, RemoteError> {
    Session::open(url, network)?.refs(prefixes)
}

/// What is to be fetched.
pub(super) struct Wanted<'a> {
    pub ids: &'a [ObjectId],
    /// Commits that are here, with all that they reach.
    pub there: &'a [ObjectId],
    /// How far history is to reach.
    pub depth: Shallow,
    /// Where the pack goes.
    pub packs: &'a Path,
    /// The file with the commits whose parents are not there.
    pub shallow_file: PathBuf,
    /// Where bases of deltas are looked for.
    pub bases: Option<&'a Store>,
}

/// A conversation.
pub(super) struct Session<'a> {
    url: String,
    transport: SendFlushOnDrop<Box<dyn Transport + 'a>>,
    handshake: Handshake,
    network: Network<'a>,
    trouble: Trouble,
    ssh: Option<Ssh>,
    token: Option<Secret>,
}

impl<'a> Session<'a> {
    /// Begins one.
    pub(super) fn open(url: &RemoteUrl, network: Network<'a>) -> Result<Self, RemoteError> {
        let trouble = Trouble::default();
        let shown = url.to_string();
        let patience =
            Patience { url: shown.clone(), stop: network.stop, silence: network.limits.silence, trouble: trouble.clone() };
        let (transport, mut ssh): (Box<dyn Transport + 'a>, _) = match url.scheme {
            Scheme::Https | Scheme::Http => {
                let web = Web::new(url, network.limits, patience)?;
                let parsed = gix::url::parse(shown.as_str());
                let parsed = parsed.map_err(|e| RemoteError::Protocol { url: shown.clone(), cause: e.to_string() })?;
                (Box::new(connect_http(web, parsed, Protocol::V2, false)), None)
            }
            Scheme::Ssh => {
                let (ssh, connection) = ssh::connect(url, network.limits, patience)?;
                (Box::new(connection), Some(ssh))
            }
        };
        let mut transport = SendFlushOnDrop::new(transport, false);
        let mut asked = Asked::No;
        let handshake = {
            let authenticate = |action| Ok(asked.answer(action, url, &network));
            gix_protocol::handshake(&mut transport.inner, Service::UploadPack, authenticate, Vec::new(), &mut Discard)
        };
        let token = network.credentials.for_url(url).map(|account| account.token);
        match handshake {
            Ok(handshake) => Ok(Self { url: shown, transport, handshake, network, trouble, ssh, token }),
            Err(error) => Err(match (trouble.take(), asked) {
                (Some(known), _) => known,
                (None, Asked::NothingToGive) if url.scheme == Scheme::Http => RemoteError::CredentialsInTheClear(shown),
                (None, Asked::NothingToGive) => RemoteError::CredentialsNeeded(shown),
                (None, Asked::Refused(variable)) => RemoteError::CredentialsRefused { url: shown, variable },
                (None, Asked::No | Asked::Gave(_)) => told(&shown, &error, ssh.as_mut(), token.as_ref()),
            }),
        }
    }

    /// The hash that the server's ids are of.
    pub(super) fn hash(&self) -> Result<gix::hash::Kind, RemoteError> {
        match self.handshake.capabilities.capability("object-format").and_then(|c| c.value().map(ToString::to_string)) {
            None => Ok(gix::hash::Kind::Sha1),
            Some(name) => name.parse().map_err(|_| RemoteError::Protocol {
                url: self.url.clone(),
                cause: format!("its ids are {}, which is not supported", visible(&name)),
            }),
        }
    }

    /// The refs whose names start with one of `prefixes`.
    pub(super) fn refs(&mut self, prefixes: &[&str]) -> Result<Vec<RemoteRef>, RemoteError> {
        let advertised = if let Some(refs) = self.handshake.refs.take() {
            refs
        } else {
            let mut filter = RefPrefixes::new();
            filter.extend(prefixes.iter().map(|p| BString::from(*p)));
            let command = LsRefsCommand::new(Some(filter), &self.handshake.capabilities, agent());
            let listed = command.invoke_blocking(&mut self.transport.inner, &mut Discard, false);
            listed.map_err(|e| self.failed(&e))?
        };
        let wanted = |r: &RemoteRef| prefixes.iter().any(|p| r.name.starts_with(p));
        // Servers may send more than was asked for.
        advertised.into_iter().map(|r| self.checked(r)).filter(|r| r.as_ref().map_or(true, wanted)).collect()
    }

    /// A ref with a name that git allows.
    fn checked(&self, advertised: Advertised) -> Result<RemoteRef, RemoteError> {
        let (name, id, target) = match advertised {
            Advertised::Peeled { full_ref_name, tag, .. } => (full_ref_name, Some(tag), None),
            Advertised::Direct { full_ref_name, object } => (full_ref_name, Some(object), None),
            Advertised::Symbolic { full_ref_name, target, tag, object } => {
                (full_ref_name, Some(tag.unwrap_or(object)), Some(target))
            }
            Advertised::Unborn { full_ref_name, target } => (full_ref_name, None, Some(target)),
        };
        let valid = |name: BString| {
            let is_valid = name == "HEAD" || gix::validate::reference::name(name.as_ref()).is_ok();
            String::from_utf8(name.into()).ok().filter(|_| is_valid)
        };
        let wrong = || RemoteError::Protocol { url: self.url.clone(), cause: "a ref's name is none that git allows".to_owned() };
        let name = valid(name).ok_or_else(wrong)?;
        let target = target.map(|target| valid(target).ok_or_else(wrong)).transpose()?;
        Ok(RemoteRef { name, id, target })
    }

    /// The error of a conversation: what is known of it, else what was said.
    fn failed(&mut self, error: &gix::error::Error) -> RemoteError {
        self.trouble.take().unwrap_or_else(|| told(&self.url, error, self.ssh.as_mut(), self.token.as_ref()))
    }

    /// Fetches; gives the pack that was written, if there was anything to send.
    pub(super) fn fetch(&mut self, wanted: &Wanted<'_>) -> Result<Option<PathBuf>, RemoteError> {
        let hash = self.hash()?;
        let mut written = None;
        let bases = wanted.bases.map(|store| Bases(RefCell::new(Lookup::new(store))));
        let options = PackOptions { alloc_limit_bytes: Some(LARGEST_OBJECT), ..PackOptions::default() };
        let fetched = gix_protocol::fetch(
            &mut Exactly { wanted },
            |pack, progress, stop| {
                let outcome =
                    gix_pack::Bundle::write_to_directory(pack, Some(wanted.packs), progress, stop, bases, hash, options)?;
                if let Some(keep) = outcome.keep_path {
                    let _ = std::fs::remove_file(keep);
                }
                written = outcome.data_path;
                Ok(true)
            },
            Discard,
            self.network.stop.flag(),
            Context {
                handshake: &mut self.handshake,
                transport: &mut self.transport.inner,
                user_agent: agent(),
                trace_packetlines: false,
            },
            Options {
                shallow_file: wanted.shallow_file.clone(),
                shallow: &wanted.depth,
                tags: Tags::None,
                reject_shallow_remote: false,
            },
        );
        match fetched {
            Ok(_) => Ok(written),
            Err(_) if self.network.stop.is_asked() => Err(RemoteError::Interrupted),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

/// What became of a server's question for credentials.
enum Asked {
    No,
    NothingToGive,
    Gave(&'static str),
    Refused(&'static str),
}

impl Asked {
    /// Gives the host its token, once.
    fn answer(&mut self, action: helper::Action, url: &RemoteUrl, network: &Network<'_>) -> Option<protocol::Outcome> {
        match action {
            helper::Action::Get(context) => {
                let Some(account) = network.credentials.for_url(url) else {
                    *self = Self::NothingToGive;
                    return None;
                };
                *self = Self::Gave(account.variable);
                let password = text(&account.token);
                let identity = gix::sec::identity::Account { username: account.user, password, oauth_refresh_token: None };
                Some(protocol::Outcome { identity, next: context.into() })
            }
            helper::Action::Store(_) => None,
            helper::Action::Erase(_) => {
                if let Self::Gave(variable) = *self {
                    *self = Self::Refused(variable);
                }
                None
            }
        }
    }
}

fn text(token: &Secret) -> String {
    String::from_utf8_lossy(token.expose()).into_owned()
}

fn agent() -> gix_protocol::command::Feature {
    ("agent", Some(concat!("keysift/", env!("CARGO_PKG_VERSION")).to_owned()))
}

/// What the server or ssh said. A server that repeats a token must not put it into our error.
fn told(url: &str, error: &gix::error::Error, ssh: Option<&mut Ssh>, token: Option<&Secret>) -> RemoteError {
    let mut cause = error.iter_errors().fold(String::new(), |text, e| and_cause(text, &e.to_string()));
    if cause.contains("not our ref") {
        return RemoteError::Gone { url: url.to_owned() };
    }
    if let Some(complaint) = ssh.and_then(Ssh::complaint) {
        cause = complaint;
    }
    if let Some(token) = token {
        cause = cause.replace(&text(token), "…");
    }
    let cause: String = visible(&cause).chars().take(400).collect();
    RemoteError::Protocol { url: url.to_owned(), cause }
}

/// Asks for exactly what is wanted, in one round.
struct Exactly<'a> {
    wanted: &'a Wanted<'a>,
}

impl Negotiate for Exactly<'_> {
    fn mark_complete_and_common_ref(&mut self) -> gix::error::Result<Action> {
        Ok(Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        self.wanted.ids.iter().for_each(|id| arguments.want(id));
        !self.wanted.ids.is_empty()
    }

    fn one_round(
        &mut self,
        _state: &mut one_round::State,
        arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> gix::error::Result<(Round, bool)> {
        self.wanted.there.iter().for_each(|id| arguments.have(id));
        let sent = self.wanted.there.len();
        let round =
            Round { haves_sent: sent, in_vain: 0, haves_to_send: sent, previous_response_had_at_least_one_in_common: false };
        Ok((round, true))
    }
}

/// Bases of deltas that the server knows to be here.
struct Bases<'a>(RefCell<Lookup<'a>>);

impl gix::objs::Find for Bases<'_> {
    fn try_find<'b>(&self, id: &oid, buffer: &'b mut Vec<u8>) -> gix::error::Result<Option<gix::objs::Data<'b>>> {
        let Ok(object) = self.0.borrow_mut().read(id) else { return Ok(None) };
        buffer.clear();
        buffer.extend_from_slice(&object.bytes);
        let kind = match object.kind {
            Kind::Commit => gix::objs::Kind::Commit,
            Kind::Tree => gix::objs::Kind::Tree,
            Kind::Blob => gix::objs::Kind::Blob,
            Kind::Tag => gix::objs::Kind::Tag,
            Kind::Broken => return Ok(None),
        };
        Ok(Some(gix::objs::Data { kind, object_hash: id.kind(), data: buffer }))
    }
}
