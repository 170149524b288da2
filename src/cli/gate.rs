//! The flags of the gate, and what they, config and locks come to.

use super::common::Settings;
use crate::triage::gate::{FailOn, Gate, Incomplete};
use clap::Args;

/// What fails a run, and how it ends then.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct FailFlags {
    /// What fails the run: any, low, medium, high, critical, none; with --verify also live, or live,unknown [default: what
    /// config says, else any]
    #[arg(long, value_name = "WHAT", value_parser = FailOn::parse, help_heading = "Report")]
    pub fail_on: Option<FailOn>,
    /// The exit code of a run that fails on findings [default: what config says, else 1]
    #[arg(long, value_name = "N", help_heading = "Report")]
    pub exit_code: Option<u8>,
    /// What an incomplete run without failing findings does: fail (exit code 3) or warn (0) [default: what config says, else
    /// fail; warn in hooks of the committer]
    #[arg(long, value_name = "WHAT", value_parser = Incomplete::parse, help_heading = "Report")]
    pub incomplete: Option<Incomplete>,
    /// Where nobody says otherwise, an incomplete run warns: hooks of the committer.
    #[arg(skip)]
    pub lenient: bool,
}

impl FailFlags {
    /// Whether providers must be asked before anyone knows what fails.
    pub(super) const fn asks_providers(self) -> bool {
        matches!(self.fail_on, Some(FailOn::Live { .. }))
    }
}

impl Settings {
    /// What fails the run: flags before config, where nothing is locked.
    pub(super) fn gate(&mut self, flags: FailFlags) -> Gate {
        let mut allows = |key, flag| self.layers.allows(key, flag);
        let fail_on = flags.fail_on.filter(|_| allows("fail_on", "--fail-on"));
        let code = flags.exit_code.filter(|_| allows("exit_code", "--exit-code"));
        let incomplete = flags.incomplete.filter(|_| allows("incomplete", "--incomplete"));
        let usual = if flags.lenient { Incomplete::Warn } else { Incomplete::Fail };
        Gate {
            fail_on: fail_on.or(self.layers.config.fail_on).unwrap_or(FailOn::Any),
            failing_code: code.or(self.layers.config.exit_code).unwrap_or(1),
            incomplete: incomplete.or(self.layers.config.incomplete).unwrap_or(usual),
        }
    }
}
