//! Flags of a command, made when it is asked for: those of all commands are some hundreds, and to make them took a third of the
//! instructions of a short run.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Id};
use std::cell::Cell;

thread_local! {
    /// Whether all flags are made at once.
    static AT_ONCE: Cell<bool> = const { Cell::new(false) };
}

/// The flags of a command.
#[derive(Debug)]
pub(super) struct Later<T>(pub Box<T>);

/// Makes a command line with all flags of all commands, for those who look at the whole of it.
pub(super) fn whole(make: impl FnOnce() -> Command) -> Command {
    AT_ONCE.set(true);
    let command = make();
    AT_ONCE.set(false);
    command
}

/// Adds the flags; what was said of the command stays, whatever is said of them.
fn add<T: Args>(command: Command) -> Command {
    let (about, long_about) = (command.get_about().cloned(), command.get_long_about().cloned());
    let mut command = T::augment_args(command);
    if let Some(about) = about {
        command = command.about(about);
    }
    match long_about {
        Some(long_about) => command.long_about(long_about),
        None => command.long_about(None::<&'static str>),
    }
}

impl<T: Args> Args for Later<T> {
    fn group_id() -> Option<Id> {
        T::group_id()
    }

    fn augment_args(command: Command) -> Command {
        if AT_ONCE.get() { add::<T>(command) } else { command.defer(add::<T>) }
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(|flags| Self(Box::new(flags)))
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches_mut(matches).map(|flags| Self(Box::new(flags)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Arguments;
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn a_command_is_the_same_whenever_its_flags_are_made() {
        let (mut later, mut at_once) = (Arguments::command(), whole(Arguments::command));
        later.build();
        at_once.build();
        assert_eq!(later.render_long_help().to_string(), at_once.render_long_help().to_string());
        for name in at_once.get_subcommands().map(|c| c.get_name().to_owned()).collect::<Vec<_>>() {
            let page = |all: &mut Command| all.find_subcommand_mut(&name).expect("a command").render_long_help().to_string();
            assert_eq!(page(&mut later), page(&mut at_once));
        }
    }
}
