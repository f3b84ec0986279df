//! `cosmos clear`: resets a session of a running daemon, or has routes sent again.

use std::io::{self, Write};

use clap::{Args, Subcommand, ValueEnum};
use speaker::{Clear, Cleared};

use crate::cli::{ControlArgs, Failure, JsonArray, Output, OutputFormat};
use crate::control::Request;

/// Arguments of `cosmos clear`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
cosmos clear peer leaf1 --reason \"moving to the new line card\"\n  \
cosmos clear peer leaf1 soft in    apply the import policy anew\n  \
cosmos clear peer leaf1 soft out   send all routes again")]
pub struct ClearArgs {
    /// How to reach the daemon.
    #[command(flatten)]
    pub control: ControlArgs,
    /// What to clear.
    #[command(subcommand)]
    pub what: ClearWhat,
}

/// What `cosmos clear` clears.
#[derive(Clone, Debug, Subcommand)]
pub enum ClearWhat {
    /// The session with a neighbour: a Cease and a new start, or with `soft` no interruption
    Peer {
        /// Neighbour's name or address
        peer: String,
        /// Text for the neighbour's operator, up to 255 octets (RFC 9003)
        #[arg(long, value_name = "TEXT", conflicts_with = "soft")]
        reason: Option<String>,
        /// `soft in` or `soft out`; `soft` alone is both
        #[arg(value_name = "soft [in|out]", num_args = 0..=2, value_enum)]
        soft: Vec<Soft>,
    },
}

/// The words of a soft clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Soft {
    /// Without ending the session
    Soft,
    /// Routes received
    In,
    /// Routes sent
    Out,
}

/// Runs `cosmos clear`.
///
/// # Errors
/// [`Failure::Unreachable`] when no daemon answers; what the daemon refuses; words out of place.
pub fn run(args: ClearArgs) -> Result<(), Failure> {
    let ClearWhat::Peer { peer, reason, soft } = args.what;
    let client = crate::show::client(&args.control)?;
    let mut cleared = Vec::new();
    for how in steps(&soft, reason)? {
        let request =
            Request::Clear { router: args.control.router.clone(), peer: peer.clone(), how };
        cleared.extend(client.all::<Cleared>(&request)?);
    }
    let mut out = Output::new(io::stdout());
    match args.control.output {
        OutputFormat::Json => {
            let mut array = JsonArray::new(out);
            cleared.iter().try_for_each(|item| array.push(item))?;
            array.finish()?;
        }
        OutputFormat::Table => {
            for Cleared { peer, done, .. } in cleared {
                writeln!(out, "{peer}: {done}")?;
            }
            out.flush()?;
        }
    }
    Ok(())
}

fn steps(soft: &[Soft], reason: Option<String>) -> Result<Vec<Clear>, Failure> {
    Ok(match soft {
        [] => vec![Clear::Hard { reason }],
        [Soft::Soft] => vec![Clear::SoftIn, Clear::SoftOut],
        [Soft::Soft, Soft::In] => vec![Clear::SoftIn],
        [Soft::Soft, Soft::Out] => vec![Clear::SoftOut],
        _ => {
            let usage = "after the neighbour comes nothing, or soft, soft in, soft out";
            return Err(Failure::Usage(usage.to_owned()));
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parsed(words: &str) -> Result<Vec<Clear>, String> {
        let cli = Cli::try_parse_from(words.split(' ')).map_err(|e| e.to_string())?;
        let Command::Clear(ClearArgs { what: ClearWhat::Peer { peer, reason, soft }, .. }) =
            cli.command
        else {
            return Err("another command".to_owned());
        };
        assert_eq!(peer, "leaf1");
        steps(&soft, reason).map_err(|_| "out of place".to_owned())
    }

    #[test]
    fn the_words_of_operators_are_understood() {
        let hard = |reason: Option<&str>| vec![Clear::Hard { reason: reason.map(str::to_owned) }];
        assert_eq!(parsed("cosmos clear peer leaf1"), Ok(hard(None)));
        assert_eq!(parsed("cosmos clear peer leaf1 --reason bye"), Ok(hard(Some("bye"))));
        assert_eq!(parsed("cosmos clear peer leaf1 soft in"), Ok(vec![Clear::SoftIn]));
        assert_eq!(parsed("cosmos clear peer leaf1 soft out"), Ok(vec![Clear::SoftOut]));
        assert_eq!(parsed("cosmos clear peer leaf1 soft"), Ok(vec![Clear::SoftIn, Clear::SoftOut]));
        assert_eq!(parsed("cosmos clear peer leaf1 in"), Err("out of place".to_owned()));
        assert!(parsed("cosmos clear peer leaf1 soft sideways").is_err());
        assert!(parsed("cosmos clear peer leaf1 soft in --reason no").is_err());
    }
}
