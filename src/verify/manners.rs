//! Manners: how many questions a host gets at a time and a second, and what happens when it asks for fewer.

use super::egress::{Answer, Failure};
use crate::rule::format::verify::Doubt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How fast questions may come.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Questions that one host has open.
    pub at_once: usize,
    /// From one question to the next to the same host.
    pub interval: Duration,
    /// How often one question is asked in all, where the host says that it has no time or has an error.
    pub attempts: u32,
    /// What a host that names no time is left alone for first.
    pub backoff: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { at_once: 4, interval: Duration::from_millis(100), attempts: 3, backoff: Duration::from_secs(1) }
    }
}

struct Host {
    open: Arc<Semaphore>,
    state: Mutex<State>,
}

impl Host {
    /// Why a question is not asked any more.
    fn too_late(&self) -> Failure {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let doubt = if state.quiet_until.is_some() { Doubt::RateLimited } else { Doubt::OutOfTime };
        Failure::new(doubt, "")
    }
}

struct State {
    /// When the next question may leave.
    next: Instant,
    /// The host asked to be left alone until then.
    quiet_until: Option<Instant>,
}

/// The hosts of a run.
pub struct Manners {
    pace: Pace,
    deadline: Instant,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Manners {
    /// Manners until `deadline`, after which nothing is asked.
    #[must_use]
    pub fn new(pace: Pace, deadline: Instant) -> Self {
        Self { pace, deadline, hosts: Mutex::default() }
    }

    /// How fast questions may come.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at_once = self.pace.at_once;
        let new = || {
            let state = State { next: Instant::now(), quiet_until: None };
            Arc::new(Host { open: Arc::new(Semaphore::new(at_once)), state: Mutex::new(state) })
        };
        Arc::clone(hosts.entry(name.to_owned()).or_insert_with(new))
    }

    /// Waits for the turn of a question to `name`; it is over when what comes back is dropped.
    ///
    /// # Errors
    /// Where the time is over before.
    pub async fn turn(&self, name: &str) -> Result<OwnedSemaphorePermit, Failure> {
        let host = self.host(name);
        let over = || Failure::new(Doubt::OutOfTime, "");
        let open = tokio::time::timeout_at(self.deadline, Arc::clone(&host.open).acquire_owned());
        let Ok(Ok(permit)) = open.await else { return Err(host.too_late()) };
        loop {
            let (at, is_quiet) = {
                let mut state = host.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let now = Instant::now();
                let quiet = state.quiet_until.filter(|until| *until > now);
                let at = state.next.max(now).max(quiet.unwrap_or(now));
                if at <= now {
                    state.next = now + self.pace.interval;
                    return Ok(permit);
                }
                (at, quiet.is_some())
            };
            if at > self.deadline {
                return Err(if is_quiet { host.too_late() } else { over() });
            }
            tokio::time::sleep_until(at).await;
        }
    }

    /// Leaves `name` alone for what `answer` says, or for longer and longer. Tells whether there is time to ask again.
    pub fn leave_alone(&self, name: &str, answer: Option<&Answer>, attempt: u32) -> bool {
        let asked = answer.and_then(|a| a.header("retry-after").next()).and_then(retry_after);
        let wait = asked.unwrap_or_else(|| jittered(self.pace.backoff * 2u32.saturating_pow(attempt)));
        let until = Instant::now() + wait;
        let host = self.host(name);
        let mut state = host.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.quiet_until = Some(state.quiet_until.map_or(until, |before| before.max(until)));
        until < self.deadline
    }

    /// Waits before one question is asked again that failed by itself. Tells whether there is time for it.
    pub async fn pause(&self, attempt: u32) -> bool {
        let until = Instant::now() + jittered(self.pace.backoff * 2u32.saturating_pow(attempt));
        if until >= self.deadline {
            return false;
        }
        tokio::time::sleep_until(until).await;
        true
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds.min(86_400)));
    }
    let at = http_date(text)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    Some(Duration::from_secs(at.saturating_sub(now).min(86_400)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let day = crate::finding::Day::parse(&format!("{year}-{month:02}-{day:0>2}"))?;
    let mut parts = time.split(':').map(|p| p.parse::<u64>().ok());
    let seconds = parts.next()?? * 3600 + parts.next()?? * 60 + parts.next()??;
    Some(u64::try_from(day.0).ok()? * 86_400 + seconds)
}

/// Between half and all of `wait`: questions that failed together do not come again together.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0u8) % 1024;
    wait / 2 + wait / 2 * u32::try_from(random).unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_wait() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(retry_after("soon"), None);
        for _ in 0..100 {
            let wait = jittered(Duration::from_secs(1));
            assert!((Duration::from_millis(500)..=Duration::from_secs(1)).contains(&wait), "{wait:?}");
        }
    }
}
