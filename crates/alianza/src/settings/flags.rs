//! Settings as flags, made from the table of settings.

use super::list::{SETTINGS, Setting, Takes};
use super::merge::{Layer, Origin, Written};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// The flags that were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags(Layer);

impl Flags {
    /// What they say.
    pub(crate) fn layer(self) -> Layer {
        self.0
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| command.arg(argument(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

fn argument(setting: &'static Setting) -> Arg {
    let help = if setting.default.is_empty() || setting.takes == Takes::Switch {
        setting.help.to_owned()
    } else {
        format!("{} [default: {}]", setting.help, setting.default)
    };
    let argument = Arg::new(setting.name).long(setting.name).help(help);
    match setting.takes {
        Takes::One(what) => argument.value_name(what).action(ArgAction::Set),
        Takes::Many(what) => argument.value_name(what).action(ArgAction::Append).value_delimiter(','),
        Takes::Switch => argument.action(ArgAction::SetTrue),
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            let texts: Vec<String> = match setting.takes {
                Takes::Switch if matches.get_flag(setting.name) => vec!["true".to_owned()],
                Takes::Switch => continue,
                Takes::One(_) | Takes::Many(_) => match matches.get_many::<String>(setting.name) {
                    Some(texts) => texts.cloned().collect(),
                    None => continue,
                },
            };
            self.0.insert(setting.name, Written { texts, origin: Origin::Flag(setting.name) });
        }
        Ok(())
    }
}
