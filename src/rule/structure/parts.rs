//! Tokens of which a part says something: ids of users, teams and data centres.

use super::{Says, Structure, URL_SAFE, decoded, time};
use base64::Engine as _;

/// GitLab's routable tokens: `prefix-PAYLOAD.NN.LLCCCCCCC`, the payload holds what they are for in base 36
/// (<https://handbook.gitlab.com/handbook/engineering/architecture/design-documents/cells/routable_tokens/>).
pub(super) fn gitlab(token: &[u8]) -> Structure {
    let mut structure = Structure::default();
    let Some(dash) = token.iter().position(|b| *b == b'-') else { return structure };
    let payload = token[dash + 1..].split(|b| *b == b'.').next().unwrap_or_default();
    let Ok(payload) = URL_SAFE.decode(payload) else { return structure };
    for line in payload.split(|b| *b == b'\n') {
        let Some((key, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) else { continue };
        let name = match key {
            "c" => "cell",
            "o" => "organization",
            "g" => "group",
            "p" => "project",
            "u" => "user",
            _ => continue,
        };
        structure.tell_if(name, u64::from_str_radix(value, 36).ok().map(|n| n.to_string()));
    }
    structure
}

/// `xoxb-TEAM-USER-…`, `xapp-1-APP-…`, and the paths of webhooks: `TEAM/BOT/…`.
pub(super) fn slack(token: &[u8]) -> Structure {
    let mut structure = Structure::default();
    let text = String::from_utf8_lossy(token);
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    match parts[..] {
        ["xapp", _, app, ..] => structure.tell("app", app),
        [kind, team, user, ..] if kind.starts_with("xox") && is_id(team) => {
            structure.tell("team", team);
            if is_id(user) {
                structure.tell("user", user);
            }
        }
        [team, bot, ..] if team.starts_with('T') => {
            structure.tell("team", team);
            structure.tell("app", bot);
        }
        _ => {}
    }
    structure
}

fn is_id(part: &str) -> bool {
    (9..=14).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
}

/// The user in the first part (<https://discord.com/developers/docs/reference#snowflakes>: its upper bits are a time).
pub(super) fn discord(token: &[u8]) -> Structure {
    let first = token.split(|b| *b == b'.').next().unwrap_or_default();
    let id = decoded(first).and_then(|id| String::from_utf8(id).ok());
    let Some(id) = id.filter(|id| (17..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())) else {
        return Structure::broken("its first part is no user id");
    };
    let mut structure = Structure::default();
    let created = id.parse::<u64>().ok().and_then(|n| i64::try_from((n >> 22) + 1_420_070_400_000).ok());
    structure.tell("user", id);
    structure.tell_if("account_created", created.and_then(|ms| time(ms / 1000)));
    structure
}

/// `BOT:…`
pub(super) fn telegram(token: &[u8]) -> Structure {
    let mut structure = Structure::default();
    let bot = token.split(|b| *b == b':').next().unwrap_or_default();
    structure.tell("bot", String::from_utf8_lossy(bot));
    structure
}

/// `…-us21`
pub(super) fn mailchimp(token: &[u8]) -> Structure {
    let mut structure = Structure { facts: Vec::new(), says: Says::Nothing };
    let region = token.rsplit(|b| *b == b'-').next().unwrap_or_default();
    structure.tell("region", String::from_utf8_lossy(region));
    structure
}
