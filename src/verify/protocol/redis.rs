//! Redis and Valkey: `AUTH` and goodbye. <https://redis.io/docs/latest/commands/auth/>

use super::database::{Line, Target, dead, in_turn};
use crate::finding::{Secret, Verification};
use crate::rule::format::verify::Doubt;
use crate::verify::Asker;
use crate::verify::egress::Failure;
use crate::verify::plan::Way;
use zeroize::Zeroizing;

/// Logs in with what stands in the connection string.
pub(super) async fn ask(asker: &Asker, secret: &Secret, way: &Way) -> Verification {
    match Target::of(secret, way, 6379) {
        Ok(target) => in_turn(asker, &target, login(asker, &target)).await,
        Err(failure) => failure.into(),
    }
}

async fn login(asker: &Asker, target: &Target) -> Result<Verification, Failure> {
    let mut line = Line::open(asker, target).await?;
    if target.scheme.ends_with("diss") || target.scheme.ends_with("keys") {
        line = line.encrypt(asker, &target.host).await?;
    }
    let mut words: Vec<&[u8]> = vec![b"AUTH"];
    if !target.user.is_empty() {
        words.push(target.user.as_bytes());
    }
    words.push(&target.password);
    let mut command = Zeroizing::new(format!("*{}\r\n", words.len()).into_bytes());
    for word in words {
        command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        command.extend_from_slice(word);
        command.extend_from_slice(b"\r\n");
    }
    line.send(&command).await?;
    let reply = line.read_line().await?;
    line.send(b"*1\r\n$4\r\nQUIT\r\n").await.ok();
    Ok(match reply.split(' ').next().unwrap_or_default() {
        "+OK" => target.live(),
        "-WRONGPASS" => dead("the password is wrong (WRONGPASS)"),
        // Before version 6.
        "-ERR" if reply.contains("invalid password") => dead("the password is wrong"),
        "-ERR" if reply.contains("no password is set") || reply.contains("without any password configured") => {
            Verification::unknown_because(Doubt::UnexpectedAnswer, "the server asks for no password")
        }
        "-DENIED" => Verification::unknown(Doubt::IpRestricted),
        "-LOADING" | "-BUSY" => Verification::unknown(Doubt::ServerError),
        _ => Verification::unknown(Doubt::UnexpectedAnswer),
    })
}
